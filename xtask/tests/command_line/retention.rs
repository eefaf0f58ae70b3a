//! `evidence prune` and `report --history`: many runs, of which old ones go and broken ones do not count.

use proofline_spec::evidence::{CheckOutcome, Digest, Verdicts};
use serde_json::{Value, json};

use crate::evidence::{DOCUMENT, RUN, manifest, run, write_manifest_in};
use crate::workspace::Workspace;

const NEWEST: &str = "20260101000000000-abcdef";

/// A further run of this name, older than the first one.
fn older(workspace: &Workspace, name: &str) {
    let folder = RUN.replace(NEWEST, name);
    let day = format!("{}-{}-{}", &name[..4], &name[4..6], &name[6..8]);
    // What holds the names and times of a run, as it would have them.
    let of_then = |file: &str| {
        let text = workspace.read(&format!("{RUN}/{file}"));
        let text = text.replace(NEWEST, name).replace("2026-01-01", &day);
        workspace.write(&format!("{folder}/{file}"), &text);
        Digest::of(text.as_bytes())
    };
    let mut manifest = manifest(workspace);
    name.clone_into(&mut manifest.run);
    manifest.documents[0].sha256 = of_then(DOCUMENT);
    manifest.verdicts = Some(of_then(Verdicts::FILE));
    manifest.started_at = format!("{day}T00:00:00Z");
    manifest.finished_at = manifest.started_at.replace("00Z", "01Z");
    write_manifest_in(workspace, &folder, manifest);
}

fn names(workspace: &Workspace) -> Vec<String> {
    let listed = workspace.run(&["evidence", "list", "--format", "json"]);
    let lines: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    lines.iter().map(|line| line["run"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn dry_run_removes_nothing_and_says_what_would_go() {
    let workspace = run(CheckOutcome::Passed, 1);
    older(&workspace, "20250101000000000-aaaaaa");
    let done = workspace.run(&["evidence", "prune", "--keep", "1"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("20250101000000000-aaaaaa"), "{}", done.stdout);
    assert!(done.stdout.contains("would be removed"), "{}", done.stdout);
    assert!(done.stderr.contains("--apply"), "{}", done.stderr);
    assert_eq!(names(&workspace).len(), 2);
    let silent = workspace.run(&["evidence", "prune"]);
    assert_eq!(silent.code, 2, "{silent:?}");
}

#[test]
fn newest_run_and_those_that_others_refer_to_are_never_removed() {
    let workspace = run(CheckOutcome::Passed, 1);
    let old = ["20250101000000000-aaaaaa", "20250102000000000-bbbbbb", "20250103000000000-cccccc"];
    for name in old {
        older(&workspace, name);
    }
    let record = |run: &str, outcome: &str| json!({ "run": run, "outcome": outcome }).to_string();
    let deployments = "evidence/local/tiny/deployments";
    workspace.write(&format!("{deployments}/20250101.json"), &record(old[0], "deployed"));
    workspace.write(&format!("{deployments}/20250104.json"), &record(old[2], "rolled-back"));
    let compared = json!({ "change": { "run": old[1] } }).to_string();
    workspace.write(&format!("{RUN}/report/report.json"), &compared);
    let done = workspace.run(&["evidence", "prune", "--keep", "0", "--apply"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(names(&workspace), [NEWEST, old[1], old[0]]);
    assert!(!workspace.path(&format!("evidence/local/tiny/{}", old[2])).exists());
    assert!(done.stdout.contains("it verified a release"), "{}", done.stdout);
}

#[test]
fn age_is_counted_from_the_end_of_a_run() {
    let workspace = run(CheckOutcome::Passed, 1);
    older(&workspace, "20250101000000000-aaaaaa");
    older(&workspace, "20241231000000000-bbbbbb");
    let kept = workspace.run(&["evidence", "prune", "--older-than", "30000d", "--apply"]);
    assert_eq!(kept.code, 0, "{kept:?}");
    assert_eq!(names(&workspace).len(), 3);
    let gone =
        workspace.run(&["evidence", "prune", "--older-than", "1d", "--keep", "2", "--apply"]);
    assert_eq!(gone.code, 0, "{gone:?}");
    assert_eq!(names(&workspace), [NEWEST, "20250101000000000-aaaaaa"]);
}

#[test]
fn history_counts_whole_runs_and_names_those_that_are_not_as_they_were() {
    let workspace = run(CheckOutcome::Passed, 1);
    older(&workspace, "20250101000000000-aaaaaa");
    older(&workspace, "20250102000000000-bbbbbb");
    let broken = format!("{}/{DOCUMENT}", RUN.replace(NEWEST, "20250102000000000-bbbbbb"));
    workspace.write(&broken, &(workspace.read(&broken) + " "));
    let done = workspace.run(&["report", "--history", "--format", "json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let found: Value = serde_json::from_str(&done.stdout).unwrap();
    let runs: Vec<&str> =
        found["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(runs, ["20250101000000000-aaaaaa", NEWEST]);
    assert_eq!(found["left_out"][0]["run"], "20250102000000000-bbbbbb");
    assert!(found["left_out"][0]["reason"].as_str().unwrap().contains("was changed"));
    for name in ["history.html", "history.md", "history.json"] {
        assert!(workspace.path(&format!("evidence/local/tiny/history/{name}")).is_file(), "{name}");
    }
    assert_eq!(names(&workspace).len(), 3, "the history is no run");
}

#[test]
fn what_is_left_of_a_run_that_did_not_end_goes_unless_somebody_writes_it() {
    let workspace = run(CheckOutcome::Passed, 1);
    let folder = |name: &str| workspace.path(&RUN.replace(NEWEST, name));
    let names = [
        ("20250101000000000-aaaaaa", false),
        ("20250102000000000-bbbbbb", true),
        ("20270101000000000-cccccc", true),
        ("20250103000000000-dddddd", true),
        ("20250104000000000-chaos", true),
    ];
    for (name, _) in names {
        std::fs::create_dir_all(folder(name).join("checks")).unwrap();
    }
    workspace.write(&format!("{}/chaos.json", RUN.replace(NEWEST, names[3].0)), "{}");
    let turn = std::fs::File::open(folder(names[1].0)).unwrap();
    turn.lock().unwrap();
    let dry = workspace.run(&["evidence", "prune", "--keep", "5"]);
    assert!(dry.stdout.contains("would be removed, as it did not end"), "{}", dry.stdout);
    assert!(folder(names[0].0).exists());
    let done = workspace.run(&["evidence", "prune", "--keep", "5", "--apply"]);
    assert_eq!(done.code, 0, "{done:?}");
    for (name, stays) in names {
        assert_eq!(folder(name).exists(), stays, "{name}");
    }
    assert!(done.stdout.contains("it is being written"), "{}", done.stdout);
}
