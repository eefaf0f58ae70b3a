//! Evidence that was edited by hand, with every digest put right: it contradicts itself, and counts for nothing.

use proofline_spec::evidence::{CheckEvidence, CheckOutcome, Digest, Manifest, Verdicts};
use serde_json::Value;

use crate::evidence::{DOCUMENT, RUN, forge, manifest, run, write_manifest};
use crate::workspace::Workspace;

/// Why it is refused, and what was changed.
type Change<T> = (&'static str, fn(&mut T));

/// Neither `evidence verify` nor `report` takes the run, and both say why.
fn refused(workspace: &Workspace, why: &str) {
    let done = workspace.run(&["evidence", "verify"]);
    assert_eq!(done.code, 3, "{why}: {done:?}");
    assert!(done.stderr.contains(why), "{why}: {}", done.stderr);
    let done = workspace.run(&["report", "--format", "json"]);
    let found: Value = serde_json::from_str(&done.stdout).unwrap();
    let claim = &found["claims"][0];
    assert_eq!(claim["verdict"], "unverified", "{why}");
    assert!(claim["reason"].as_str().unwrap().contains(why), "{why}: {claim}");
}

#[test]
fn run_with_times_or_an_address_or_a_commit_that_cannot_be_is_refused() {
    let changes: [Change<Manifest>; 5] = [
        ("which is yet to come", |manifest| {
            manifest.finished_at = "2999-01-01T00:00:01Z".to_owned();
        }),
        ("and began at", |manifest| manifest.finished_at = "2025-01-01T00:00:01Z".to_owned()),
        ("the run is named", |manifest| manifest.started_at = "2025-12-31T00:00:00Z".to_owned()),
        ("is no commit", |manifest| manifest.commit = Some("main".to_owned())),
        ("it names no verdicts", |manifest| manifest.verdicts = None),
    ];
    for (why, change) in changes {
        let workspace = run(CheckOutcome::Passed, 1);
        let mut other = manifest(&workspace);
        change(&mut other);
        write_manifest(&workspace, &other);
        refused(&workspace, why);
    }
    let workspace = run(CheckOutcome::Passed, 1);
    write_manifest(&workspace, &Manifest { url: "production".to_owned(), ..manifest(&workspace) });
    refused(&workspace, "the evidence is of production");
    let done = workspace.run(&["evidence", "verify", "--files-only"]);
    assert!(done.stderr.contains("`production` is no address"), "{}", done.stderr);
}

#[test]
fn document_of_another_run_is_refused_whatever_its_digest() {
    let changes: [Change<CheckEvidence>; 3] = [
        ("it is of the run", |document| document.run = Some("20260101000000000-fedcba".to_owned())),
        ("it does not name its run", |document| document.run = None),
        ("and the run lasted from", |document| {
            document.started_at = "2025-12-31T00:00:00Z".to_owned();
        }),
    ];
    for (why, change) in changes {
        let workspace = run(CheckOutcome::Passed, 1);
        forge(&workspace, change);
        refused(&workspace, why);
    }
}

#[test]
fn run_of_an_older_form_or_with_a_field_that_was_changed_by_hand_is_refused() {
    let changes: [Change<Manifest>; 3] = [
        ("it has form 2", |manifest| {
            manifest.format = 2;
            manifest.seal = None;
        }),
        ("its seal is that of another text", |manifest| manifest.dirty = !manifest.dirty),
        ("its seal is that of another text", |manifest| {
            manifest.tool_version = "0.2.0".to_owned();
        }),
    ];
    for (why, change) in changes {
        let workspace = run(CheckOutcome::Passed, 1);
        let mut other = manifest(&workspace);
        change(&mut other);
        let text = serde_json::to_string(&other).unwrap();
        workspace.write(&format!("{RUN}/manifest.json"), &text);
        let done = workspace.run(&["evidence", "verify"]);
        assert_eq!(done.code, 3, "{why}: {done:?}");
        assert!(done.stderr.contains(why), "{why}: {}", done.stderr);
        let done = workspace.run(&["report", "--format", "json"]);
        let found: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(found["claims"][0]["verdict"], "unverified", "{why}");
    }
}

#[test]
fn verdicts_of_another_form_do_not_hide_that_they_do_not_follow() {
    let workspace = run(CheckOutcome::Passed, 1);
    let path = format!("{RUN}/{}", Verdicts::FILE);
    let mut verdicts: Value = serde_json::from_str(&workspace.read(&path)).unwrap();
    verdicts["format"] = (Verdicts::FORMAT + 1).into();
    let text = verdicts.to_string();
    workspace.write(&path, &text);
    let mut other = manifest(&workspace);
    other.verdicts = Some(Digest::of(text.as_bytes()));
    write_manifest(&workspace, &other);
    refused(&workspace, "it holds no verdicts");
}

#[test]
fn copy_of_a_run_under_a_newer_name_is_refused() {
    let workspace = run(CheckOutcome::Passed, 1);
    let newer = format!("{}/20270101000000000-ffffff", RUN.rsplit_once('/').unwrap().0);
    std::fs::rename(workspace.path(RUN), workspace.path(&newer)).unwrap();
    refused(&workspace, "stands in another's folder");
}

#[test]
fn changed_document_is_told_as_changed_with_what_to_do() {
    let workspace = run(CheckOutcome::Passed, 1);
    let path = format!("{RUN}/{DOCUMENT}");
    workspace.write(&path, &(workspace.read(&path) + " "));
    refused(&workspace, "it was changed after the run");
    let done = workspace.run(&["report"]);
    assert!(done.stderr.contains(DOCUMENT), "{}", done.stderr);
    assert!(done.stderr.contains("take the file from where the run was made"), "{}", done.stderr);
    assert!(!done.stderr.contains("there is no evidence"), "{}", done.stderr);
}

#[test]
fn verdicts_that_were_computed_on_another_day_are_refused() {
    let workspace = run(CheckOutcome::Passed, 1);
    let path = format!("{RUN}/{}", Verdicts::FILE);
    let text = workspace.read(&path).replace("2026-01-01", "2020-01-01");
    workspace.write(&path, &text);
    let mut other = manifest(&workspace);
    other.verdicts = Some(Digest::of(text.as_bytes()));
    write_manifest(&workspace, &other);
    refused(&workspace, "they were computed as of 2020-01-01");
}

#[test]
fn link_is_told_once_and_never_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    for name in [DOCUMENT, Verdicts::FILE, "checks"] {
        let workspace = run(CheckOutcome::Passed, 1);
        let (path, away) =
            (workspace.path(&format!("{RUN}/{name}")), elsewhere.path().join("away"));
        std::fs::rename(&path, &away).unwrap();
        std::os::unix::fs::symlink(&away, &path).unwrap();
        refused(&workspace, "it is a link");
        let done = workspace.run(&["evidence", "verify"]);
        assert!(done.stderr.contains("1 trouble "), "{name}: {}", done.stderr);
        std::fs::rename(&away, elsewhere.path().join(name.replace('/', "-"))).unwrap();
    }
    let workspace = run(CheckOutcome::Passed, 1);
    let target = elsewhere.path().join("target");
    std::fs::create_dir(&target).unwrap();
    std::os::unix::fs::symlink(&target, workspace.path(&format!("{RUN}/report"))).unwrap();
    let done = workspace.run(&["report"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("is a link, and is not followed"), "{}", done.stderr);
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
}

#[test]
fn page_of_a_report_that_was_changed_by_hand_is_refused_and_made_again() {
    let workspace = run(CheckOutcome::Passed, 1);
    assert!(workspace.run(&["evidence", "verify"]).stderr.contains("3 files"));
    assert_eq!(workspace.run(&["report"]).code, 0);
    let done = workspace.run(&["evidence", "verify"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("10 files"), "{}", done.stderr);
    let page = format!("{RUN}/report/report.md");
    workspace.write(&page, &workspace.read(&page).replace("1 verified", "42 verified"));
    let done = workspace.run(&["evidence", "verify"]);
    assert_eq!(done.code, 3, "{done:?}");
    let told = "report/report.md: it was changed after it was written";
    assert!(done.stderr.contains(told), "{}", done.stderr);
    assert_eq!(workspace.run(&["report"]).code, 0);
    assert_eq!(workspace.run(&["evidence", "verify"]).code, 0, "the control");
}

#[test]
fn evidence_of_another_address_than_the_declared_one_is_refused() {
    let workspace = run(CheckOutcome::Passed, 1);
    let path = "environments/local.yaml";
    let environment = workspace.read(path);
    workspace.write(path, &url_of(&environment, "http://127.0.0.1:2"));
    refused(&workspace, "and the environment `local` is at http://127.0.0.1:2");
    workspace.write(path, &url_of(&environment, "http://127.0.0.1:1"));
    assert_eq!(workspace.run(&["evidence", "verify"]).code, 0, "the control");
}

/// The same environment, which others started at that address.
fn url_of(environment: &str, url: &str) -> String {
    let kept =
        environment.lines().filter(|line| !line.starts_with("start:") && !line.starts_with("url:"));
    format!("{}\nurl: {url}\n", kept.collect::<Vec<_>>().join("\n"))
}
