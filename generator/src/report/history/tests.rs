//! Histories of made-up runs: what they say, and what must never happen.

use std::collections::BTreeMap;

use proofline_spec::evidence::{
    CheckId, CheckKind, CheckSummary, Counts, Digest, Latency, Overall, RunSummary, Verdict,
    VerdictTable,
};

use super::*;

const NOW: &str = "2026-11-22T12:00:00Z";

/// A whole run of a commit, in which the feature ended like this and the load test had this p95.
fn run(day: u32, commit: &str, ended: &str, p95_us: u64) -> RunSummary {
    let verdict = if ended == "passed" { Verdict::Verified } else { Verdict::Failed };
    let holds = u32::from(verdict == Verdict::Verified);
    let latency = Latency {
        samples: 3_000,
        saturated: false,
        p50_us: p95_us / 2,
        p95_us,
        p99_us: p95_us * 2,
        distribution: vec![(50.0, p95_us / 2), (95.0, p95_us), (99.0, p95_us * 2)],
    };
    let feature = CheckSummary {
        outcome: ended.to_owned(),
        duration_ms: u64::from(day) * 1_000,
        scenarios: [("the headers are there".to_owned(), ended.to_owned())].into(),
        latency: None,
    };
    let load = CheckSummary {
        outcome: "passed".to_owned(),
        duration_ms: 30_000,
        scenarios: BTreeMap::new(),
        latency: Some(latency),
    };
    RunSummary {
        run: format!("202611{day:02}080000000-abcdef"),
        service: "pantry".to_owned(),
        version: "1.2.0".to_owned(),
        environment: "local".to_owned(),
        started_at: format!("2026-11-{day:02}T08:00:00Z"),
        finished_at: format!("2026-11-{day:02}T08:03:00Z"),
        interrupted: false,
        commit: Some(commit.to_owned()),
        dirty: false,
        spec_digest: Digest::of(b"spec"),
        generated_digest: None,
        verdicts: Some(VerdictTable {
            overall: if holds == 1 { Overall::Ready } else { Overall::NotReady },
            counts: Counts { verified: 1 + holds, failed: 1 - holds, ..Counts::default() },
            percent: 50 + 50 * holds,
            claims: [
                ("PERF-READ".to_owned(), Verdict::Verified),
                ("SEC-HEADERS".to_owned(), verdict),
            ]
            .into(),
        }),
        checks: [
            (CheckId::new(CheckKind::Feature, "security/headers"), feature),
            (CheckId::new(CheckKind::Load, "steady-200-per-s"), load),
        ]
        .into(),
        left_out: 0,
        partial: false,
    }
}

fn rendered(runs: &[RunSummary], left_out: &[LeftOutRun]) -> RenderedHistory {
    render(&HistoryInput { service: "pantry", environment: "local", runs, left_out, now: NOW })
        .unwrap()
}

fn data(runs: &[RunSummary]) -> HistoryData {
    serde_json::from_value(rendered(runs, &[]).json).unwrap()
}

/// A commit that is checked twice with two outcomes, and one that gets slower.
fn mixed() -> Vec<RunSummary> {
    let mut runs: Vec<RunSummary> =
        (1..=4).map(|day| run(day, "aaaa", "passed", 9_000 + u64::from(day))).collect();
    runs.push(run(5, "bbbb", "failed", 12_000));
    runs.push(run(6, "bbbb", "passed", 13_000));
    runs.push(RunSummary { partial: true, left_out: 7, ..run(7, "bbbb", "passed", 14_000) });
    runs.push(RunSummary { dirty: true, ..run(8, "cccc", "passed", 15_000) });
    runs
}

#[test]
fn markdown_says_what_the_runs_say() {
    let left = LeftOutRun { run: "r".into(), reason: "`checks/a.json` was changed".into() };
    insta::assert_snapshot!(rendered(&mixed(), &[left]).markdown);
}

#[test]
fn only_the_same_code_that_ended_otherwise_is_flaky() {
    let found = data(&mixed());
    let names: Vec<(&str, &str)> =
        found.flaky.iter().map(|flaky| (flaky.kind.as_str(), flaky.commit.as_str())).collect();
    assert_eq!(names, [("claim", "bbbb"), ("check", "bbbb"), ("scenario", "bbbb")]);
    assert_eq!((found.compared.runs, found.compared.groups, found.compared.unknown), (7, 2, 1));
    // The control: the same outcomes of two commits, or of a tree with changes, show nothing.
    let other = [run(5, "bbbb", "failed", 1), run(6, "dddd", "passed", 1)];
    assert_eq!(data(&other).flaky, []);
    let dirty = other.map(|run| RunSummary { commit: Some("bbbb".into()), dirty: true, ..run });
    assert_eq!(data(&dirty).flaky, []);
}

#[test]
fn scores_of_runs_that_are_not_whole_move_nothing() {
    let mut runs = mixed();
    let found = data(&runs);
    let moved: Vec<usize> = found.runs.iter().map(|run| run.moved.len()).collect();
    assert_eq!(moved, [0, 0, 0, 0, 1, 1, 0, 0]);
    runs[4].partial = true;
    assert!(data(&runs).runs.iter().all(|run| run.moved.is_empty()));
}

#[test]
fn rising_latency_is_slower_and_too_few_runs_do_not_tell() {
    let found = data(&mixed());
    assert_eq!(found.drift[0].trends[1].trend, Trend::Slower);
    assert_eq!(data(&mixed()[..4]).drift[0].trends[1].trend, Trend::CannotTell);
    let mut saturated = mixed();
    let load = CheckId::new(CheckKind::Load, "steady-200-per-s");
    let check = saturated[0].checks.get_mut(&load).unwrap();
    check.latency.as_mut().unwrap().saturated = true;
    let found = data(&saturated);
    assert_eq!((found.drift[0].points.len(), found.drift[0].saturated), (7, 1));
}

#[test]
fn order_of_the_runs_comes_from_their_time() {
    let mut runs = mixed();
    runs.reverse();
    assert_eq!(rendered(&runs, &[]), rendered(&mixed(), &[]));
}

#[test]
fn one_run_has_no_line_and_no_run_has_no_figure() {
    let html = rendered(&mixed()[..1], &[]).html;
    assert!(!html.contains("<polyline") && html.contains("no line to draw"));
    assert!(rendered(&mixed(), &[]).html.contains("<polyline"), "the control");
    let none = rendered(&[], &[]);
    assert!(none.html.contains("Nothing is known") && none.markdown.contains("0 runs"));
}

#[test]
fn nothing_in_a_run_is_markup() {
    let bad = "<script>alert(1)</script>";
    let mut runs = [run(1, bad, "passed", 1_000), run(2, bad, "failed", 1_000)];
    for run in &mut runs {
        run.version = bad.to_owned();
        for check in run.checks.values_mut() {
            check.scenarios.insert(bad.to_owned(), check.outcome.clone() + bad);
        }
        let table = run.verdicts.as_mut().unwrap();
        let verdict = table.claims["SEC-HEADERS"];
        table.claims.insert(bad.to_owned(), verdict);
    }
    let left = LeftOutRun { run: bad.into(), reason: bad.into() };
    let input =
        HistoryInput { service: bad, environment: bad, runs: &runs, left_out: &[left], now: bad };
    let found = render(&input).unwrap();
    assert!(!found.html.contains("<script>") && !found.markdown.contains("<script>"));
}
