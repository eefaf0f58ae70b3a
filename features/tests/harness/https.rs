//! Each thing that can be wrong with an endpoint's TLS, and the scenario that finds it.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use proofline_features::command;
use proofline_features::writer::Progress;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioOutcome};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpSocket;

use super::cases::read;
use super::endpoint::{self, Made, Old};
use super::service::{self, Flaw, Running};
use super::spec;

const FEATURE: &str = "security/https";
const CERTIFICATE: &str = "The certificate";
const VERSIONS: &str = "Versions of TLS";
const PLAIN: &str = "Plain HTTP";

/// What answers plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plain {
    /// Nobody.
    Nobody,
    /// Somebody who says no, but leads people who open `/` to HTTPS.
    Refused,
    /// Somebody who leads everybody there.
    Redirected,
    /// The service.
    Served,
    /// What also stands behind the endpoint, and knows no path.
    Same,
}

/// An endpoint.
#[derive(Debug, Clone, Copy)]
struct Case {
    made: Made,
    /// Whether the environment names the root.
    named: bool,
    versions: &'static [&'static SupportedProtocolVersion],
    old: Old,
    plain: Plain,
}

const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

const GOOD: Case = Case {
    made: Made::GOOD,
    named: true,
    versions: &[&TLS13, &TLS12],
    old: Old::Refused,
    plain: Plain::Nobody,
};

