//! What the page shows of each claim's evidence: steps, exchanges, charts.

use std::collections::BTreeMap;

use proofline_spec::document::Proof;
use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckKind, CheckOutcome, Exchange, LatencySummary, LoadEvidence,
    MutantRow, ScenarioEvidence, Verdict,
};
use serde::Serialize;

use super::ReportInput;
use super::build::{outcome, proofs};
use super::chart::{Chart, charts};
use super::data::{ClaimData, ReportData};
use super::text::{grouped, micros, millis};

/// Exchanges that are shown of one scenario.
const EXCHANGES: usize = 5;

/// Characters of a body or a JSON document that are shown.
const BODY: usize = 4_000;

/// Claims with the same verdict.
#[derive(Debug, Serialize)]
pub(super) struct Group<'a> {
    verdict: Verdict,
    title: &'static str,
    explanation: &'static str,
    claims: Vec<ClaimView<'a>>,
}

#[derive(Debug, Serialize)]
struct ClaimView<'a> {
    claim: &'a ClaimData,
    before: Option<Verdict>,
    step: Option<&'a str>,
    limits: Vec<String>,
    checks: Vec<CheckView<'a>>,
    /// Why no check of it was ever seen failing.
    never: Option<&'a str>,
    /// What became of it when mutants ran.
    mutants: Vec<&'a MutantRow>,
}

#[derive(Debug, Serialize)]
struct CheckView<'a> {
    check: &'a CheckId,
    outcome: &'static str,
    sha256: Option<String>,
    /// The claim that shows this evidence, when it is another one.
    shown_under: Option<&'a str>,
    evidence: Option<EvidenceView<'a>>,
}

#[derive(Debug, Serialize)]
struct EvidenceView<'a> {
    summary: &'a str,
    reason: Option<&'a str>,
    started_at: &'a str,
    duration: String,
    planned: u32,
    executed: u32,
    scenarios: Vec<ScenarioView<'a>>,
    load: Option<LoadView<'a>>,
    details: Option<String>,
    is_cost: bool,
}

#[derive(Debug, Serialize)]
struct ScenarioView<'a> {
    name: &'a str,
    place: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    duration: String,
    requests: String,
    /// What the service counted on demand besides.
    counted: Option<String>,
    steps: Vec<StepView<'a>>,
    exchanges: Vec<ExchangeView<'a>>,
    more_exchanges: usize,
}

#[derive(Debug, Serialize)]
struct StepView<'a> {
    text: &'a str,
    mark: &'static str,
    message: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ExchangeView<'a> {
    request: &'a str,
    request_body: Option<String>,
    response: &'a str,
    response_body: Option<String>,
    curl: &'a str,
    duration: String,
    title: &'a str,
    status: &'a str,
}

#[derive(Debug, Serialize)]
struct LoadView<'a> {
    profile: &'a str,
    measurements: Vec<(&'a str, &'a str)>,
    card: Vec<(&'static str, String)>,
    saturated: bool,
    phases: Vec<LatencyRow<'a>>,
    routes: Vec<LatencyRow<'a>>,
    charts: Vec<Chart>,
}

#[derive(Debug, Serialize)]
struct LatencyRow<'a> {
    name: &'a str,
    note: &'static str,
    requests: String,
    errors: String,
    refused: String,
    p50: String,
    p95: String,
    p99: String,
    max: String,
}

/// Claims by verdict: what failed first, what holds last.
pub(super) fn groups<'a>(input: &'a ReportInput<'_>, data: &'a ReportData) -> Vec<Group<'a>> {
    let mut shown = BTreeMap::new();
    [
        (Verdict::Failed, "Failed", "A check shows that these do not hold."),
        (
            Verdict::Unverified,
            "Unverified",
            "It is not known whether these hold. They count as not holding.",
        ),
        (
            Verdict::Waived,
            "Waived",
            "These do not hold or are not verified, and someone accepts that until a date.",
        ),
        (Verdict::Verified, "Verified", "Every check that proves these passed."),
    ]
    .into_iter()
    .map(|(verdict, title, explanation)| {
        let mut claims: Vec<_> =
            data.claims.iter().filter(|claim| claim.verdict == verdict).collect();
        claims.sort_by_key(|claim| claim.severity);
        let claims =
            claims.into_iter().map(|claim| claim_view(input, data, claim, &mut shown)).collect();
        Group { verdict, title, explanation, claims }
    })
    .collect()
}

fn claim_view<'a>(
    input: &'a ReportInput<'_>,
    data: &'a ReportData,
    claim: &'a ClaimData,
    shown: &mut BTreeMap<&'a CheckId, &'a str>,
) -> ClaimView<'a> {
    let moved = data.change.as_ref().and_then(|c| c.moved.iter().find(|m| m.id == claim.id));
    let mut checks: Vec<CheckView<'a>> = Vec::new();
    for part in &claim.evidence {
        if checks.iter().any(|known| *known.check == part.check) {
            continue;
        }
        let evidence = input.evidence.get(&part.check);
        let shown_under = evidence.and_then(|_| shown.get(&part.check).copied());
        if shown_under.is_none() && evidence.is_some() {
            shown.insert(&part.check, &claim.id);
        }
        checks.push(CheckView {
            check: &part.check,
            outcome: outcome(evidence),
            sha256: part.sha256.map(|digest| digest.to_string()),
            shown_under,
            evidence: evidence.filter(|_| shown_under.is_none()).map(evidence_view),
        });
    }
    ClaimView {
        claim,
        before: moved.map(|moved| moved.before),
        step: data.next_steps.iter().find(|step| step.id == claim.id).map(|s| s.step.as_str()),
        limits: limits(input, &claim.id),
        checks,
        never: never_seen(data, &claim.id),
        mutants: data.mutants.iter().filter(|row| row.claim == claim.id).collect(),
    }
}

