//! `report`: only evidence that is whole, fresh and of this service counts.

use std::collections::BTreeMap;
use std::path::Path;

use proofline_spec::document::Service;
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckId, CheckKind, CheckOutcome, Digest, DocumentEntry, Manifest,
    ScenarioEvidence, ScenarioOutcome, Verdicts, judge,
};
use proofline_spec::load;

use crate::workspace::{DESCRIBED, Done, Workspace};

/// The folder of the run.
pub(crate) const RUN: &str = "evidence/local/tiny/20260101000000000-abcdef";
/// Its only document.
pub(crate) const DOCUMENT: &str = "checks/feature-security-headers.json";

/// A workspace with one finished run whose only check ended like this.
pub(crate) fn run(outcome: CheckOutcome, executed: u32) -> Workspace {
    let workspace = Workspace::with(DESCRIBED);
    let check = CheckId::new(CheckKind::Feature, "security/headers");
    let scenario = match outcome {
        _ if executed == 0 => ScenarioOutcome::LeftOut("nobody ran it".to_owned()),
        CheckOutcome::Failed => ScenarioOutcome::Failed("what was seen".to_owned()),
        _ => ScenarioOutcome::Passed,
    };
    let evidence = CheckEvidence {
        run: Some("20260101000000000-abcdef".to_owned()),
        check: check.clone(),
        outcome,
        summary: "what was seen".to_owned(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        duration_ms: 1,
        planned: 1,
        executed,
        scenarios: vec![ScenarioEvidence {
            name: "One".to_owned(),
            place: String::new(),
            outcome: scenario,
            steps: Vec::new(),
            exchanges: Vec::new(),
            answers: Answers::default(),
            about: Vec::new(),
            requests: 1,
            counted: 0,
            duration_ms: 1,
        }],
        load: None,
        details: None,
    };
    let bytes = serde_json::to_vec(&evidence).unwrap();
    workspace.write(&format!("{RUN}/{DOCUMENT}"), std::str::from_utf8(&bytes).unwrap());
    let loaded = load::load_service(&workspace.path("spec/services/tiny/service.yaml"));
    let mut manifest = Manifest {
        format: Manifest::FORMAT,
        run: "20260101000000000-abcdef".to_owned(),
        service: "tiny".to_owned(),
        environment: "local".to_owned(),
        url: "http://127.0.0.1:1".to_owned(),
        spec_version: "1.0.0".to_owned(),
        reported_version: None,
        reported_spec_digest: None,
        substitutes: std::collections::BTreeMap::new(),
        spec_digest: load::service_digest(&loaded).unwrap(),
        generated_digest: None,
        tool_version: "0.1.0".to_owned(),
        commit: None,
        dirty: false,
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        finished_at: "2026-01-01T00:00:01Z".to_owned(),
        interrupted: false,
        ended: None,
        documents: vec![DocumentEntry {
            check: check.clone(),
            path: DOCUMENT.to_owned(),
            sha256: Digest::of(&bytes),
        }],
        verdicts: None,
        left_out: Vec::new(),
        raw: Vec::new(),
        worker: None,
        seal: None,
    };
    let service = loaded.document.unwrap();
    keep_verdicts(&workspace, RUN, &service, &mut manifest, &[(check, evidence)].into());
    write_manifest(&workspace, &manifest);
    workspace
}

pub(crate) fn write_manifest(workspace: &Workspace, manifest: &Manifest) {
    write_manifest_in(workspace, RUN, manifest.clone());
}

/// Writes a manifest with its seal, as the tool does.
pub(crate) fn write_manifest_in(workspace: &Workspace, folder: &str, manifest: Manifest) {
    let text = serde_json::to_string(&manifest.sealed()).unwrap();
    workspace.write(&format!("{folder}/manifest.json"), &text);
}

/// Writes a run of one check into a folder, with what is the same in each: a manifest of nearly nothing.
pub(crate) fn write_run(
    workspace: &Workspace,
    folder: &str,
    (environment, url): (&str, &str),
    evidence: CheckEvidence,
) {
    let name = folder.rsplit('/').next().unwrap();
    let evidence = CheckEvidence { run: Some(name.to_owned()), ..evidence };
    let document = format!("checks/{}", evidence.check.file_name());
    let text = serde_json::to_string(&evidence).unwrap();
    workspace.write(&format!("{folder}/{document}"), &text);
    let loaded = load::load_service(&workspace.path("spec/services/tiny/service.yaml"));
    let mut manifest: Manifest = serde_json::from_value(serde_json::json!({
        "format": Manifest::FORMAT, "run": name, "service": "tiny", "environment": environment,
        "url": url, "spec_version": "1.0.0",
        "spec_digest": load::service_digest(&loaded).unwrap(), "tool_version": "0.1.0",
        "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z",
        "documents": [
            {"check": evidence.check, "path": document, "sha256": Digest::of(text.as_bytes())},
        ],
    }))
    .unwrap();
    let checks = [(evidence.check.clone(), evidence)].into();
    keep_verdicts(workspace, folder, &loaded.document.unwrap(), &mut manifest, &checks);
    write_manifest_in(workspace, folder, manifest);
}

fn keep_verdicts(
    workspace: &Workspace,
    folder: &str,
    service: &Service,
    manifest: &mut Manifest,
    checks: &BTreeMap<CheckId, CheckEvidence>,
) {
    let judged_on = "2026-01-01".to_owned();
    let readiness = judge(service, Some(manifest), checks, None, &judged_on);
    let verdicts = Verdicts { format: Verdicts::FORMAT, judged_on, readiness };
    let text = serde_json::to_string(&verdicts).unwrap();
    workspace.write(&format!("{folder}/{}", Verdicts::FILE), &text);
    manifest.verdicts = Some(Digest::of(text.as_bytes()));
}

pub(crate) fn manifest(workspace: &Workspace) -> Manifest {
    serde_json::from_str(&workspace.read(&format!("{RUN}/manifest.json"))).unwrap()
}

/// The exit code, the verdict and the reason of the only claim.
fn report(workspace: &Workspace) -> (i32, String, String, Done) {
    let done = workspace.run(&["report", "--format", "json"]);
    let value: serde_json::Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic_with(&error, &done));
    let claim = &value["claims"][0];
    let text = |key: &str| claim[key].as_str().unwrap_or_default().to_owned();
    (done.code, text("verdict"), text("reason"), done)
}