async fn checked(case: Case) -> CheckEvidence {
    let folder = tempfile::tempdir().unwrap();
    let chain = endpoint::make(folder.path(), case.made);
    let service = service::start(Flaw::None).await;
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let beside = match case.plain {
        Plain::Refused | Plain::Redirected | Plain::Same => Some(beside(case.plain).await),
        Plain::Nobody | Plain::Served => None,
    };
    let behind = match (case.plain, &beside) {
        (Plain::Same, Some(beside)) => &beside.url,
        _ => &service.url,
    };
    let behind = behind.trim_start_matches("http://").to_owned();
    let endpoint = endpoint::start(&chain, case.versions, case.old, behind).await;
    let plain_port = match (case.plain, &beside) {
        (Plain::Nobody, _) => nobody.local_addr().unwrap().port(),
        (_, Some(beside)) => port(&beside.url),
        (_, None) => port(&service.url),
    };
    let url = format!("https://localhost:{}", endpoint.port);
    let mut plan = serde_json::to_value(spec::plan(&url, &[FEATURE])).unwrap();
    plan["environment"]["tls"] = serde_json::json!({"plain_port": plain_port});
    if case.named {
        plan["authority"] = chain.root.display().to_string().into();
    }
    let plan = serde_json::from_value(plan).unwrap();
    let target = command::assemble(plan, spec::service(), &|_| None);
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    command::verify(target, &out, |_| Progress::quiet(), std::future::pending()).await.unwrap();
    read(&out, FEATURE)
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

/// What stands beside an endpoint for plain HTTP.
async fn beside(plain: Plain) -> Running {
    let answer = move |uri: Uri| async move { refusal(plain, &uri) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(answer);
    let worker = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Running { url, worker }
}

fn refusal(plain: Plain, uri: &Uri) -> Response {
    let led = || {
        let to = format!("https://localhost{uri}");
        (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()
    };
    match plain {
        Plain::Redirected => led(),
        Plain::Refused if uri.path() == "/" => led(),
        Plain::Same => {
            let status = if uri.path() == "/me" { 401 } else { 404 };
            StatusCode::from_u16(status).unwrap().into_response()
        }
        _ => StatusCode::FORBIDDEN.into_response(),
    }
}

/// What a scenario found wrong.
fn wrong<'a>(found: &'a CheckEvidence, scenario: &str) -> &'a str {
    let scenario = found.scenarios.iter().find(|found| found.name == scenario).unwrap();
    match &scenario.outcome {
        ScenarioOutcome::Failed(reason) => reason,
        other => panic!("{}: {other:?}", scenario.name),
    }
}

/// Every step's word.
fn said(found: &CheckEvidence) -> String {
    let steps = found.scenarios.iter().flat_map(|scenario| &scenario.steps);
    let words = steps.filter_map(|step| step.message.clone());
    words.collect::<Vec<_>>().join("\n")
}

/// That this and nothing else is wrong.
async fn only_wrong(case: Case, scenario: &str, words: &[&str]) {
    let found = checked(case).await;
    assert_eq!(found.outcome, CheckOutcome::Failed, "{}", found.summary);
    let reason = wrong(&found, scenario);
    for word in words {
        assert!(reason.contains(word), "`{word}` is not in: {reason}");
    }
    // What a client must refuse cannot be asked anything else, which is no second fault.
    for other in found.scenarios.iter().filter(|other| other.name != scenario) {
        let is_wrong = matches!(other.outcome, ScenarioOutcome::Failed(_));
        assert!(!is_wrong, "{}: {:?}", other.name, other.outcome);
    }
}

/// The same for a certificate.
async fn certificate(made: Made, words: &[&str]) {
    only_wrong(Case { made, ..GOOD }, CERTIFICATE, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_endpoint_passes_and_its_facts_are_evidence() {
    for plain in [Plain::Nobody, Plain::Refused] {
        let found = checked(Case { plain, ..GOOD }).await;
        let said = said(&found);
        assert_eq!(found.outcome, CheckOutcome::Passed, "{}\n{said}", found.summary);
        for fact in [
            "speaks TLS 1.3 with TLS13_AES_256_GCM_SHA384",
            "`CN=The server` issued by `CN=The intermediate`, until 20",
            "days; 14d are wanted",
            "1 of the environment's own",
            "it is refused for `another-host.invalid`",
            "TLS 1.3 with TLS13_AES_256_GCM_SHA384, TLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS 1.2 is answered with a ServerHello of TLS 1.2",
            "SSL 3.0 with the alert protocol_version (70), TLS 1.0 with the alert protocol_version (70)",
        ] {
            assert!(said.contains(fact), "`{fact}` is not in:\n{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secure_version_is_enough() {
    for versions in [ONLY_13, ONLY_12] {
        let found = checked(Case { versions, ..GOOD }).await;
        assert_eq!(found.outcome, CheckOutcome::Passed, "{}\n{}", found.summary, said(&found));
    }
    let closed = checked(Case { old: Old::Closed, ..GOOD }).await;
    assert_eq!(closed.outcome, CheckOutcome::Passed, "{}", closed.summary);
    assert!(said(&closed).contains("TLS 1.1 with the end of the connection"), "{}", said(&closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_found_out() {
    let made = Made { days: -1, ..Made::GOOD };
    certificate(made, &["the certificate has expired", "`CN=The server`", "days ago"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_soon_is_found_out() {
    let words = ["the certificate ends in", "wants it to be valid for 14d", "`CN=The server`"];
    certificate(Made { days: 3, ..Made::GOOD }, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intermediate_that_ends_soon_is_found_out() {
    let words = ["the certificate ends in", "`CN=The intermediate` issued by `CN=The root`"];
    certificate(Made { above: 3, ..Made::GOOD }, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hosts_certificate_is_found_out() {
    let made = Made { name: "other.example", ..Made::GOOD };
    certificate(made, &["is not for `localhost`", "other.example"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_found_out() {
    let made = Made { alone: true, whole: false, ..Made::GOOD };
    certificate(made, &["self-signed", "`CN=The server` issued by `CN=The server`"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_nobody_knows_is_found_out() {
    let case = Case { named: false, ..GOOD };
    let words = ["nobody who is trusted", "ends at `CN=The root`", "`tls.authority`"];
    only_wrong(case, CERTIFICATE, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_its_intermediate_is_found_out() {
    let made = Made { whole: false, ..Made::GOOD };
    let words = ["nobody who is trusted", "is the intermediate of `CN=The intermediate` missing"];
    certificate(made, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn obsolete_versions_that_are_accepted_are_found_out() {
    for (most, words) in [
        (0x0300, &["1 of 3 cases: SSL 3.0: it is accepted", "a ServerHello of SSL 3.0"][..]),
        (0x0301, &["2 of 3 cases", "TLS 1.0: it is accepted", "a ServerHello of TLS 1.0"]),
        (0x0302, &["3 of 3 cases", "TLS 1.1: it is accepted", "with cipher 0x002f"]),
    ] {
        only_wrong(Case { old: Old::Accepted(most), ..GOOD }, VERSIONS, words).await;
    }
}

/// What really speaks TLS 1.0, beside what only says so.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an openssl that can be told to speak TLS 1.0"]
async fn openssl_with_obsolete_versions_is_found_out() {
    use proofline_features::tls::hello::{Reply, Version, offer};
    let folder = tempfile::tempdir().unwrap();
    let files = endpoint::make(folder.path(), Made::GOOD).files(folder.path());
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = reserved.local_addr().unwrap().port();
    drop(reserved);
    let mut server = tokio::process::Command::new("openssl")
        .args(["s_server", "-quiet", "-www", "-cipher", "ALL:@SECLEVEL=0", "-accept"])
        .arg(port.to_string())
        .arg("-cert")
        .arg(&files.0)
        .arg("-key")
        .arg(&files.1)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let place = proofline_features::tls::Endpoint { host: "127.0.0.1".to_owned(), port };
    let mut said = Vec::new();
    for version in [Version::Tls12, Version::Tls11, Version::Tls10, Version::Ssl30] {
        let reply = loop {
            match offer(&place, version).await {
                Ok(reply) => break reply,
                Err(_) if server.try_wait().unwrap().is_none() => tokio::task::yield_now().await,
                Err(error) => panic!("openssl ended: {error}"),
            }
        };
        said.push(reply);
    }
    let accepts =
        |at: usize, number| matches!(said[at], Reply::Hello { version, .. } if version == number);
    assert!(accepts(0, 0x0303) && accepts(1, 0x0302) && accepts(2, 0x0301), "{said:?}");
    // No build of today has SSL 3.0.
    assert!(matches!(said[3], Reply::Alert(_) | Reply::Closed), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_that_is_served_is_found_out() {
    let served = Case { plain: Plain::Served, ..GOOD };
    only_wrong(served, PLAIN, &["GET /health: must refuse plain HTTP", "200"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirecting_requests_that_may_hold_a_credential_is_found_out() {
    let redirected = Case { plain: Plain::Redirected, ..GOOD };
    only_wrong(redirected, PLAIN, &["3 of 4 cases", "not redirect", "308"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answering_as_over_https_is_no_refusal() {
    let found = checked(Case { plain: Plain::Same, ..GOOD }).await;
    let reason = wrong(&found, PLAIN);
    assert!(reason.contains("answers as it does over HTTPS"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    let told = async || {
        let mut plan = spec::plan("https://localhost:1", &[FEATURE]);
        plan.authority = Some(file.display().to_string());
        let target = command::assemble(plan, spec::service(), &|_| None);
        let forever = std::future::pending();
        let ran = command::verify(target, folder.path(), |_| Progress::quiet(), forever).await;
        ran.unwrap_err().to_string()
    };
    let missing = told().await;
    assert!(missing.contains("authority.pem` cannot be read"), "{missing}");
    assert!(missing.contains("the environment names it as `tls.authority`"), "{missing}");
    std::fs::copy(file!().rsplit_once("features/").map_or(file!(), |(_, rest)| rest), &file)
        .unwrap();
    let empty = told().await;
    assert!(empty.contains("authority.pem` holds no certificate"), "{empty}");
}
