//! Faults on demand: bindings that are cut off, slow or panic, operations too. Only for tests, only when switched on.

mod call;
mod clock;
mod count;
mod flags;
mod service;

pub use call::{CallRequest, call};
pub use clock::AheadRequest;
pub use count::{CountRequest, count};
pub use flags::{FlagRequest, evaluate};
pub use service::{FaultyService, name};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::binding::clock::Clock;
use crate::binding::kv::{KeyValueStore, StoreError};
use crate::binding::queue::{Queue, QueueError};
use crate::binding::sql::{
    Batch, Bound, Column, Database, Done, Pool, SqlError, Statement, Transacted,
};
use crate::binding::{Reply, later};
use crate::queue::Message;

/// What is wrong with a binding or an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Every call fails at once.
    CutOff,
    /// Every call takes longer.
    Slow,
    /// Every call panics.
    Panic,
    /// What is read from a key-value store is damaged; elsewhere it changes nothing.
    Damaged,
    /// An operation is done, and its answer is held up; elsewhere it changes nothing.
    Late,
    /// A queue hands each message over twice, as one that promises to do it at least once may; elsewhere it changes nothing.
    Twice,
}

/// A fault of a binding, of a route's operation, of a query or of a task, as it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// Name of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// The route, such as `GET /health`; instead of a binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The query, by its name; a statement that the database refuses takes its place. Instead of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The task, by its name. Instead of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What is wrong with it.
    pub fault: Fault,
    /// So many calls are disturbed; all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How much longer calls take.
    #[serde(default = "one_second")]
    pub delay_ms: u64,
}

fn one_second() -> u64 {
    1000
}

impl FaultRequest {
    /// What is disturbed: the one binding, route, query or task.
    pub fn subject(&self) -> Option<String> {
        match (&self.binding, &self.route, &self.query, &self.task) {
            (Some(name), None, None, None)
            | (None, Some(name), None, None)
            | (None, None, Some(name), None) => Some(name.clone()),
            (None, None, None, Some(name)) => Some(task_subject(name)),
            _ => None,
        }
    }
}

/// Tasks are apart from bindings and queries of the same name.
fn task_subject(name: &str) -> String {
    format!("task {name}")
}

/// The faults that there are now, and the tasks that are due because somebody says so.
#[derive(Debug, Default)]
pub struct Faults {
    all: Mutex<BTreeMap<String, FaultRequest>>,
    ahead: Arc<clock::Ahead>,
    tasks: Mutex<BTreeSet<&'static str>>,
}

impl Faults {
    /// Adds a fault, in place of the former one of the same subject.
    pub fn add(&self, request: FaultRequest) {
        if let Some(subject) = request.subject() {
            self.lock().insert(subject, request);
        }
    }

    /// A clock whose time can be moved on.
    pub fn clock(&self, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        Arc::new(clock::MovedClock::new(clock, Arc::clone(&self.ahead)))
    }

    /// Moves the time on by so much, and sets the date; says by how much the time is ahead in all.
    pub fn move_on(&self, wanted: AheadRequest) -> Duration {
        if let Some(millis) = wanted.date_ahead_ms {
            self.ahead.set_date(millis);
        }
        self.ahead.more(wanted.by())
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that there are.
    pub fn list(&self) -> Vec<FaultRequest> {
        self.lock().values().cloned().collect()
    }

    /// Makes a task due now.
    pub fn make_due(&self, task: &'static str) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(task);
    }

    /// Whether a task was made due since this was asked before.
    pub fn take_due(&self, task: &str) -> bool {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(task)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, FaultRequest>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is wrong with it now.
    fn has(&self, subject: &str, fault: Fault) -> bool {
        self.lock().get(subject).is_some_and(|request| request.fault == fault)
    }

    /// The fault that a call meets; one that is limited is used up by it.
    fn meet(&self, subject: &str) -> Option<(Fault, Duration)> {
        let mut faults = self.lock();
        let request = faults.get_mut(subject)?;
        let met = (request.fault, Duration::from_millis(request.delay_ms));
        if let Some(times) = &mut request.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                faults.remove(subject);
            }
        }
        Some(met)
    }

    /// Lets a call through, late or not at all.
    #[expect(clippy::panic, reason = "to panic is the fault that was asked for")]
    async fn pass(&self, subject: &str, clock: &dyn Clock) -> Result<(), String> {
        if self.has(subject, Fault::Late) {
            return Ok(());
        }
        match self.meet(subject) {
            None | Some((Fault::Damaged | Fault::Late | Fault::Twice, _)) => Ok(()),
            Some((Fault::CutOff, _)) => Err(format!("{subject} is cut off")),
            Some((Fault::Slow, delay)) => {
                clock.sleep(delay).await;
                Ok(())
            }
            Some((Fault::Panic, _)) => panic!("{subject} panics, as was asked for"),
        }
    }

    /// Holds up what is done already.
    async fn hold_up(&self, subject: &str, clock: &dyn Clock) {
        if self.has(subject, Fault::Late)
            && let Some((_, delay)) = self.meet(subject)
        {
            clock.sleep(delay).await;
        }
    }
}

/// What a damaged store has: the beginning of something that was JSON.
const DAMAGED: Bytes = Bytes::from_static(b"{\"damaged\": [");