fn never_seen<'a>(data: &'a ReportData, id: &str) -> Option<&'a str> {
    let never = data.seen_failing.never.iter().find(|never| never.claim == id)?;
    Some(never.reason.as_str())
}

/// The limits that a claim sets for its load tests.
fn limits(input: &ReportInput<'_>, id: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for proof in proofs(input, id) {
        if let Proof::Load(load) = &proof {
            let limits: Vec<_> = load
                .thresholds()
                .iter()
                .map(|(metric, threshold)| format!("{metric} {threshold}"))
                .collect();
            texts.push(format!("{}: {}", proof.check(), limits.join(", ")));
        }
    }
    texts
}

fn evidence_view(evidence: &CheckEvidence) -> EvidenceView<'_> {
    let is_cost = evidence.check.kind == CheckKind::Derived;
    EvidenceView {
        summary: &evidence.summary,
        reason: match &evidence.outcome {
            CheckOutcome::NotRun(reason) | CheckOutcome::Inconclusive(reason) => Some(reason),
            CheckOutcome::Passed | CheckOutcome::Failed => None,
        },
        started_at: &evidence.started_at,
        duration: millis(evidence.duration_ms),
        planned: evidence.planned,
        executed: evidence.executed,
        scenarios: evidence.scenarios.iter().map(scenario).collect(),
        load: evidence.load.as_ref().map(|load| load_view(load, &evidence.check)),
        details: evidence
            .details
            .as_ref()
            .filter(|_| !is_cost)
            .and_then(|details| serde_json::to_string_pretty(details).ok())
            .map(|text| capped(&text)),
        is_cost,
    }
}

fn scenario(scenario: &ScenarioEvidence) -> ScenarioView<'_> {
    let first = scenario.exchanges.len().saturating_sub(EXCHANGES);
    let shown = &scenario.exchanges[first..];
    let sent = usize::try_from(scenario.requests).unwrap_or(usize::MAX);
    ScenarioView {
        name: &scenario.name,
        place: &scenario.place,
        outcome: scenario.outcome.name(),
        reason: scenario.outcome.reason(),
        duration: millis(scenario.duration_ms),
        requests: grouped(scenario.requests),
        counted: (scenario.counted > 0).then(|| grouped(scenario.counted)),
        steps: scenario
            .steps
            .iter()
            .map(|step| StepView {
                text: &step.text,
                mark: match step.passed {
                    Some(true) => "holds",
                    Some(false) => "fails",
                    None => "not reached",
                },
                message: step.message.as_deref(),
            })
            .collect(),
        exchanges: shown.iter().map(exchange).collect(),
        more_exchanges: scenario.exchanges.len().max(sent) - shown.len(),
    }
}

fn exchange(exchange: &Exchange) -> ExchangeView<'_> {
    ExchangeView {
        request: &exchange.request,
        request_body: exchange.request_body.as_deref().map(capped),
        response: &exchange.response,
        response_body: exchange.response_body.as_deref().map(capped),
        curl: &exchange.curl,
        duration: micros(exchange.duration_us),
        title: exchange.request.lines().next().unwrap_or_default(),
        status: exchange.response.lines().next().unwrap_or_default(),
    }
}

/// The beginning of a long text, and how much is left out.
fn capped(text: &str) -> String {
    match text.char_indices().nth(BODY) {
        None => text.to_owned(),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            format!("{}\n… and {more} more characters in the evidence document", &text[..end])
        }
    }
}

fn load_view<'a>(load: &'a LoadEvidence, check: &CheckId) -> LoadView<'a> {
    let card = &load.instrument;
    let rate = |rate: f64| format!("{rate:.1} requests/s");
    let offered =
        card.offered_per_second.map_or_else(|| "as many as are answered".to_owned(), rate);
    LoadView {
        profile: &load.profile,
        measurements: load
            .measurements
            .iter()
            .map(|found| (found.metric.as_str(), found.text.as_str()))
            .collect(),
        card: vec![
            (
                "Model",
                match card.model.as_str() {
                    "open" => "open (arrival rate)".to_owned(),
                    "closed" => "closed (concurrency)".to_owned(),
                    other => other.to_owned(),
                },
            ),
            ("Offered", offered),
            ("Achieved", rate(card.achieved_per_second)),
            ("Samples", grouped(card.samples)),
            ("Schedule lag, p95", micros(card.schedule_lag_p95_us)),
            ("Generator CPU", format!("{:.0} % of one core", card.generator_cpu_percent)),
            ("Stall self-test error", format!("{:.1} %", card.stall_self_test_error_percent)),
            (
                "Bottleneck",
                if card.saturated {
                    "the generator: these figures are not the service's".to_owned()
                } else {
                    "not the generator".to_owned()
                },
            ),
        ],
        saturated: card.saturated,
        phases: load
            .phases
            .iter()
            .map(|phase| {
                let note = if phase.measured { "measured" } else { "not measured" };
                latency_row(&phase.name, note, &phase.latency)
            })
            .collect(),
        routes: load
            .routes
            .iter()
            .map(|(route, latency)| latency_row(route, "", latency))
            .collect(),
        charts: charts(load, check),
    }
}

fn latency_row<'a>(name: &'a str, note: &'static str, latency: &LatencySummary) -> LatencyRow<'a> {
    LatencyRow {
        name,
        note,
        requests: grouped(latency.requests),
        errors: grouped(latency.errors),
        refused: grouped(latency.declared_refusals),
        p50: micros(latency.p50_us),
        p95: micros(latency.p95_us),
        p99: micros(latency.p99_us),
        max: micros(latency.max_us),
    }
}
