//! Made-up evidence for tests and for the demonstration. No figure here was measured.

use std::collections::BTreeMap;

use proofline_spec::document::{Environment, Proof, Service};
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckId, CheckKind, CheckOutcome, Digest, DocumentEntry, Exchange,
    InstrumentCard, LatencySummary, LeftOut, LoadEvidence, Manifest, Measurement, PhaseSummary,
    ScenarioEvidence, ScenarioOutcome, SeriesPoint, StepEvidence,
};

/// The moment of every made-up report.
pub(super) const NOW: &str = "2026-11-21T08:30:00Z";

/// A service with a claim of every verdict, and an environment.
pub(super) const SERVICE: &str = include_str!("fixture.yaml");

/// An environment.
pub(super) const ENVIRONMENT: &str =
    "proofline: v1\nenvironment: local\ntarget: native\nstart: {native: {}}\n";

/// What a report is made from.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// The spec.
    pub(super) service: Service,
    /// The environment.
    pub(super) environment: Environment,
    /// The manifest.
    pub(super) manifest: Manifest,
    /// Evidence of every check but those that are left out.
    pub(super) evidence: BTreeMap<CheckId, CheckEvidence>,
}

/// Makes up evidence of every check that `service` names; checks whose name ends in one of `failing` fail.
pub(super) fn make(
    service: Service,
    environment: Environment,
    failing: &[&str],
    left_out: &[&str],
) -> Made {
    let mut evidence = BTreeMap::new();
    let mut omitted = Vec::new();
    for proof in service.claims.values().flat_map(|claim| &claim.proven_by) {
        let check = proof.check();
        if left_out.iter().any(|name| check.name.ends_with(name)) {
            let reason = "the environment does not permit it (made up)".to_owned();
            if !omitted.iter().any(|left: &LeftOut| left.check == check) {
                omitted.push(LeftOut { check, reason, by_choice: false });
            }
            continue;
        }
        let fails = failing.iter().any(|name| check.name.ends_with(name));
        let found = match proof {
            Proof::Load(load) => load_check(&check, &load.profile, fails),
            Proof::Derived(_) => super::cost_ceiling(&service, NOW),
            Proof::Feature(_) | Proof::Probe(_) => feature(&check, fails),
        };
        evidence.insert(check, found);
    }
    let manifest = manifest(&service, &environment, &evidence, omitted);
    Made { service, environment, manifest, evidence }
}

fn manifest(
    service: &Service,
    environment: &Environment,
    evidence: &BTreeMap<CheckId, CheckEvidence>,
    left_out: Vec<LeftOut>,
) -> Manifest {
    Manifest {
        format: 1,
        run: "2026-11-21T08-20-00Z-made-up".into(),
        service: service.service.name.clone(),
        environment: environment.environment.clone(),
        url: "http://127.0.0.1:41873".into(),
        spec_version: service.service.version.clone(),
        reported_version: Some(service.service.version.clone()),
        reported_spec_digest: Some(Digest::of(b"spec").to_string()),
        substitutes: BTreeMap::new(),
        spec_digest: Digest::of(b"spec"),
        generated_digest: Some(Digest::of(b"generated")),
        tool_version: "0.1.0".into(),
        commit: Some("1f3870be274f6c49b3e31a0c6728957f2b1d7a4c".into()),
        dirty: true,
        started_at: "2026-11-21T08:20:00Z".into(),
        finished_at: "2026-11-21T08:23:41Z".into(),
        interrupted: false,
        ended: None,
        documents: evidence
            .keys()
            .map(|check| DocumentEntry {
                check: check.clone(),
                path: format!("checks/{}", check.file_name()),
                sha256: Digest::of(check.to_string().as_bytes()),
            })
            .collect(),
        raw: Vec::new(),
        verdicts: None,
        left_out,
        worker: None,
        seal: None,
    }
}

fn check(check: &CheckId, outcome: CheckOutcome, summary: &str) -> CheckEvidence {
    CheckEvidence {
        run: None,
        check: check.clone(),
        outcome,
        summary: summary.to_owned(),
        started_at: "2026-11-21T08:20:04Z".into(),
        duration_ms: 2_340,
        planned: 2,
        executed: 2,
        scenarios: Vec::new(),
        load: None,
        details: None,
    }
}

/// A feature or a probe.
fn feature(id: &CheckId, fails: bool) -> CheckEvidence {
    let problem = "the answer has no header `Content-Security-Policy`";
    let (outcome, summary) = if fails {
        (CheckOutcome::Failed, format!("made up: {problem}"))
    } else {
        (CheckOutcome::Passed, "made up: 2 scenarios hold".to_owned())
    };
    let mut evidence = check(id, outcome, &summary);
    if id.kind == CheckKind::Probe {
        evidence.details = Some(serde_json::json!({"made_up": true, "t": 1.4, "samples": 100_000}));
        return evidence;
    }
    evidence.scenarios = vec![
        scenario(id, "Every declared answer is as the spec says", ScenarioOutcome::Passed, None),
        scenario(
            id,
            "What is not declared is refused",
            if fails { ScenarioOutcome::Failed(problem.into()) } else { ScenarioOutcome::Passed },
            fails.then_some(problem),
        ),
    ];
    evidence
}

