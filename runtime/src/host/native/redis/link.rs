//! A connection that comes back by itself, and that fails at once while it is away.
//!
//! The crate's own connection manager lets commands wait for a reconnection. A request must not: it
//! goes on without the cache. So a task of its own reconnects, and commands see how that stands.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult,
    Value,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{address, explain};
use crate::definition::{Definition, Retry};
use crate::host::log::{Level, Log};
use crate::policy::retry;
use crate::secret::Secret;

/// How long the first command waits for the first connection; who comes later does not wait.
const FIRST: Duration = Duration::from_millis(500);
/// How attempts to reconnect follow each other; the number of attempts has no end.
const RECONNECT: Retry =
    Retry { attempts: u32::MAX, first: Duration::from_millis(50), longest: Duration::from_secs(5) };

/// How a connection is made and kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a connection may be silent before it is looked whether it still works.
    pub keep_alive: Duration,
    /// How long an answer may take.
    pub answer_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(1),
        }
    }
}

impl Options {
    /// As the spec says it for the first store: all of them are on one server.
    pub fn of(definition: &Definition) -> Self {
        let default = Self::default();
        let Some(store) = definition.stores.first() else { return default };
        let (connect_timeout, keep_alive) = (store.connect_timeout, store.keep_alive);
        Self { connect_timeout, keep_alive, ..default }
    }
}

/// A connection and how manieth it is, so that an old error does not end a new connection.
#[derive(Clone)]
struct Up {
    redis: MultiplexedConnection,
    number: u64,
}

#[derive(Clone)]
enum State {
    /// Nobody asked yet.
    Idle,
    /// It is connected for the first time.
    Connecting,
    Up(Up),
    /// It does not work; the reason in one line.
    Away(Arc<str>),
}

struct Shared {
    client: Client,
    options: Options,
    log: Log,
    state: watch::Sender<State>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keeper.take() {
            keeper.abort();
        }
    }
}

/// A way to Redis. It is connected when it is first used.
#[derive(Clone)]
pub struct Link(Arc<Shared>);

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// A way to the Redis of this URL; nothing is connected yet. The error does not repeat the URL.
    pub fn new(url: &Secret, options: Options, log: Log) -> Result<Self, String> {
        let client = address::client(url.expose(), options)?;
        let state = watch::Sender::new(State::Idle);
        Ok(Self(Arc::new(Shared { client, options, log, state, keeper: Mutex::default() })))
    }

    /// The same Redis over a connection of its own, on which commands may take so much longer.
    #[must_use]
    pub fn apart(&self, longer: Duration) -> Self {
        let mut options = self.0.options;
        options.answer_timeout += longer;
        Self(Arc::new(Shared {
            client: self.0.client.clone(),
            options,
            log: self.0.log.clone(),
            state: watch::Sender::new(State::Idle),
            keeper: Mutex::default(),
        }))
    }

    /// Whether it answers; connects if need be.
    pub async fn ping(&self) -> RedisResult<()> {
        let mut link = self.clone();
        redis::cmd("PING").query_async(&mut link).await
    }

    /// Waits until it answers, at most so long; the error is the last one.
    pub async fn reach(&self, longest: Duration) -> RedisResult<()> {
        let mut last = Ok(());
        let until_it_answers = async {
            loop {
                last = self.ping().await;
                if last.is_ok() {
                    return;
                }
                tokio::time::sleep(RECONNECT.first).await;
            }
        };
        // What the last attempt said is told.
        let _ = tokio::time::timeout(longest, until_it_answers).await;
        last
    }

    async fn up(&self) -> RedisResult<Up> {
        let begin = |state: &mut State| {
            let is_idle = matches!(state, State::Idle);
            if is_idle {
                *state = State::Connecting;
            }
            is_idle
        };
        if self.0.state.send_if_modified(begin) {
            let keeper = tokio::spawn(keep(Arc::downgrade(&self.0)));
            *self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        }
        let mut state = self.0.state.subscribe();
        let known = state.wait_for(|state| !matches!(state, State::Connecting | State::Idle));
        let known = tokio::time::timeout(FIRST.min(self.0.options.connect_timeout), known).await;
        match known.as_ref().map(|known| known.as_deref()) {
            Ok(Ok(State::Up(up))) => Ok(up.clone()),
            Ok(Ok(State::Away(reason))) => Err(away(reason)),
            _ => Err(away("it is not connected yet")),
        }
    }

    /// A connection whose answers fail by input or output is not used again.
    fn judge<T>(&self, number: u64, result: &RedisResult<T>) {
        let Err(error) = result else { return };
        if error.is_io_error() || error.is_unrecoverable_error() {
            self.0.lost(number, error);
        }
    }
}

