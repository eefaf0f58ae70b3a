//! D1 in the platform's own runtime: batches go to a worker that passes them on.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use proofline_runtime::binding::session::From;
use proofline_runtime::binding::sql::Database;
use proofline_runtime::host::d1::{Batches, D1, Sent};
use proofline_runtime::host::native::clock::SystemClock;

struct Worker {
    url: String,
    client: reqwest::Client,
}

impl Batches for Worker {
    fn send(&self, batch: String, from: Option<From>) -> BoxFuture<'_, Result<Sent, String>> {
        Box::pin(async move {
            let from = From::constraint(from.as_ref());
            let asked = self.client.post(&self.url).header("from", from).body(batch).send().await;
            let answer = asked.map_err(|error| error.to_string())?;
            let is_right = answer.status().is_success();
            let text = answer.text().await.map_err(|error| error.to_string())?;
            if is_right { Ok(Sent::read(&text)) } else { Err(text) }
        })
    }
}

/// The migrated database that the suite made for a test.
pub(crate) fn d1(name: &str) -> Arc<dyn Database> {
    #[expect(clippy::disallowed_methods, reason = "where the worker is that the suite started")]
    let url = std::env::var("PROOFLINE_TEST_D1_URL").expect("a worker");
    d1_at(format!("{url}/{name}"))
}

/// The database at the address of a worker.
pub(crate) fn d1_at(url: String) -> Arc<dyn Database> {
    let worker = Worker { url, client: reqwest::Client::new() };
    let clock = Arc::new(SystemClock::default());
    Arc::new(D1::new(worker, clock, Duration::from_secs(20)))
}
