//! The documents and pages as they are committed; and that a page says what evidence says, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use proofline_generator::tree::write_atomically;
use proofline_spec::document::{Category, Severity};
use proofline_spec::evidence::{
    ClaimVerdict, Counts, Digest, Manifest, Overall, Readiness, Score, Verdict, Verdicts,
};
use proofline_spec::load;
use tempfile::TempDir;

use super::{Counted, Document, FOLDER, Kept, Source, page};

const SERVICES: [&str; 3] = ["luna", "atomic-guide", "lumiku"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn spec(service: &str) -> load::Loaded<proofline_spec::document::Service> {
    load::load_service(&root().join("spec/services").join(service).join("service.yaml"))
}

#[test]
fn every_figure_has_a_claim_that_exists_or_a_reason() {
    for service in SERVICES {
        let document = Document::read(root(), service).unwrap();
        let spec = spec(service).document.unwrap();
        assert_eq!(document.problems(&spec), Vec::<String>::new(), "{service}");
    }
}

#[test]
fn every_refusal_is_one_that_a_test_sees() {
    let folder = root().join("spec/tests/refused");
    let seen: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().chars().take(6).collect())
        .collect();
    for service in SERVICES {
        let document = Document::read(root(), service).unwrap();
        for code in document.figures().filter_map(|figure| figure.refused.as_ref()) {
            assert!(seen.contains(code), "{service}: no refused case is about {code}");
        }
    }
}

#[test]
fn committed_pages_are_those_that_their_evidence_gives() {
    for service in SERVICES {
        let document = Document::read(root(), service).unwrap();
        let digest = load::service_digest(&spec(service)).unwrap();
        let kept = Kept::beside(root(), service).unwrap();
        let expected = page(&document, Source::new(service, kept.as_ref(), digest));
        let found = std::fs::read_to_string(Document::page_path(root(), service)).unwrap();
        assert!(
            found == expected,
            "{FOLDER}/{service}.md is not what its document, the spec and the run beside it give\n\
             hint: run `cargo xtask report --documents --service {service}`, with `--env` where it was verified"
        );
    }
}

const DOCUMENT: &str = "
title: Tiny
about: What was said.
sections:
  - heading: All
    figures:
      - {says: It holds., claims: [A-HOLDS]}
      - {says: It fails | really., claims: [A-HOLDS, A-FAILS]}
      - {says: Nobody looked., claims: [A-OPEN]}
      - {says: Once in 15 hours is every 15 minutes., refused: PL1003}
      - {says: It is quick., unclaimed: later}
      - {says: People like it., not_observable: nobody was asked}
";

/// A workspace with one kept run.
fn workspace(spec: Digest) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let claim = |id: &str, verdict, reason: &str| ClaimVerdict {
        id: id.to_owned(),
        severity: Severity::P0,
        category: Category::Security,
        verdict,
        without_waiver: verdict,
        reason: reason.to_owned(),
        evidence: Vec::new(),
    };
    let readiness = Readiness {
        overall: Overall::NotReady,
        counts: Counts { verified: 1, failed: 1, unverified: 1, waived: 0 },
        by_severity: Vec::new(),
        score: Score::default(),
        by_category: Vec::new(),
        claims: vec![
            claim("A-HOLDS", Verdict::Verified, "3 of 3 scenarios passed"),
            claim("A-FAILS", Verdict::Failed, "the 61st was served"),
            claim("A-OPEN", Verdict::Unverified, "no check proves it"),
        ],
    };
    let verdicts =
        Verdicts { format: Verdicts::FORMAT, judged_on: "2026-01-01".to_owned(), readiness };
    let verdicts = serde_json::to_string(&verdicts).unwrap();
    let manifest: Manifest = serde_json::from_value(serde_json::json!({
        "format": 1, "run": "a-run", "service": "tiny", "environment": "local", "url": "http://127.0.0.1:1",
        "spec_version": "1.0.0", "spec_digest": spec, "tool_version": "0.1.0", "commit": "abc", "dirty": true,
        "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z", "documents": [],
        "verdicts": Digest::of(verdicts.as_bytes()),
    }))
    .unwrap();
    let folder = home.path().join(FOLDER).join("tiny");
    write_atomically(&folder.join("verdicts.json"), verdicts.as_bytes()).unwrap();
    write_atomically(&folder.join("manifest.json"), &serde_json::to_vec(&manifest).unwrap())
        .unwrap();
    home
}