fn away(reason: &str) -> RedisError {
    RedisError::from((ErrorKind::Io, "Redis is away", reason.to_owned()))
}

impl Shared {
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let Options { connect_timeout, answer_timeout, .. } = self.options;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            .set_response_timeout(Some(answer_timeout));
        let mut redis = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        // One that is still reading its data from the disk is not there yet.
        redis::cmd("PING").query_async::<()>(&mut redis).await?;
        Ok(redis)
    }

    /// The connection of this number does not work any more.
    fn lost(&self, number: u64, error: &RedisError) {
        let reason = explain(error);
        let was_up = self.state.send_if_modified(|state| {
            let is_this = matches!(state, State::Up(up) if up.number == number);
            if is_this {
                *state = State::Away(reason.as_str().into());
            }
            is_this
        });
        if was_up {
            self.log.event(Level::Error, "redis_away", &[("cause", reason.into())]);
        }
    }

    /// Connecting failed.
    fn failed(&self, error: &RedisError) {
        let reason = explain(error);
        let old = self.state.send_replace(State::Away(reason.as_str().into()));
        if !matches!(old, State::Away(_)) {
            self.log.event(Level::Error, "redis_away", &[("cause", reason.into())]);
        }
    }

    fn connected(&self, redis: MultiplexedConnection, number: u64) {
        let old = self.state.send_replace(State::Up(Up { redis, number }));
        if matches!(old, State::Away(_)) {
            self.log.event(Level::Info, "redis_back", &[("connection", json!(number))]);
        }
    }
}

/// Connects, and connects again whenever the connection is lost, until nobody has the link any more.
async fn keep(link: Weak<Shared>) {
    let (mut failures, mut number) = (0, 0);
    loop {
        let Some(shared) = link.upgrade() else { return };
        match shared.connect().await {
            Ok(redis) => {
                (failures, number) = (0, number + 1);
                shared.connected(redis, number);
                drop(shared);
                watch_over(&link).await;
            }
            Err(error) => {
                failures += 1;
                shared.failed(&error);
                drop(shared);
                tokio::time::sleep(pause(failures)).await;
            }
        }
    }
}

fn pause(failures: u32) -> Duration {
    let mut chance = [0_u8; 1];
    // Without randomness there is no jitter, which does no harm.
    let _ = getrandom::fill(&mut chance);
    retry::pause(&RECONNECT, failures, chance[0])
}

/// Returns when this connection is lost; one that is silent is asked now and then.
async fn watch_over(link: &Weak<Shared>) {
    let Some((mut state, keep_alive)) =
        link.upgrade().map(|shared| (shared.state.subscribe(), shared.options.keep_alive))
    else {
        return;
    };
    loop {
        let lost = state.wait_for(|state| !matches!(state, State::Up(_)));
        if tokio::time::timeout(keep_alive, lost).await.is_ok() {
            return;
        }
        let Some(shared) = link.upgrade() else { return };
        let link = Link(shared);
        // Who asks also judges: a connection that does not answer is lost.
        let _ = link.ping().await;
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut up = self.up().await?;
            let answer = up.redis.req_packed_command(cmd).await;
            self.judge(up.number, &answer);
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let mut up = self.up().await?;
            let answer = up.redis.req_packed_commands(cmd, offset, count).await;
            self.judge(up.number, &answer);
            answer
        })
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}
