//! One connection outside of the pool, for which it waits until a server that is starting answers.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error};

use super::server::Server;
use super::{connect, error};

/// How long it takes until it is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// A connection, with what keeps it going; the server may take so long to answer.
pub(super) async fn reach(
    server: &Server,
    longest: Duration,
) -> Result<(Client, JoinHandle<()>), String> {
    let tls = connect::tls(server)?;
    let begun = Instant::now();
    loop {
        let cause = match server.config().connect(tls.clone()).await {
            Ok((client, connection)) => {
                // What breaks the connection is told to whoever waits for an answer.
                let driver = tokio::spawn(async move { connection.await.unwrap_or_default() });
                return Ok((client, driver));
            }
            Err(cause) => cause,
        };
        if is_final(&cause) || begun.elapsed() + PAUSE > longest {
            return Err(error::text(&cause));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A wrong password or name does not get better, and neither does a certificate.
fn is_final(error: &Error) -> bool {
    let is_starting = |code: &str| code.starts_with("57P");
    error.code().is_some_and(|code| !is_starting(code.code())) || connect::is_distrust(error)
}

/// Whether the server answers with this name and password.
pub async fn answers(server: &Server, longest: Duration) -> Result<(), String> {
    let (client, connection) = reach(server, longest).await?;
    let answer = client.batch_execute("select 1").await.map_err(|error| error::text(&error));
    connection.abort();
    answer
}
