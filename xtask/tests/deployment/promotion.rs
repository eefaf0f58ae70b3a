//! `deploy --promote`, `deploy --migrate` and `rollback`, over the wire.

use proofline_spec::evidence::CheckOutcome;
use serde_json::json;

use super::ground::{Done, Ground};
use super::vendor::{State, Vendor, WORKER};
use super::{FIRST, deployed, position};

const SECOND: &str = "00000000-0000-4000-8000-000000000002";

const LOCK: &str = "\
proofline: v1
environment: staging
services:
  tiny: {DB: 00000000-0000-4000-8000-00000000000d, CACHE: 0123456789abcdef0123456789abcdef}
";

fn promote(ground: &Ground, vendor: &Vendor, watch: &str) -> Done {
    let arguments = ["deploy", "--env", "staging", "--built", "--promote", "--watch", watch];
    ground.with_account(vendor, &arguments, &[])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn promoted_version_is_uploaded_beside_the_old_one_and_then_takes_all_requests() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    // What a deployment before has kept of ids need not be committed first.
    ground.write("environments/staging.lock.yaml", LOCK);
    let done = promote(&ground, &vendor, "1ms");
    assert_eq!(done.code, Some(0), "{}", done.said);
    let changes = vendor.changes();
    let order = [
        "POST /d1/database/database-1/query".to_owned(),
        format!("POST /workers/scripts/{WORKER}/versions"),
        format!("POST /workers/scripts/{WORKER}/deployments"),
    ];
    let places: Vec<usize> = order.iter().map(|call| position(&changes, call)).collect();
    assert!(places.is_sorted(), "{changes:#?}");
    // Uploading it whole would let it take requests at once.
    assert!(!changes.contains(&format!("PUT /workers/scripts/{WORKER}")), "{changes:#?}");
    assert_eq!(ground.looks(), ["trial", "staging"]);
    let record = ground.record();
    assert_eq!((&record["outcome"], &record["version"]), (&json!("deployed"), &json!(SECOND)));
    assert_eq!(record["previous_version"], FIRST);
    assert_eq!(vendor.state.lock().unwrap().deployed.as_deref(), Some(SECOND));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn nothing_is_promoted_whose_claims_fail_in_the_environment_before() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    ground.finds_at(1, CheckOutcome::Failed);
    let done = promote(&ground, &vendor, "1ms");
    assert_eq!(done.code, Some(1), "{}", done.said);
    assert!(done.said.contains("in `trial`, P0 claims failed: SEC-HEADERS"), "{}", done.said);
    assert_eq!(vendor.changes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn promoted_version_that_fails_while_it_is_watched_is_rolled_back() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    // It is well when it is promoted, and no longer when it is looked at again.
    ground.finds_at(3, CheckOutcome::Failed);
    let done = promote(&ground, &vendor, "1h");
    assert_eq!(done.code, Some(1), "{}", done.said);
    assert_eq!(ground.looks(), ["trial", "staging", "staging"]);
    let state = vendor.state.lock().unwrap();
    assert_eq!(state.history, [SECOND, FIRST], "nothing was promoted that could be rolled back");
    assert_eq!(state.deployed.as_deref(), Some(FIRST));
    assert_eq!(ground.record()["outcome"], "rolled-back");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn migrations_alone_change_no_version() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    let arguments = ["deploy", "--env", "staging", "--built", "--migrate"];
    let done = ground.with_account(&vendor, &arguments, &[]);
    assert_eq!(done.code, Some(0), "{}", done.said);
    let changes = vendor.changes();
    position(&changes, "POST /d1/database/database-1/query");
    assert!(!changes.iter().any(|call| call.contains("/workers/")), "{changes:#?}");
    assert_eq!(ground.record()["outcome"], "migrated");
    assert_eq!(ground.looks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn rollback_lets_the_version_of_before_take_all_requests_again() {
    let state = State {
        versions: vec![FIRST.to_owned(), SECOND.to_owned()],
        history: vec![FIRST.to_owned()],
        deployed: Some(SECOND.to_owned()),
        ..deployed()
    };
    let (ground, vendor) = (Ground::new(), Vendor::start(state).await);
    let rollback = |more: &[&str]| {
        let arguments = [&["rollback", "--env", "staging"], more].concat();
        ground.with_account(&vendor, &arguments, &[])
    };
    let done = rollback(&[]);
    assert_eq!(done.code, Some(0), "{}", done.said);
    assert!(done.said.contains(&format!("from version {SECOND} to {FIRST}")), "{}", done.said);
    assert_eq!(vendor.state.lock().unwrap().deployed.as_deref(), Some(FIRST));
    let done = rollback(&[FIRST]);
    assert_eq!(done.code, Some(2), "{}", done.said);
    assert!(done.said.contains("takes all requests already"), "{}", done.said);
}
