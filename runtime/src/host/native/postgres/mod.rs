//! Postgres as the database: a pool of connections, each with its statements prepared.
//!
//! A statement by itself is one round trip. Several are one transaction; where one of them reads, it is
//! serializable, so that it means what it means in SQLite, which does one after the other. What the
//! server takes back because of others is tried again until the time limit.

mod connect;
mod error;
pub mod migration;
mod probe;
mod reach;
mod run;
mod server;
mod value;

use std::time::{Duration, Instant};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};

pub use self::reach::answers;
pub use self::server::Server;

use self::run::Tried;
use crate::binding::sql::{self, Batch, Bound, Database, Done, SqlError, Transacted};
use crate::binding::{Reply, later, ready};
use crate::definition;

/// How long it may take to reach the server.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a question after the server's health may wait for a connection.
const PING: Duration = Duration::from_secs(2);
/// What the client waits longer than the server, whose answer says more.
const GRACE: Duration = Duration::from_millis(500);

/// A database on a Postgres server.
pub struct Postgres {
    pool: Pool,
    probe: probe::Probe,
    timeout: Duration,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// A database; the server is asked when the first statement is run.
    pub fn open(server: &Server, database: &definition::Database) -> Result<Self, String> {
        let timeout = database.statement_timeout;
        let size = server.pool.unwrap_or(database.pool.size);
        let pool = pool(server, timeout, size, database.pool.acquire_timeout)?;
        let probe = probe::Probe::new(self::pool(server, PING, 1, PING)?);
        Ok(Self { pool, probe, timeout })
    }

    async fn connection(&self) -> Result<deadpool_postgres::Object, SqlError> {
        self.pool.get().await.map_err(|error| unavailable(&error))
    }

    /// Runs something until it is done, fails for good, or the time is over.
    async fn until_done<T, F>(
        &self,
        name: &str,
        attempt: impl Fn(deadpool_postgres::Object) -> F,
    ) -> Result<T, SqlError>
    where
        F: Future<Output = Result<T, Tried>>,
    {
        let mut connection = self.connection().await?;
        let begun = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            let left = (self.timeout + GRACE).saturating_sub(begun.elapsed());
            let tried = tokio::time::timeout(left, attempt(connection)).await;
            let again = match tried {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(Tried::Failed(error))) => return Err(error),
                Ok(Err(Tried::Again(error))) => error,
                Err(_) => return Err(SqlError::TimedOut(name.to_owned())),
            };
            if begun.elapsed() + pause >= self.timeout {
                return Err(again);
            }
            // Those who were in each other's way should not meet again.
            tokio::time::sleep(pause.mul_f64(0.5 + jitter())).await;
            pause = (pause * 2).min(Duration::from_millis(100));
            connection = self.connection().await?;
        }
    }
}

/// Connections that are made when they are needed, each prepared alike.
fn pool(server: &Server, timeout: Duration, size: usize, wait: Duration) -> Result<Pool, String> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let tls = connect::tls(server)?;
    let manager = Manager::from_config(server.config(), tls, recycling);
    let session = session(timeout);
    let prepare = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let session = session.clone();
        Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(wait))
        .create_timeout(Some(CONNECT))
        .recycle_timeout(Some(CONNECT))
        .post_create(prepare)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| error.to_string())
}

/// From 0 to 1, different each time.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness everybody waits the same time.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

/// What every connection is told first.
fn session(timeout: Duration) -> String {
    let timeout = timeout.as_millis();
    format!(
        "set statement_timeout = {timeout}; set idle_in_transaction_session_timeout = {}; \
         set timezone = 'UTC'; set client_min_messages = error; set standard_conforming_strings = on",
        timeout * 2
    )
}

fn unavailable(error: &PoolError) -> SqlError {
    SqlError::Unavailable(match error {
        PoolError::Timeout(TimeoutType::Wait) => "all connections are in use".to_owned(),
        PoolError::Timeout(_) => "the server cannot be reached in time".to_owned(),
        PoolError::Backend(error) => error::text(error),
        other => other.to_string(),
    })
}

impl Database for Postgres {
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>> {
        later(async move {
            let name = bound.statement.name;
            self.until_done(name, |connection| run::one(connection, &bound)).await
        })
    }

    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>> {
        later(async move {
            let name =
                batch.once.iter().chain(&batch.steps).next().map_or("", |b| b.statement.name);
            self.until_done(name, |connection| run::all(connection, &batch)).await
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), SqlError>> {
        later(self.probe.ask())
    }

    fn pool(&self) -> Option<sql::Pool> {
        let pool = self.pool.status();
        // Those that wait have none.
        Some(sql::Pool { size: pool.max_size, in_use: pool.size.saturating_sub(pool.available) })
    }

    fn close(&self) -> Reply<'_, ()> {
        self.pool.close();
        self.probe.close();
        ready(())
    }
}