fn document() -> Document {
    serde_saphyr::from_str(DOCUMENT).unwrap()
}

#[test]
fn worst_claim_decides_and_is_told_with_its_reason() {
    let spec = Digest::of(b"spec");
    let home = workspace(spec);
    let kept = Kept::beside(home.path(), "tiny").unwrap().unwrap();
    let source = Source::new("tiny", Some(&kept), spec);
    let text = page(&document(), source);
    for row in [
        "| It holds. | A-HOLDS | **verified**: 3 of 3 scenarios passed |",
        "| It fails \\| really. | A-HOLDS, A-FAILS | **disproved**: A-FAILS: the 61st was served |",
        "| Nobody looked. | A-OPEN | **unverified**: no check proves it |",
        "| It is quick. | nothing | **unverified**: no claim says it: later |",
        "| People like it. | nothing | **not observable**: nobody was asked |",
    ] {
        assert!(text.lines().any(|line| line == row), "{row}\nis not in\n{text}");
    }
    assert!(text.contains("PL1003: ") && text.contains("**refused**"), "{text}");
    assert!(text.contains("`abc`, with changes that were not committed"), "{text}");
    assert!(
        text.contains(&kept.digest().to_string()) && text.contains(&spec.to_string()),
        "{text}"
    );
    assert_eq!(
        Counted::of(&document(), source),
        Counted {
            verified: 1,
            disproved: 1,
            unverified: 2,
            waived: 0,
            refused: 1,
            not_observable: 1
        }
    );
}

#[test]
fn evidence_of_another_spec_shows_nothing() {
    let home = workspace(Digest::of(b"spec"));
    let kept = Kept::beside(home.path(), "tiny").unwrap().unwrap();
    let text = page(&document(), Source::new("tiny", Some(&kept), Digest::of(b"another")));
    assert_eq!(text, page(&document(), Source::new("tiny", None, Digest::of(b"spec"))));
    assert_eq!(text.matches("**unverified**: no evidence |").count(), 3, "{text}");
    assert!(!text.contains("**verified**") && !text.contains("**disproved**"), "{text}");
}

#[test]
fn edited_verdict_is_found_out() {
    let home = workspace(Digest::of(b"spec"));
    let path = home.path().join(FOLDER).join("tiny/verdicts.json");
    let edited = std::fs::read_to_string(&path).unwrap().replace("failed\",", "verified\",");
    write_atomically(&path, edited.as_bytes()).unwrap();
    let error = Kept::beside(home.path(), "tiny").unwrap_err().to_string();
    assert!(error.contains("does not agree with the manifest"), "{error}");
}

#[test]
fn figure_without_anything_that_stands_for_it_is_refused() {
    let text = DOCUMENT
        .replace("claims: [A-OPEN]", "note: later")
        .replace("A-FAILS", "A-HOLD")
        .replace("PL1003", "PL9999")
        .replace("It fails | really.", "it holds.")
        .replace(
            "It is quick., unclaimed: later",
            "It is quick., unclaimed: later, not_observable: never",
        )
        .replace("not_observable: nobody was asked", "not_observable: \" \"");
    let document: Document = serde_saphyr::from_str(&text).unwrap();
    let mut service = spec("luna").document.unwrap();
    let claim = service.claims.values().next().unwrap().clone();
    service.claims.insert("A-HOLDS".to_owned(), claim);
    assert_eq!(
        document.problems(&service),
        [
            "`it holds.` stands there twice; remove one",
            "`it holds.`: the spec has no claim `A-HOLD`; did you mean `A-HOLDS`?",
            "`Nobody looked.`: exactly one of `claims`, `refused`, `unclaimed` and `not_observable` must stand for it",
            "`Once in 15 hours is every 15 minutes.`: there is no diagnostic `PL9999`; `cargo xtask explain` knows those that there are",
            "`It is quick.`: exactly one of `claims`, `refused`, `unclaimed` and `not_observable` must stand for it",
            "`People like it.`: a text of it is empty; say something",
        ]
    );
}