/// Who makes faults, and the clock that makes them wait; `None` where there are none to be made.
pub type FaultControl<'a> = Option<(&'a Arc<Faults>, &'a Arc<dyn Clock>)>;

/// A binding that can be cut off.
struct Faulty<T: ?Sized> {
    name: &'static str,
    inner: Arc<T>,
    faults: Arc<Faults>,
    clock: Arc<dyn Clock>,
}

impl<T: ?Sized> Faulty<T> {
    /// The binding of this name, where faults can be made; else it is given back as it is.
    fn new(name: &'static str, inner: Arc<T>, control: FaultControl<'_>) -> Result<Self, Arc<T>> {
        let Some((faults, clock)) = control else { return Err(inner) };
        Ok(Self { name, inner, faults: Arc::clone(faults), clock: Arc::clone(clock) })
    }

    /// Lets a call through, late or not at all.
    async fn pass(&self) -> Result<(), String> {
        self.faults.pass(self.name, &*self.clock).await
    }
}

/// A database that can be cut off where faults can be made.
pub fn database(
    name: &'static str,
    inner: Arc<dyn Database>,
    control: FaultControl<'_>,
) -> Arc<dyn Database> {
    Faulty::new(name, inner, control).map_or_else(|inner| inner, |faulty| Arc::new(faulty))
}

/// A key-value store that can be cut off where faults can be made.
pub fn store(
    name: &'static str,
    inner: Arc<dyn KeyValueStore>,
    control: FaultControl<'_>,
) -> Arc<dyn KeyValueStore> {
    Faulty::new(name, inner, control).map_or_else(|inner| inner, |faulty| Arc::new(faulty))
}

/// A queue that can be cut off, or says everything twice, where faults can be made.
pub fn queue(
    name: &'static str,
    inner: Arc<dyn Queue>,
    control: FaultControl<'_>,
) -> Arc<dyn Queue> {
    Faulty::new(name, inner, control).map_or_else(|inner| inner, |faulty| Arc::new(faulty))
}

/// What takes the place of a query that is to fail: the database itself fails, in the middle of whatever it does.
static BROKEN: Statement = Statement {
    name: "broken on demand",
    sql: "select json_extract('{}', 'broken on demand') as broken",
    postgres: "select 1 / (select 0) as broken",
    columns: &[Column::plain("broken")],
    reads: true,
    ..Statement::DEFAULT
};

impl Faulty<dyn Database> {
    /// The statement, or the one that fails in its place.
    async fn disturb(&self, bound: Bound) -> Bound {
        match self.faults.pass(bound.statement.name, &*self.clock).await {
            Ok(()) => bound,
            Err(_) => BROKEN.with(&[]),
        }
    }
}

impl Database for Faulty<dyn Database> {
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>> {
        later(async {
            self.pass().await.map_err(SqlError::Unavailable)?;
            self.inner.run(self.disturb(bound).await).await
        })
    }

    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>> {
        later(async {
            self.pass().await.map_err(SqlError::Unavailable)?;
            let once = match batch.once {
                Some(bound) => Some(self.disturb(bound).await),
                None => None,
            };
            let mut steps = Vec::with_capacity(batch.steps.len());
            for bound in batch.steps {
                steps.push(self.disturb(bound).await);
            }
            self.inner.transact(Batch { once, steps }).await
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), SqlError>> {
        later(async {
            self.pass().await.map_err(SqlError::Unavailable)?;
            self.inner.ping().await
        })
    }

    fn pool(&self) -> Option<Pool> {
        self.inner.pool()
    }

    fn close(&self) -> Reply<'_, ()> {
        self.inner.close()
    }
}

impl Queue for Faulty<dyn Queue> {
    fn send(&self, message: Message) -> Reply<'_, Result<(), QueueError>> {
        later(async move {
            let twice = self.faults.has(self.name, Fault::Twice);
            self.pass().await.map_err(QueueError)?;
            if twice {
                self.inner.send(message.clone()).await?;
            }
            self.inner.send(message).await
        })
    }

    fn waiting(&self) -> usize {
        self.inner.waiting()
    }

    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }
}

impl KeyValueStore for Faulty<dyn KeyValueStore> {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Bytes>, StoreError>> {
        later(async move {
            let damaged = self.faults.has(self.name, Fault::Damaged);
            self.pass().await.map_err(StoreError)?;
            let found = self.inner.get(key).await?;
            // Something is there, and it is not what was put there.
            Ok(found.map(|value| if damaged { DAMAGED } else { value }))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<(), StoreError>> {
        later(async move {
            self.pass().await.map_err(StoreError)?;
            self.inner.put(key, value, ttl).await
        })
    }

    fn put_new<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<Bytes, StoreError>> {
        later(async move {
            self.pass().await.map_err(StoreError)?;
            self.inner.put_new(key, value, ttl).await
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), StoreError>> {
        later(async move {
            self.pass().await.map_err(StoreError)?;
            self.inner.delete(key).await
        })
    }

    fn is_consistent(&self) -> bool {
        self.inner.is_consistent()
    }

    fn sweep(&self) -> Reply<'_, Result<u64, StoreError>> {
        later(async {
            self.pass().await.map_err(StoreError)?;
            self.inner.sweep().await
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), StoreError>> {
        later(async {
            self.pass().await.map_err(StoreError)?;
            self.inner.ping().await
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        self.inner.close()
    }
}
