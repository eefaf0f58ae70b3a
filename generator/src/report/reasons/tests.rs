//! What a reader is told of a claim that is open, and of what was measured.

use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckOutcome, LeftOut, ScenarioEvidence, judge,
};

use crate::report::build::report_data;
use crate::report::data::ReportData;
use crate::report::fixture::{ENVIRONMENT, Made, SERVICE, make};
use crate::report::{ClaimData, Elsewhere, NextStep, ReportInput};

const LOGS: &str = "feature/observability/logs";

fn made() -> Made {
    let parsed = (serde_saphyr::from_str(SERVICE).unwrap(), serde_saphyr::from_str(ENVIRONMENT));
    make(parsed.0, parsed.1.unwrap(), &[], &[])
}

fn data(made: &Made, elsewhere: &Elsewhere) -> ReportData {
    let judged = judge(&made.service, Some(&made.manifest), &made.evidence, None, "2026-11-21");
    report_data(&ReportInput { elsewhere, ..made.input(&judged) })
}

fn told<'a>(data: &'a ReportData, id: &str) -> (&'a ClaimData, Option<&'a NextStep>) {
    let claim = data.claims.iter().find(|claim| claim.id == id).unwrap();
    (claim, data.next_steps.iter().find(|step| step.id == id))
}

/// A check that nothing could be said of: its scenario says why, as runners write it.
fn not_run(made: &mut Made, why: &str) {
    let check: CheckId = LOGS.parse().unwrap();
    let found: &mut CheckEvidence = made.evidence.get_mut(&check).unwrap();
    found.outcome = CheckOutcome::NotRun(format!("A line for each: {why}"));
    found.scenarios = vec![ScenarioEvidence { name: "A line for each".into(), ..made_scenario() }];
}

fn made_scenario() -> ScenarioEvidence {
    let made = made();
    let mut scenarios = made.evidence.values().flat_map(|found| found.scenarios.iter());
    scenarios.next().unwrap().clone()
}

#[test]
fn what_did_not_run_is_one_sentence_with_the_environment_that_can_show_it() {
    let mut made = made();
    not_run(&mut made, "no log can be read here: it is elsewhere");
    let nowhere = Elsewhere::default();
    let data_here = data(&made, &nowhere);
    let (claim, step) = told(&data_here, "OBS-LOGS");
    assert_eq!(
        claim.reason,
        "`feature/observability/logs` did not run on `local`, because no log can be read here; it is elsewhere"
    );
    assert!(step.unwrap().step.starts_with("No environment that is started here"), "{step:?}");
    let logs: CheckId = LOGS.parse().unwrap();
    let untried = [(logs.clone(), vec!["compose".to_owned(), "servers".to_owned()])].into();
    let data_untried = data(&made, &Elsewhere { untried, ..Elsewhere::default() });
    assert_eq!(
        told(&data_untried, "OBS-LOGS").1.unwrap().step,
        "No environment has shown it yet; not tried: `compose` and `servers`. `cargo xtask verify -s pantry -e compose --only observability/logs` tries the first."
    );
    let ran = [(logs, "compose".to_owned())].into();
    let elsewhere = Elsewhere { ran, ..Elsewhere::default() };
    let shown_elsewhere = data(&made, &elsewhere);
    assert_eq!(
        told(&shown_elsewhere, "OBS-LOGS").1.unwrap().step,
        "`cargo xtask verify -s pantry -e compose --only observability/logs` settles it for `compose`, where it ran before."
    );
}

#[test]
fn what_was_not_asked_for_is_settled_where_the_run_was() {
    let mut made = made();
    let check: CheckId = LOGS.parse().unwrap();
    made.evidence.remove(&check);
    let reason = "other checks were asked for".to_owned();
    made.manifest.left_out.push(LeftOut { check, reason, by_choice: true });
    let data = data(&made, &Elsewhere::default());
    assert_eq!(
        told(&data, "OBS-LOGS").1.unwrap().step,
        "`cargo xtask verify -s pantry -e local --only observability/logs` settles it."
    );
    assert!(data.not_looked_at[0].contains("1 of 7 checks were not asked for"), "{data:?}");
}

#[test]
fn what_was_measured_says_value_limit_and_samples() {
    let mut made = made();
    let data_all = data(&made, &Elsewhere::default());
    let reason = &told(&data_all, "PERF-LATENCY").0.reason;
    assert_eq!(reason, "p50 2.31 ms is < 50ms (5,998 samples of `load/steady-200-per-s`)");
    // A claim that nothing proves is told what a load test saw of it all the same.
    let claim = made.service.claims.get_mut("PERF-ERRORS").unwrap();
    claim.proven_by.clear();
    claim.unproven = Some("nobody set a limit".into());
    let claim = made.service.claims.shift_remove("PERF-ERRORS").unwrap();
    made.service.claims.insert("PERF-P95".into(), claim);
    let data_less = data(&made, &Elsewhere::default());
    let reason = &told(&data_less, "PERF-P95").0.reason;
    assert!(
        reason.starts_with("no check proves this, because nobody set a limit; measured all the same, with no limit to hold it against: p95 7.90 ms (5,998 samples of `load/steady-200-per-s`)"),
        "{reason}"
    );
}