fn scenario(
    id: &CheckId,
    name: &str,
    outcome: ScenarioOutcome,
    problem: Option<&str>,
) -> ScenarioEvidence {
    let step = |text: &str, passed, message: Option<&str>| StepEvidence {
        text: text.into(),
        passed,
        message: message.map(str::to_owned),
    };
    ScenarioEvidence {
        name: name.into(),
        place: format!("features/{}.feature:7", id.name),
        outcome,
        steps: vec![
            step("Given a user of tier free", Some(true), None),
            step("When every route is called", Some(true), Some("23 routes")),
            step("Then each answer is as declared", Some(problem.is_none()), problem),
            step("And nothing else is answered", problem.is_none().then_some(true), None),
        ],
        exchanges: (0..7).map(exchange).collect(),
        answers: Answers::default(),
        about: Vec::new(),
        requests: 46,
        counted: 0,
        duration_ms: 840,
    }
}

fn exchange(n: u32) -> Exchange {
    Exchange {
        request: format!("GET /api/v1/documents/{n} HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer $TOKEN"),
        request_body: None,
        response: "HTTP/1.1 404 Not Found\nContent-Type: application/problem+json\nX-Content-Type-Options: nosniff".into(),
        response_body: Some("{\"type\":\"https://proofline.dev/problems/document-not-found\",\"status\":404}".into()),
        curl: format!("curl -i -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:41873/api/v1/documents/{n}"),
        duration_us: 900 + u64::from(n) * 130,
    }
}

fn latency(requests: u64, p50: u64) -> LatencySummary {
    LatencySummary {
        requests,
        errors: 2,
        server_errors: 0,
        declared_refusals: 31,
        p50_us: p50,
        p95_us: p50 * 3,
        p99_us: p50 * 6,
        max_us: p50 * 19,
        statuses: vec![(200, requests - 33), (429, 31)],
    }
}

fn load_check(id: &CheckId, profile: &str, fails: bool) -> CheckEvidence {
    let outcome = if fails { CheckOutcome::Failed } else { CheckOutcome::Passed };
    let mut evidence = check(id, outcome, "made up: measured for 30 s after 5 s of warm-up");
    let factor = if fails { 30.0 } else { 1.0 };
    let measured = |metric: &str, value: f64, unit: &str| Measurement {
        metric: metric.into(),
        threshold: String::new(),
        value,
        text: format!("{value:.2}{unit}"),
        holds: !fails,
    };
    let phase = |name: &str, measured, start_ms, duration_ms| PhaseSummary {
        name: name.into(),
        measured,
        start_ms,
        duration_ms,
        latency: latency(duration_ms / 5, 2_300),
    };
    evidence.load = Some(LoadEvidence {
        profile: profile.into(),
        measurements: vec![
            measured("p50", 2.31 * factor, " ms"),
            measured("p95", 7.9 * factor, " ms"),
            measured("p99", 14.2 * factor, " ms"),
            measured("error_rate", 0.03 * factor, " %"),
            measured("server_errors", 0.0, ""),
        ],
        instrument: InstrumentCard {
            model: "open".into(),
            offered_per_second: Some(200.0),
            achieved_per_second: 199.93,
            samples: 5_998,
            schedule_lag_p95_us: 412,
            generator_cpu_percent: 23.4,
            stall_self_test_error_percent: 0.8,
            saturated: false,
        },
        phases: vec![
            phase("warm-up", false, 0, 5_000),
            phase("steady", true, 5_000, 30_000),
            phase("cool-down", false, 35_000, 3_000),
        ],
        routes: vec![
            ("GET /api/v1/me".into(), latency(3_200, 1_900)),
            ("POST /api/v1/documents".into(), latency(1_400, 3_400)),
        ],
        series: (0..38).map(point).collect(),
        distribution: [
            (0.0, 900),
            (50.0, 2_310),
            (75.0, 3_600),
            (90.0, 5_900),
            (95.0, 7_900),
            (99.0, 14_200),
            (99.9, 31_000),
            (99.99, 43_000),
        ]
        .into(),
        histogram: "HISTFAAAAA==".into(),
    });
    evidence
}

fn point(second: u32) -> SeriesPoint {
    // A made-up ripple; the numbers only have to look like a measurement.
    let ripple = u64::from(second * 37 % 11) * 60;
    let ramp = u64::from(second.min(5)) * 40;
    SeriesPoint {
        second,
        offered: ramp,
        achieved: ramp - u64::from(second == 21) * 18,
        errors: u64::from(second == 21) * 2,
        p50_us: 2_200 + ripple,
        p95_us: 7_400 + ripple * 3,
        p99_us: 12_800 + ripple * 6 + u64::from(second == 21) * 9_000,
    }
}
