//! What a table of mutants says of a service, and when it says nothing.

use serde_json::json;

use super::*;
use crate::report::fixture::SERVICE;

/// What the table below is of.
pub(in crate::report) fn ground() -> Ground {
    Ground {
        service: "pantry".into(),
        spec_digest: Digest::of(b"spec"),
        mutants_digest: Digest::of(b"mutants"),
        catalogue_digest: Digest::of(b"catalogue"),
    }
}

/// A table in which the headers' mutant is caught and the token's survives; `text` stands in every text of it.
pub(in crate::report) fn table(text: &str) -> MutantTable {
    let row = |claim: &str, check: &str, outcome: &str, step: Option<&str>| {
        json!({
            "id": format!("mutant-of-{claim}{text}"), "what": format!("it is broken{text}"),
            "claim": claim, "check": check, "caught": outcome == "caught", "outcome": outcome,
            "failed_step": step, "message": null,
        })
    };
    let control = |check: &str| json!({"check": check, "passed": true, "summary": text});
    serde_json::from_value(json!({
        "service": "pantry", "environment": format!("local{text}"),
        "started_at": "2026-11-20T10:00:00Z", "finished_at": "2026-11-20T11:00:00Z",
        "tool_version": "0.1.0", "spec_digest": Digest::of(b"spec"),
        "mutants_digest": Digest::of(b"mutants"), "catalogue_digest": Digest::of(b"catalogue"),
        "commit": format!("0123456789abcdef{text}"), "dirty": false, "only": [], "interrupted": false,
        "released": [], "never_failing": [],
        "controls": [control("feature/security/headers"), control("feature/security/jwt")],
        "mutants": [
            row("SEC-HEADERS", "feature/security/headers", "caught", Some(&format!("Then they are there{text}"))),
            row("SEC-JWT", "feature/security/jwt", "survived", None),
        ],
    }))
    .unwrap()
}

/// The same, compared with what it must be of.
pub(in crate::report) fn seen(text: &str) -> SeenMutants {
    SeenMutants::new(table(text), Digest::of(b"table"), &ground())
}

fn known(table: Option<MutantTable>) -> (Vec<MutantRow>, SeenFailing) {
    let service: Service = serde_saphyr::from_str(SERVICE).unwrap();
    let found = table.map(|table| SeenMutants::new(table, Digest::of(b"table"), &ground()));
    of(&service, found.as_ref())
}

fn reason_of<'a>(known: &'a SeenFailing, claim: &str) -> Option<&'a str> {
    known.never.iter().find(|never| never.claim == claim).map(|never| never.reason.as_str())
}

#[test]
fn claim_whose_mutant_was_caught_was_seen_failing_and_every_other_proven_one_was_not() {
    let (rows, known) = known(Some(table("")));
    assert_eq!(rows.len(), 2);
    assert_eq!(reason_of(&known, "SEC-HEADERS"), None);
    assert_eq!(reason_of(&known, "SEC-JWT"), Some("no mutant of it was caught"));
    assert_eq!(reason_of(&known, "OBS-LOGS"), Some("no mutant of it was tried"));
    // What no check proves is unverified already.
    assert_eq!(reason_of(&known, "REL-TX"), None);
    assert_eq!((known.claims, known.never.len()), (8, 7));
    assert_eq!(known.sentence(), "6 of 7 checks were never seen failing.");
    assert_eq!(known.checks_beside, [], "each of the six is of a claim that is named");
    assert_eq!(known.unknown(), None);
}

#[test]
fn check_never_seen_failing_is_named_where_another_one_of_its_claim_was() {
    let headers = "proven_by: [{feature: security/headers}";
    let both = SERVICE.replace(headers, &format!("{headers}, {{feature: security/cors}}"));
    let service: Service = serde_saphyr::from_str(&both).unwrap();
    let found = SeenMutants::new(table(""), Digest::of(b"table"), &ground());
    let (_, known) = of(&service, Some(&found));
    assert_eq!(reason_of(&known, "SEC-HEADERS"), None);
    assert_eq!(known.sentence(), "7 of 8 checks were never seen failing.");
    assert_eq!(known.checks_beside, ["feature/security/cors".parse().unwrap()]);
}

#[test]
fn whether_other_checks_stayed_as_they_were_is_said_only_where_they_ran() {
    let mut found = table("");
    let said = |table: &MutantTable| known(Some(table.clone())).1.table.unwrap().others;
    assert_eq!(said(&found), "Only its own check ran with each mutant.");
    found.all_checks = true;
    assert!(said(&found).contains("stayed as it was"));
    found.mutants[0].also_failed = vec!["feature/security/cors".parse().unwrap()];
    assert!(said(&found).contains("with 1 of them others failed that the mutant does not name"));
}

#[test]
fn table_of_anything_else_proves_nothing_and_says_why() {
    type Change = fn(&mut MutantTable);
    let cases: [(Change, &str); 5] = [
        (|table| table.service = "luna".into(), "it is of the service `luna`"),
        (|table| table.spec_digest = Digest::of(b"x"), "the spec has changed since"),
        (|table| table.mutants_digest = Digest::of(b"x"), "the mutants are others now"),
        (
            |table| table.catalogue_digest = Some(Digest::of(b"x")),
            "the features of the catalogue have changed since",
        ),
        (|table| table.catalogue_digest = None, "it does not say of which features it is"),
    ];
    for (change, why) in cases {
        let mut changed = table("");
        change(&mut changed);
        let (rows, known) = known(Some(changed));
        assert!(rows.is_empty(), "{why}");
        assert_eq!(known.never.len(), known.claims, "{why}");
        assert_eq!(known.table.as_ref().unwrap().stale, [why]);
        let unknown = known.unknown().unwrap();
        assert!(unknown.contains("proves nothing") && unknown.contains(why), "{unknown}");
    }
}

#[test]
fn without_a_table_no_check_was_seen_failing() {
    let (rows, known) = known(None);
    assert!(rows.is_empty());
    assert_eq!((known.checks, known.checks_never), (7, 7));
    assert!(known.unknown().unwrap().contains("No mutants were tried"));
    assert!(
        known.sentence().starts_with("Nobody has shown for this spec that these 7 checks can fail")
    );
}

#[test]
fn row_counts_only_for_a_claim_that_its_check_proves_and_only_beside_a_control() {
    let mut foreign = table("");
    foreign.mutants[0].check = "feature/security/jwt".parse().unwrap();
    let (rows, of_foreign) = known(Some(foreign));
    assert_eq!(rows.len(), 1, "the row of a check that does not prove the claim is left out");
    assert!(reason_of(&of_foreign, "SEC-HEADERS").is_some());
    let mut alone = table("");
    alone.controls[0].passed = false;
    let (rows, of_alone) = known(Some(alone));
    assert!(!rows[0].caught);
    assert_eq!(rows[0].outcome, MutantOutcome::Undecided);
    assert_eq!(reason_of(&of_alone, "SEC-HEADERS"), Some("no mutant of it was caught"));
    let mut lying = table("");
    lying.mutants[1].caught = true;
    assert!(reason_of(&known(Some(lying)).1, "SEC-JWT").is_some(), "a survivor was not caught");
}