#[expect(clippy::panic, reason = "a test stops where its ground is missing")]
fn panic_with(error: &serde_json::Error, done: &Done) -> serde_json::Value {
    panic!("{error}: {done:?}")
}

#[test]
fn passed_check_verifies_and_exits_0() {
    let workspace = run(CheckOutcome::Passed, 1);
    let (code, verdict, ..) = report(&workspace);
    assert_eq!((code, verdict.as_str()), (0, "verified"));
    for name in ["report.html", "report.md", "report.json", "junit.xml", "report.sarif"] {
        assert!(workspace.path(&format!("{RUN}/report/{name}")).is_file(), "{name}");
    }
}

#[test]
fn failed_check_exits_1() {
    let (code, verdict, reason, _) = report(&run(CheckOutcome::Failed, 1));
    assert_eq!((code, verdict.as_str(), reason.as_str()), (1, "failed", "what was seen"));
}

/// Says something else in the document, and has the manifest name its new digest.
pub(crate) fn forge(workspace: &Workspace, change: impl FnOnce(&mut CheckEvidence)) {
    let path = format!("{RUN}/{DOCUMENT}");
    let mut evidence: CheckEvidence = serde_json::from_str(&workspace.read(&path)).unwrap();
    change(&mut evidence);
    let text = serde_json::to_string(&evidence).unwrap();
    workspace.write(&path, &text);
    let mut manifest = manifest(workspace);
    manifest.documents[0].sha256 = Digest::of(text.as_bytes());
    write_manifest(workspace, &manifest);
}

#[test]
fn evidence_that_was_changed_with_its_digest_counts_for_nothing() {
    let forged = run(CheckOutcome::Failed, 1);
    forge(&forged, |evidence| {
        evidence.outcome = CheckOutcome::Passed;
        evidence.scenarios[0].outcome = ScenarioOutcome::Passed;
    });
    let (code, verdict, reason, _) = report(&forged);
    assert_eq!((code, verdict.as_str()), (5, "unverified"));
    assert!(reason.contains("SEC-HEADERS is verified by it, and was failed"), "{reason}");
    // A document that says two things at once is none.
    let split = run(CheckOutcome::Passed, 1);
    forge(&split, |evidence| {
        evidence.scenarios[0].outcome = ScenarioOutcome::Failed("it was answered 200".to_owned());
    });
    let (code, verdict, ..) = report(&split);
    assert_eq!((code, verdict.as_str()), (5, "unverified"));
    for workspace in [forged, split] {
        assert_eq!(workspace.run(&["evidence", "verify"]).code, 3);
    }
}

