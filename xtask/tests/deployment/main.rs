//! `deploy`, over the wire: the real wrangler talks to a stand-in for the vendor, which records every call.
//!
//! Needs wrangler, so `cargo xtask test --only deploy` runs it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops where its ground is missing")]

mod ground;
mod promotion;
mod vendor;

use proofline_spec::evidence::CheckOutcome;
use serde_json::json;

use ground::{Ground, SECRET, TOKEN};
use vendor::{State, Vendor, WORKER, queue};

const SIGNING_KEY: (&str, &str) = ("SIGNING_KEY", SECRET);
const FIRST: &str = "00000000-0000-4000-8000-000000000001";

/// An account to which version 1 was deployed before.
fn deployed() -> State {
    State {
        databases: vec![json!({"uuid": "database-1", "name": "tiny-staging"})],
        stores: vec![json!({"id": "store-1", "title": "tiny-staging-cache"})],
        queues: vec![queue("jobs-staging"), queue("jobs-dlq-staging")],
        secrets: vec!["SIGNING_KEY".to_owned()],
        versions: vec![FIRST.to_owned()],
        deployed: Some(FIRST.to_owned()),
        ..State::default()
    }
}

/// Whether a queue was told to keep its messages as long as the spec says.
fn keeps_dead_letters(state: &State) -> bool {
    state.bodies.iter().any(|body| body.contains(r#""message_retention_period":259200"#))
}

fn position(calls: &[String], call: &str) -> usize {
    calls
        .iter()
        .position(|known| known == call)
        .unwrap_or_else(|| panic!("no {call} in {calls:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn first_deployment_makes_what_is_missing_in_order_and_keeps_the_ids() {
    let (ground, vendor) = (Ground::new(), Vendor::start(State::default()).await);
    let done = ground.deploy(&vendor, &[SIGNING_KEY]);
    assert_eq!(done.code, Some(0), "{}", done.said);
    let changes = vendor.changes();
    let upload = format!("PUT /workers/scripts/{WORKER}");
    let secrets = format!("PATCH /workers/scripts/{WORKER}/secrets-bulk");
    let order = [
        "POST /d1/database",
        "POST /storage/kv/namespaces",
        "POST /queues",
        "PUT /d1/database/database-1",
        "POST /d1/database/database-1/query",
        secrets.as_str(),
    ];
    let places: Vec<usize> = order.iter().map(|call| position(&changes, call)).collect();
    assert!(places.is_sorted(), "{changes:#?}");
    let uploaded = changes.iter().rposition(|call| *call == upload).unwrap();
    assert!(uploaded > position(&changes, &secrets), "{changes:#?}");
    let lock = ground.read("environments/staging.lock.yaml");
    assert!(lock.contains("DB: \"database-1\"") && lock.contains("CACHE: \"store-1\""), "{lock}");
    let record = ground.record();
    assert_eq!(record["outcome"], "deployed");
    assert_eq!(record["previous_version"], json!(null));
    assert_eq!(record["secrets_set"], json!(["SIGNING_KEY"]));
    let state = vendor.state.lock().unwrap();
    assert_eq!(record["version"], json!(state.deployed));
    assert!(!state.stranger, "a call came without the operator's token");
    assert!(state.bodies.iter().any(|body| body.contains(SECRET)), "the secret was never sent");
    assert!(keeps_dead_letters(&state), "{:#?}", state.bodies);
    assert_eq!(state.databases[0]["read_replication"], json!({"mode": "auto"}));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn database_that_cannot_have_copies_stops_the_deployment() {
    let refused = Some((403, 10000, "Authentication error"));
    let state = State { no_replicas: refused, ..deployed() };
    let (ground, vendor) = (Ground::new(), Vendor::start(state).await);
    let done = ground.deploy(&vendor, &[]);
    assert_eq!(done.code, Some(3), "{}", done.said);
    assert!(done.said.contains("copies of the database `tiny-staging`"), "{}", done.said);
    assert!(done.said.contains("does not accept the token"), "{}", done.said);
    assert!(!done.said.contains(TOKEN), "{}", done.said);
    assert_eq!(vendor.state.lock().unwrap().versions.len(), 1, "nothing was uploaded");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn what_exists_is_found_and_secrets_that_are_set_are_left_alone() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    let done = ground.deploy(&vendor, &[]);
    assert_eq!(done.code, Some(0), "{}", done.said);
    let changes = vendor.changes();
    for call in ["POST /d1/database", "POST /storage/kv/namespaces", "POST /queues"] {
        assert!(!changes.iter().any(|known| known == call), "{call}: {changes:#?}");
    }
    assert!(!changes.iter().any(|call| call.contains("secrets")), "{changes:#?}");
    let record = ground.record();
    assert_eq!(record["previous_version"], FIRST);
    assert_eq!((&record["created"], &record["secrets_set"]), (&json!([]), &json!([])));
    let state = vendor.state.lock().unwrap();
    assert!(keeps_dead_letters(&state), "{changes:#?}");
    let replication = &state.databases[0]["read_replication"];
    assert_eq!(replication, &json!({"mode": "auto"}), "{changes:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn failed_p0_claim_brings_the_version_of_before_back() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    ground.finds(CheckOutcome::Failed);
    let done = ground.deploy(&vendor, &[]);
    assert_eq!(done.code, Some(1), "{}", done.said);
    assert!(done.said.contains("P0 claims failed: SEC-HEADERS"), "{}", done.said);
    assert!(done.said.contains(&format!("to version {FIRST} in ")), "{}", done.said);
    let state = vendor.state.lock().unwrap();
    assert_eq!(state.versions.len(), 2, "nothing was deployed that could be rolled back");
    assert_eq!(state.deployed.as_deref(), Some(FIRST));
    let record = ground.record();
    assert_eq!(record["outcome"], "rolled-back");
    assert_eq!(record["failed_claims"], json!(["SEC-HEADERS"]));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn failed_first_deployment_says_that_there_is_no_way_back() {
    let (ground, vendor) = (Ground::new(), Vendor::start(State::default()).await);
    ground.finds(CheckOutcome::Failed);
    let done = ground.deploy(&vendor, &[SIGNING_KEY]);
    assert_ne!(done.code, Some(0), "{}", done.said);
    assert!(done.said.contains("no version to roll back to"), "{}", done.said);
    assert_eq!(ground.record()["outcome"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn missing_secret_is_named_before_anything_is_changed() {
    let (ground, vendor) = (Ground::new(), Vendor::start(State::default()).await);
    let done = ground.deploy(&vendor, &[]);
    assert_eq!(done.code, Some(2), "{}", done.said);
    assert!(done.said.contains("SIGNING_KEY"), "{}", done.said);
    assert_eq!(vendor.changes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn broken_and_refusing_vendors_are_told_apart_and_change_nothing() {
    for (status, words) in [(500, "internal error"), (401, "does not accept the token")] {
        let state = State { broken: Some(status), ..deployed() };
        let (ground, vendor) = (Ground::new(), Vendor::start(state).await);
        let done = ground.deploy(&vendor, &[]);
        assert_eq!(done.code, Some(3), "{}", done.said);
        assert!(done.said.contains("find the deployed version"), "{}", done.said);
        assert!(done.said.contains(words), "{}", done.said);
        assert_eq!(vendor.changes(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn what_is_not_committed_or_not_generated_is_not_deployed() {
    let (ground, vendor) = (Ground::new(), Vendor::start(deployed()).await);
    ground.write("notes.txt", "not committed\n");
    let done = ground.deploy(&vendor, &[]);
    assert_eq!(done.code, Some(2), "{}", done.said);
    assert!(done.said.contains("not committed"), "{}", done.said);
    let config = "runtime/services/tiny/deploy/wrangler.jsonc";
    ground.write(config, &ground.read(config).replace("jobs-staging", "other"));
    ground.commit();
    let done = ground.deploy(&vendor, &[]);
    assert_eq!(done.code, Some(4), "{}", done.said);
    assert!(vendor.state.lock().unwrap().calls.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler; `cargo xtask test --only deploy` runs it"]
async fn nothing_that_the_operator_gives_is_shown_or_kept() {
    let (ground, vendor) = (Ground::new(), Vendor::start(State::default()).await);
    let done = ground.deploy(&vendor, &[SIGNING_KEY]);
    assert_eq!(done.code, Some(0), "{}", done.said);
    for given in [SECRET, TOKEN] {
        assert!(!done.said.contains(given), "{}", done.said);
        assert_eq!(ground.files_with(given), Vec::<std::path::PathBuf>::new());
    }
}
