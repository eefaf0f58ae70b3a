//! The binary, from a plan to evidence, against servers that behave in all kinds of ways.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a support module is nobody's API, and a test stops where it cannot go on"
)]

mod support;

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proofline_spec::evidence::Times;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome};
use support::{Assignment, Reply, SERVICE, Server, assignment, load};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

const PERMITS: &str = r#"{"load":{"max_rate":"200/s","max_duration":"30s"}}"#;

/// Two seconds of load by the `smoke` profile.
fn smoke(limits: &str) -> String {
    load("smoke-1", &format!(r#"{{"profile":"smoke","rate":"50/s","duration":"2s",{limits}}}"#))
}

fn command(assignment: &Assignment) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofline-loadtest"));
    command.arg("--plan").arg(&assignment.plan).arg("--out").arg(&assignment.out);
    command
}

/// Two loads at once would be late because of each other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How often a run is made anew that the instrument itself does not vouch for, as the machine was busy with others.
const ATTEMPTS: u32 = 5;

/// Runs the plan; the exit code and the evidence of `check`.
async fn outcome(assignment: &Assignment, check: &str) -> (i32, CheckEvidence, String) {
    outcome_from(assignment, check, || ()).await
}

/// The same for a server that must be put into its first state before each run.
async fn outcome_from(
    assignment: &Assignment,
    check: &str,
    reset: impl Fn(),
) -> (i32, CheckEvidence, String) {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut attempt = 1;
    loop {
        reset();
        let output = command(assignment).output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let in_doubt = ["generator saturated", "the stall self-test is off"];
        if attempt < ATTEMPTS && in_doubt.iter().any(|doubt| text.contains(doubt)) {
            attempt += 1;
            continue;
        }
        let evidence = evidence(assignment, check).unwrap_or_else(|| panic!("no evidence: {text}"));
        return (output.status.code().unwrap(), evidence, text);
    }
}

fn evidence(assignment: &Assignment, check: &str) -> Option<CheckEvidence> {
    let path = assignment.out.join(format!("load-{check}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_service_passes_and_its_evidence_is_complete() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let loads = smoke(r#""p95":"< 500ms","error_rate":"< 1%""#);
    let assignment = assignment(&server.url, SERVICE, PERMITS, &loads);
    let (code, evidence, text) = outcome(&assignment, "smoke-1").await;
    assert_eq!((code, &evidence.outcome), (0, &CheckOutcome::Passed), "{text}");
    let measured = evidence.load.unwrap();
    assert_eq!(measured.instrument.samples, 100);
    assert!(measured.instrument.stall_self_test_error_percent <= 5.0);
    assert_eq!(measured.routes[0].1.statuses, [(200, 100)]);
    assert!(measured.phases.iter().any(|phase| phase.measured));
    let metrics: Vec<_> = measured.measurements.iter().map(|m| m.metric.as_str()).collect();
    assert_eq!(metrics, ["p50", "p95", "p99", "error_rate", "server_errors"]);
    assert!(text.contains("stall self-test passed"), "{text}");
    let raw = assignment.folder.path().join("load");
    assert!(raw.join("smoke-1.intervals.jsonl").exists());
    let text = std::fs::read_to_string(raw.join("smoke-1.histograms.json")).unwrap();
    let histograms: serde_json::Value = serde_json::from_str(&text).unwrap();
    let route = &histograms["phases"][1]["routes"][0];
    let times = Times::from_base64(route[1].as_str().unwrap()).unwrap();
    assert_eq!((route[0].as_str(), times.samples()), (Some("GET /open"), 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_breaks_the_limit() {
    let slow = Duration::from_millis(300);
    let server = Server::start(move |_, _| Reply::status(200).after(slow)).await;
    let loads = smoke(r#""p95":"< 200ms""#);
    let assignment = assignment(&server.url, SERVICE, PERMITS, &loads);
    let (code, evidence, text) = outcome(&assignment, "smoke-1").await;
    assert_eq!((code, evidence.outcome), (1, CheckOutcome::Failed), "{text}");
    let p95 = evidence.summary.strip_prefix("p95 is ").and_then(|said| said.split_once(" ms"));
    // How much later an answer comes than it was sent is the machine's.
    let p95 = p95.and_then(|(figure, _)| figure.parse::<f64>().ok());
    assert!(p95.is_some_and(|p95| p95 >= 300.0), "{}", evidence.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_and_undeclared_refusals_are_errors() {
    let server =
        Server::start(|n, _| Reply::status([200, 200, 503, 429][usize::try_from(n % 4).unwrap()]));
    let server = server.await;
    let loads = smoke(r#""error_rate":"< 0.1%","server_errors":"< 1""#);
    let assignment = assignment(&server.url, SERVICE, PERMITS, &loads);
    let (code, evidence, text) = outcome(&assignment, "smoke-1").await;
    assert_eq!((code, evidence.outcome), (1, CheckOutcome::Failed), "{text}");
    let route = &evidence.load.unwrap().routes[0].1;
    assert_eq!((route.errors, route.server_errors, route.declared_refusals), (50, 25, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_refusals_are_no_errors_but_too_many_decide_nothing() {
    let service = SERVICE.replace("limits: {none: \"a sample\"}", "limits: [ip]");
    let server = Server::start(|n, _| Reply::status(if n % 4 == 0 { 429 } else { 200 })).await;
    let loads = smoke(r#""error_rate":"< 0.1%","p95":"< 500ms""#);
    let assignment = assignment(&server.url, &service, PERMITS, &loads);
    let (code, evidence, text) = outcome(&assignment, "smoke-1").await;
    assert_eq!(code, 5, "{text}");
    assert!(matches!(&evidence.outcome, CheckOutcome::Inconclusive(why) if why.contains("429")));
    let route = &evidence.load.unwrap().routes[0].1;
    assert_eq!((route.errors, route.declared_refusals), (0, 25));
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_five_at_once_are_at_once() {
    let wait = Duration::from_millis(30);
    let server = Server::start(move |_, _| Reply::status(200).after(wait)).await;
    let proof = r#"{"profile":"smoke","concurrency":65,"duration":"2s","server_errors":"< 1"}"#;
    let assignment = assignment(&server.url, SERVICE, PERMITS, &load("smoke-65", proof));
    let (code, evidence, text) = outcome(&assignment, "smoke-65").await;
    assert_eq!((code, evidence.outcome), (0, CheckOutcome::Passed), "{text}");
    assert_eq!(evidence.details.unwrap()["in_flight"], 65);
    assert_eq!(evidence.load.unwrap().instrument.model, "closed");
}

/// With nothing but their limits to slow them, users would ask hardly anything but the one route that has none.
#[tokio::test(flavor = "multi_thread")]
async fn users_wait_for_longer_where_limits_leave_no_room_for_what_is_to_be_measured() {
    let limited = |name: &str| {
        format!(
            "  GET /{name}:\n    auth: none\n    op: {{custom: {name}}}\n    returns: {{200: none}}\n"
        )
    };
    let all = "limits:\n  all: {by: global, rate: 1200/min}\ndefaults: {limits: [all]}\n";
    let service = SERVICE.replace("limits:\n  ip: {by: client_ip, rate: 60/min}\n", all);
    let service = service + &limited("one") + &limited("other");
    let server = Server::start(|_, _| Reply::status(200)).await;
    let proof = r#"{"profile":"smoke","concurrency":5,"duration":"2s","p50":"< 500ms"}"#;
    let assignment = assignment(&server.url, &service, PERMITS, &load("smoke-5", proof));
    let (code, evidence, text) = outcome(&assignment, "smoke-5").await;
    assert_eq!((code, &evidence.outcome), (0, &CheckOutcome::Passed), "{text}");
    assert_eq!(evidence.details.unwrap()["in_flight"], 5);
    let routes = evidence.load.unwrap().routes;
    let of = |name: &str| {
        let found = routes.iter().find(|(route, _)| route == name);
        found.map_or(0, |(_, figures)| figures.requests)
    };
    let (open, others) = (of("GET /open"), of("GET /one") + of("GET /other"));
    assert!(others > 10 && open <= 2 * others, "{open} and {others}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waves_keep_the_permitted_rate_in_every_second() {
    let arrivals: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = arrivals.clone();
    let server = Server::start(move |_, _| {
        seen.lock().unwrap().push(Instant::now());
        Reply::status(200)
    });
    let server = server.await;
    let permits = r#"{"load":{"max_rate":"100/s","max_duration":"30s"}}"#;
    let proof = r#"{"profile":"smoke","concurrency":40,"duration":"3s","server_errors":"< 1"}"#;
    let assignment = assignment(&server.url, SERVICE, permits, &load("smoke-40", proof));
    let (code, _, text) = outcome(&assignment, "smoke-40").await;
    assert_eq!(code, 0, "{text}");
    let arrivals = arrivals.lock().unwrap();
    assert!(arrivals.len() > 200, "{}", arrivals.len());
    // Nine tenths of a second, as arrivals are seen a little later than requests are sent.
    let crowded = arrivals.windows(101).any(|w| w[100] - w[0] < Duration::from_millis(900));
    assert!(!crowded, "more than 100 requests in a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn stress_ends_where_the_service_breaks_and_names_the_knee() {
    // Steps of 5, 10, 20, 25 … a second for three seconds; slow from the third step on.
    let slow = Duration::from_millis(300);
    let server = Server::start(move |n, _| match n {
        0..50 => Reply::status(200),
        _ => Reply::status(200).after(slow),
    });
    let server = server.await;
    let permits = r#"{"load":{"max_rate":"60/s","max_duration":"60s"}}"#;
    let proof = r#"{"profile":"stress","rate":"20/s","duration":"3s","p95":"< 200ms"}"#;
    let assignment = assignment(&server.url, SERVICE, permits, &load("stress-1", proof));
    let (code, evidence, text) = outcome_from(&assignment, "stress-1", || server.reset()).await;
    assert_eq!((code, evidence.outcome), (1, CheckOutcome::Failed), "{text}");
    let findings = evidence.details.unwrap()["findings"].to_string();
    assert!(findings.contains("between 10/s and the next step"), "{findings}");
    assert_eq!(evidence.load.unwrap().phases.len(), 3, "no step follows the one that broke");
}

#[tokio::test(flavor = "multi_thread")]
async fn spike_and_soak_run_to_their_end() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let proof = |profile: &str| {
        format!(r#"{{"profile":"{profile}","rate":"50/s","duration":"2s","p95":"< 500ms"}}"#)
    };
    let loads = [load("spike-1", &proof("spike")), load("soak-1", &proof("soak"))].join(",");
    let assignment = assignment(&server.url, SERVICE, PERMITS, &loads);
    let (code, spike, text) = outcome(&assignment, "spike-1").await;
    assert_eq!(code, 0, "{text}");
    let soak = evidence(&assignment, "soak-1").unwrap();
    for (evidence, samples, finding) in
        [(spike, 120, "after the spike"), (soak, 100, "last quarter")]
    {
        assert_eq!(evidence.outcome, CheckOutcome::Passed);
        assert_eq!(evidence.load.unwrap().instrument.samples, samples);
        assert!(evidence.details.unwrap()["findings"].to_string().contains(finding));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_permitted_is_not_sent() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    for (permits, part) in [
        ("{}", "does not permit load"),
        (r#"{"load":{"max_rate":"49/s","max_duration":"30s"}}"#, "50 requests a second"),
        (r#"{"load":{"max_rate":"200/s","max_duration":"2s"}}"#, "takes 3 s"),
    ] {
        let loads = smoke(r#""p95":"< 500ms""#);
        let assignment = assignment(&server.url, SERVICE, permits, &loads);
        let (code, evidence, _) = outcome(&assignment, "smoke-1").await;
        assert_eq!(code, 5);
        let CheckOutcome::NotRun(reason) = &evidence.outcome else { panic!("{evidence:?}") };
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_answers_and_lead_nowhere() {
    let elsewhere = Server::start(|_, _| Reply::status(200)).await;
    let location = format!("location: {}/open", elsewhere.url);
    let server = Server::start(move |_, _| Reply::status(302).header(&location)).await;
    let loads = smoke(r#""error_rate":"< 0.1%""#);
    let assignment = assignment(&server.url, SERVICE, PERMITS, &loads);
    let (code, evidence, text) = outcome(&assignment, "smoke-1").await;
    assert_eq!((code, evidence.outcome), (1, CheckOutcome::Failed), "{text}");
    assert!(server.count() >= 100);
    assert_eq!(elsewhere.count(), 0, "nothing may reach a host that was never named");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_not_a_service_that_is_wrong() {
    let loads = smoke(r#""p95":"< 500ms""#);
    let assignment = assignment("http://127.0.0.1:1", SERVICE, PERMITS, &loads);
    let (code, evidence, _) = outcome(&assignment, "smoke-1").await;
    assert_eq!(code, 5);
    assert!(matches!(&evidence.outcome, CheckOutcome::NotRun(why) if why.contains("answer")));
}

/// A smoke test of somebody with a key, whose own route answers with this status, and what the server saw.
async fn with_a_route_of_ones_own(returns: &str, status: u16) -> (i32, CheckEvidence, Vec<String>) {
    let service = format!(
        "{SERVICE}
  GET /mine:
    auth: [key]
    limits: {{none: \"a sample\"}}
    op: {{custom: mine}}
    returns: {{{returns}}}
problems:
  nothing-here: {{status: 404, title: Nothing here}}
"
    );
    let key = "key: {kind: api_key, header: X-API-Key, principal: {query: find, with: {}}}";
    let service = service.replace("auth: {}", &format!("auth: {{{key}}}"));
    let queries = "queries:\n  find: {sql: \"select 1\", expect: one}\nroutes:";
    let service = service.replace("routes:", queries);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let heads = seen.clone();
    let server = Server::start(move |_, head| {
        heads.lock().unwrap().push(head.to_owned());
        Reply::status(if head.contains("/mine") { status } else { 200 })
    });
    let server = server.await;
    let assignment = assignment(&server.url, &service, PERMITS, &smoke(r#""p95":"< 500ms""#));
    let principals = assignment.folder.path().join("principals.json");
    support::write(&principals, r#"[{"header":"X-API-Key","value":"sesame"}]"#);
    let plan = std::fs::read_to_string(&assignment.plan).unwrap();
    let named = format!(r#"{{"principals_file":"{}","spec""#, principals.display());
    support::write(&assignment.plan, &plan.replacen(r#"{"spec""#, &named, 1));
    let (code, evidence, _) = outcome(&assignment, "smoke-1").await;
    let seen = seen.lock().unwrap().clone();
    (code, evidence, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_is_found_before_any_load() {
    let (code, evidence, seen) = with_a_route_of_ones_own("200: none", 401).await;
    let CheckOutcome::NotRun(reason) = &evidence.outcome else { panic!("{evidence:?}") };
    assert_eq!(code, 5, "{reason}");
    assert!(reason.contains("GET /mine answers 401"), "{reason}");
    assert!(!serde_json::to_string(&evidence).unwrap().contains("sesame"), "no secret is written");
    assert!(seen.len() == 2 && seen[1].contains("x-api-key: sesame"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_where_nobody_who_asks_has_anything_is_left_out_if_it_declares_that() {
    let declared = "200: none, 404: {problem: nothing-here}";
    let (code, evidence, seen) = with_a_route_of_ones_own(declared, 404).await;
    assert_eq!((code, &evidence.outcome), (0, &CheckOutcome::Passed));
    let asked = |path: &str| seen.iter().filter(|head| head.contains(path)).count();
    assert!(asked("/mine") == 1 && asked("/open") > 10, "{seen:?}");
    assert!(serde_json::to_string(&evidence).unwrap().contains("have nothing there"));
    // One that does not say so is loaded, and its answers are errors.
    let (_, evidence, seen) = with_a_route_of_ones_own("200: none", 404).await;
    assert!(seen.iter().filter(|head| head.contains("/mine")).count() > 10, "{seen:?}");
    assert!(!serde_json::to_string(&evidence).unwrap().contains("have nothing there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_plan_is_an_error() {
    let assignment = assignment("http://127.0.0.1:1", SERVICE, PERMITS, "");
    let output = command(&assignment).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no load tests"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_writes_what_it_measured() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let proof = r#"{"profile":"steady","rate":"50/s","duration":"20s","p95":"< 500ms"}"#;
    let second = load("steady-2", proof);
    let loads = format!("{},{second}", load("steady-1", proof));
    let assignment = assignment(&server.url, SERVICE, PERMITS, &loads);
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut child = command(&assignment).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The measured phase has begun when its name shows in a line of progress.
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("s, steady: ") {
            break;
        }
    }
    let id = child.id().unwrap().to_string();
    Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    let status = child.wait().await.unwrap();
    assert_eq!(status.code(), Some(130));
    let first = evidence(&assignment, "steady-1").unwrap();
    assert!(
        matches!(&first.outcome, CheckOutcome::Inconclusive(why) if why.contains("interrupted"))
    );
    assert!(first.load.unwrap().instrument.samples > 0);
    let second = evidence(&assignment, "steady-2").unwrap();
    assert_eq!(second.outcome, CheckOutcome::NotRun("terminated".into()));
    let before = server.count();
    tokio::task::yield_now().await;
    assert_eq!(server.count(), before, "nothing is sent after the end");
}
