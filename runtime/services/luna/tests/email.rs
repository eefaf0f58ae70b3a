//! An e-mail that an administrator sends reaches the provider, through the queue; one that is refused is tried again.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its ground is missing"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Nothing here takes as long; it only bounds a test that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(1);

struct Luna {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Luna {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts Luna with a provider that listens here.
fn start(provider: &MockServer) -> Luna {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("luna.db").display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_luna-rag-backend"))
        .env_clear()
        .envs([
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("DATABASE_URL", database.as_str()),
            ("ENVIRONMENT", "test"),
            ("JWT_SECRET", "a secret of the tests that is long enough"),
            ("LEMONSQUEEZY_API_KEY", "not used here"),
            ("LEMONSQUEEZY_WEBHOOK_SECRET", "not used here either"),
            ("SENDGRID_API_KEY", "key-of-the-tests"),
            ("SENDGRID_BASE_URL", provider.uri().as_str()),
            ("EMAIL_FROM", "luna@example.test"),
            ("EMAIL_SUPPORT", "support@example.test"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .find_map(|line| line["address"].as_str().map(str::to_owned))
        .expect("it listens");
    // The pipe must be read on, or the service would stop at a full one.
    std::thread::spawn(move || lines.count());
    Luna { child, url: format!("http://{address}"), folder }
}

/// Signs up, becomes an administrator behind the service's back, and logs in.
async fn administrator(luna: &Luna, client: &reqwest::Client) -> String {
    let account = json!({"email": "admin@example.test", "name": "Admin", "password": "correct horse battery"});
    let made =
        client.post(format!("{}/api/v1/users", luna.url)).json(&account).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let database = rusqlite::Connection::open(luna.folder.path().join("luna.db")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    assert_eq!(database.execute("update users set role = 'admin'", []).unwrap(), 1);
    let credentials = json!({"email": "admin@example.test", "password": "correct horse battery"});
    let session = client
        .post(format!("{}/api/v1/sessions", luna.url))
        .json(&credentials)
        .send()
        .await
        .unwrap();
    let session: Value = session.json().await.unwrap();
    session["token"].as_str().unwrap().to_owned()
}

async fn received(provider: &MockServer, wanted: usize) {
    let begun = std::time::Instant::now();
    while provider.received_requests().await.unwrap_or_default().len() < wanted {
        assert!(begun.elapsed() < PATIENCE, "the provider did not get {wanted} requests");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn accepted_email_reaches_the_provider_and_a_failed_delivery_is_tried_again() {
    let provider = MockServer::start().await;
    let send = || Mock::given(method("POST")).and(path("/v3/mail/send"));
    send().respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&provider).await;
    send()
        .and(header("authorization", "Bearer key-of-the-tests"))
        .and(body_partial_json(json!({
            "personalizations": [{"to": [{"email": "someone@example.test"}]}],
            "from": {"email": "luna@example.test"},
            "subject": "Hello",
        })))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&provider)
        .await;
    let luna = start(&provider);
    let client = reqwest::Client::new();
    let token = administrator(&luna, &client).await;
    let mail = json!({"to": "someone@example.test", "subject": "Hello", "text": "How are you?"});
    let answer = client
        .post(format!("{}/api/v1/emails", luna.url))
        .bearer_auth(token)
        .json(&mail)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    received(&provider, 2).await;
    provider.verify().await;
}