#[test]
fn verdicts_that_were_taken_away_are_missed() {
    let workspace = run(CheckOutcome::Passed, 1);
    std::fs::remove_file(workspace.path(&format!("{RUN}/{}", Verdicts::FILE))).unwrap();
    assert_eq!(report(&workspace).1, "unverified");
    let mut manifest = manifest(&workspace);
    manifest.verdicts = None;
    write_manifest(&workspace, &manifest);
    let done = workspace.run(&["evidence", "verify"]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("it names no verdicts"), "{}", done.stderr);
}

#[test]
fn what_was_not_run_or_decides_nothing_is_unverified_and_exits_5() {
    for outcome in [
        CheckOutcome::NotRun("no permit".to_owned()),
        CheckOutcome::Inconclusive("noise".to_owned()),
    ] {
        let (code, verdict, ..) = report(&run(outcome, 1));
        assert_eq!((code, verdict.as_str()), (5, "unverified"));
    }
}

#[test]
fn check_that_executed_nothing_verifies_nothing() {
    let (code, verdict, reason, _) = report(&run(CheckOutcome::Passed, 0));
    assert_eq!((code, verdict.as_str()), (5, "unverified"));
    assert!(reason.contains("executed nothing"), "{reason}");
}

#[test]
fn changed_evidence_does_not_count() {
    let workspace = run(CheckOutcome::Failed, 1);
    let path = format!("{RUN}/{DOCUMENT}");
    let forged = workspace.read(&path).replace("\"failed\"", "\"passed\"");
    workspace.write(&path, &forged);
    let (code, verdict, _, done) = report(&workspace);
    assert_eq!((code, verdict.as_str()), (5, "unverified"));
    assert!(done.stdout.contains("was changed after the run"), "{}", done.stdout);
}

#[test]
fn evidence_of_another_spec_does_not_count() {
    let workspace = run(CheckOutcome::Passed, 1);
    let changed = DESCRIBED.replace("60/min", "61/min");
    workspace.write("spec/services/tiny/service.yaml", &changed);
    let (code, verdict, reason, _) = report(&workspace);
    assert_eq!((code, verdict.as_str()), (5, "unverified"));
    assert!(reason.contains("the spec has changed"), "{reason}");
}

#[test]
fn evidence_of_another_service_version_or_environment_does_not_count() {
    let changes: [fn(&mut Manifest); 6] = [
        |manifest| manifest.service = "other".to_owned(),
        |manifest| manifest.environment = "staging".to_owned(),
        |manifest| manifest.format = Manifest::FORMAT + 1,
        |manifest| manifest.spec_version = "0.9.0".to_owned(),
        |manifest| manifest.reported_version = Some("0.9.0".to_owned()),
        |manifest| manifest.reported_spec_digest = Some("00".repeat(32)),
    ];
    for change in changes {
        let workspace = run(CheckOutcome::Passed, 1);
        let mut other = manifest(&workspace);
        change(&mut other);
        write_manifest(&workspace, &other);
        let (code, verdict, ..) = report(&workspace);
        assert_eq!((code, verdict.as_str()), (5, "unverified"), "{other:?}");
    }
}

#[test]
fn document_outside_of_the_run_is_not_read() {
    let workspace = run(CheckOutcome::Passed, 1);
    let mut other = manifest(&workspace);
    let outside = workspace.path("outside.json");
    std::fs::copy(workspace.path(&format!("{RUN}/{DOCUMENT}")), &outside).unwrap();
    for path in ["../../../../outside.json".to_owned(), outside.display().to_string()] {
        assert!(Path::new(&outside).is_file());
        other.documents[0].path = path;
        write_manifest(&workspace, &other);
        let (_, verdict, ..) = report(&workspace);
        assert_eq!(verdict, "unverified");
    }
}

#[test]
fn without_evidence_nothing_could_be_found_out() {
    let done = Workspace::with(DESCRIBED).run(&["report"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("there is no evidence"), "{}", done.stderr);
}

#[test]
fn summary_for_people_ends_with_the_verdict_and_the_page() {
    let done = run(CheckOutcome::Failed, 1).run(&["report"]);
    let lines: Vec<&str> = done.stderr.lines().collect();
    let end = lines.len();
    assert!(lines[end - 2].contains("Verdict not ready: 0 verified, 1 failed"), "{}", done.stderr);
    assert!(lines[end - 1].contains(&format!("{RUN}/report/report.html")), "{}", done.stderr);
    assert_eq!(done.stdout, "");
}
