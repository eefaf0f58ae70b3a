//! `evidence`: runs are listed, shown, compared, signed, and refused when they are not what was written.

use std::path::PathBuf;

use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioOutcome};
use serde_json::Value;

use crate::evidence::{DOCUMENT, RUN, manifest, run, write_manifest, write_manifest_in};
use crate::workspace::{Done, Workspace};

const NAME: &str = "20260101000000000-abcdef";

/// A key outside of every workspace, and its public half.
struct Key {
    folder: tempfile::TempDir,
}

impl Key {
    fn new(workspace: &Workspace) -> Self {
        let key = Self { folder: tempfile::tempdir().unwrap() };
        let done = workspace.run(&["evidence", "keygen", "--out", &key.private()]);
        assert_eq!(done.code, 0, "{done:?}");
        write_atomically(&key.path("public.pem"), done.stdout.as_bytes()).unwrap();
        key
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn private(&self) -> String {
        self.path("private.pem").display().to_string()
    }

    fn public(&self) -> String {
        self.path("public.pem").display().to_string()
    }
}

fn sign(workspace: &Workspace, key: &Key) {
    let done = workspace.run(&["evidence", "sign", "--sign-key", &key.private()]);
    assert_eq!(done.code, 0, "{done:?}");
}

fn verify(workspace: &Workspace, key: &Key) -> Done {
    workspace.run(&["evidence", "verify", "--key", &key.public()])
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn private_key_is_never_printed_never_overwritten_and_never_in_the_repository() {
    let workspace = run(CheckOutcome::Passed, 1);
    let key = Key::new(&workspace);
    let secret = std::fs::read_to_string(key.private()).unwrap();
    let again = workspace.run(&["evidence", "keygen", "--out", &key.private()]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("never overwritten"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(key.private()).unwrap(), secret);
    let inside = workspace.run(&["evidence", "keygen", "--out", "keys/signing.pem"]);
    assert_eq!(inside.code, 2, "{inside:?}");
    assert!(inside.stderr.contains("inside of the repository"), "{}", inside.stderr);
    assert!(!workspace.path("keys").exists());
    let signed = workspace.run(&["evidence", "sign", "--sign-key", &key.private()]);
    let middle = secret.lines().nth(1).unwrap();
    for done in [again, inside, signed] {
        assert!(!done.stdout.contains(middle) && !done.stderr.contains(middle));
    }
}

#[test]
fn signed_run_holds_until_a_byte_is_another_one() {
    let workspace = run(CheckOutcome::Failed, 1);
    let key = Key::new(&workspace);
    let unsigned = verify(&workspace, &key);
    assert_eq!(unsigned.code, 3, "{unsigned:?}");
    assert!(unsigned.stderr.contains("not signed"), "{}", unsigned.stderr);
    sign(&workspace, &key);
    let holds = verify(&workspace, &key);
    assert_eq!(holds.code, 0, "{holds:?}");
    let path = format!("{RUN}/{DOCUMENT}");
    let before = workspace.read(&path);
    workspace.write(&path, &before.replace("\"failed\"", "\"passed\""));
    let refused = verify(&workspace, &key);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused.stderr.contains(&format!("{RUN}/{DOCUMENT}: it was changed")),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    workspace.write(&path, &before);
    assert_eq!(verify(&workspace, &key).code, 0);
}

#[test]
fn report_refuses_what_nobody_who_is_believed_has_signed() {
    let workspace = run(CheckOutcome::Passed, 1);
    let key = Key::new(&workspace);
    let other = Key::new(&workspace);
    let report =
        |key: &Key| workspace.run(&["report", "--verify-signature", "--key", &key.public()]);
    let unsigned = report(&key);
    assert_eq!(unsigned.code, 3, "{unsigned:?}");
    assert!(unsigned.stderr.contains("not signed"), "{}", unsigned.stderr);
    assert!(!workspace.path(&format!("{RUN}/report")).exists(), "nothing is rendered");
    sign(&workspace, &key);
    let wrong = report(&other);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.stderr.contains("signed by the key"), "{}", wrong.stderr);
    assert_eq!(report(&key).code, 0);
    assert_eq!(verify(&workspace, &key).code, 0);
    let keyless = workspace.run(&["report", "--verify-signature"]);
    assert_eq!(keyless.code, 2, "{keyless:?}");
}

#[test]
fn signed_run_of_another_spec_version_or_environment_is_refused() {
    let workspace = run(CheckOutcome::Passed, 1);
    let key = Key::new(&workspace);
    for change in ["spec_version", "environment", "spec_digest"] {
        let original = manifest(&workspace);
        let mut other = original.clone();
        match change {
            "spec_version" => other.spec_version = "0.9.0".to_owned(),
            "environment" => other.environment = "staging".to_owned(),
            _ => other.spec_digest = proofline_spec::evidence::Digest::of(b"another"),
        }
        write_manifest(&workspace, &other);
        sign(&workspace, &key);
        let refused = verify(&workspace, &key);
        assert_eq!(refused.code, 3, "{change}: {refused:?}");
        assert!(refused.stderr.contains(&format!("{RUN}/manifest.json: ")), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("hint: make evidence of what is here"),
            "{}",
            refused.stderr
        );
        let files = workspace.run(&["evidence", "verify", "--files-only", "--key", &key.public()]);
        assert_eq!(files.code, 0, "{change}: the files are those that were signed: {files:?}");
        write_manifest(&workspace, &original);
    }
    sign(&workspace, &key);
    assert_eq!(verify(&workspace, &key).code, 0, "the control");
}

#[test]
fn run_is_listed_and_shown_with_what_failed() {
    let workspace = run(CheckOutcome::Failed, 1);
    let listed = workspace.run(&["evidence", "list"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.stdout.contains(NAME) && listed.stdout.contains("local"), "{}", listed.stdout);
    let key = Key::new(&workspace);
    sign(&workspace, &key);
    let lines = json(&workspace.run(&["evidence", "list", "--format", "json"]));
    assert_eq!(lines[0]["run"], NAME);
    assert_eq!(lines[0]["signed_by"].as_str().unwrap().len(), 64);
    let shown = workspace.run(&["evidence", "show"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let digest = manifest(&workspace).documents[0].sha256;
    assert!(shown.stdout.contains(&format!("{digest}  {DOCUMENT}")), "{}", shown.stdout);
    assert!(shown.stdout.contains("feature/security/headers  failed"), "{}", shown.stdout);
    let none = workspace.run(&["evidence", "list", "--env", "staging"]);
    assert_eq!(none.code, 3, "{none:?}");
    let unknown = workspace.run(&["evidence", "show", "2025"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.stderr.contains("there is no run `2025`"), "{}", unknown.stderr);
}

#[test]
fn two_runs_are_compared() {
    let workspace = run(CheckOutcome::Passed, 1);
    let other = RUN.replace(NAME, "20260102000000000-fedcba");
    let text = workspace.read(&format!("{RUN}/{DOCUMENT}"));
    let mut evidence: CheckEvidence = serde_json::from_str(&text).unwrap();
    evidence.outcome = CheckOutcome::Failed;
    evidence.scenarios[0].outcome = ScenarioOutcome::Failed("what was seen".to_owned());
    evidence.run = Some("20260102000000000-fedcba".to_owned());
    evidence.started_at = "2026-01-02T00:00:00Z".to_owned();
    let text = serde_json::to_string(&evidence).unwrap();
    workspace.write(&format!("{other}/{DOCUMENT}"), &text);
    let mut manifest = manifest(&workspace);
    manifest.run = "20260102000000000-fedcba".to_owned();
    manifest.started_at = "2026-01-02T00:00:00Z".to_owned();
    manifest.finished_at = "2026-01-02T00:00:01Z".to_owned();
    manifest.documents[0].sha256 = proofline_spec::evidence::Digest::of(text.as_bytes());
    write_manifest_in(&workspace, &other, manifest);
    let done = workspace.run(&["evidence", "diff", NAME, "--format", "json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let found = json(&done);
    assert_eq!(found["checks"][0]["name"], "feature/security/headers");
    assert_eq!(found["checks"][0]["before"], "passed");
    assert_eq!(found["checks"][0]["after"], "failed");
    let same = workspace.run(&["evidence", "diff", NAME, NAME]);
    assert_eq!(same.code, 2, "{same:?}");
}

#[test]
fn run_that_holds_is_exported_and_another_is_not() {
    let workspace = run(CheckOutcome::Passed, 1);
    let export = || workspace.run(&["evidence", "export", "--format", "cyclonedx"]);
    let done = export();
    assert_eq!(done.code, 0, "{done:?}");
    let document = json(&done);
    assert_eq!(document["specVersion"], "1.6");
    assert_eq!(document["declarations"]["claims"][0]["bom-ref"], "claim:SEC-HEADERS");
    assert_eq!(export().stdout, done.stdout, "the same run gives the same bytes");
    let path = format!("{RUN}/{DOCUMENT}");
    workspace.write(&path, &(workspace.read(&path) + " "));
    let refused = export();
    assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{refused:?}");
    assert!(refused.stderr.contains("was changed after the run"), "{}", refused.stderr);
}

#[test]
fn report_of_a_signed_run_stands_beside_it_until_it_is_signed_with_it() {
    let workspace = run(CheckOutcome::Passed, 1);
    let key = Key::new(&workspace);
    assert_eq!(workspace.run(&["report"]).code, 0);
    let page = format!("{RUN}/report/report.html");
    let beside = RUN.replace(NAME, &format!("reports/{NAME}/report.html"));
    sign(&workspace, &key);
    let signed = workspace.read(&page);
    let done = workspace.run(&["report"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("the run is signed, so its folder stays"), "{}", done.stderr);
    assert!(done.stderr.contains("report --sign-key FILE"), "{}", done.stderr);
    assert_eq!(workspace.read(&page), signed);
    assert!(workspace.path(&beside).is_file());
    assert_eq!(verify(&workspace, &key).code, 0, "the signature holds");
    // With a key the report becomes part of the run, and what is signed.
    let done = workspace.run(&["report", "--sign-key", &key.private()]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(verify(&workspace, &key).code, 0);
    workspace.write(&page, &(signed + " "));
    assert_eq!(verify(&workspace, &key).code, 3, "a signature covers the report");
}
