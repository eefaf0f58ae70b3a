//! What a service has at hand: its bindings, configuration, clock and randomness.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::binding::blob::BlobStore;
use crate::binding::clock::{Clock, Entropy};
use crate::binding::counted::Counted;
use crate::binding::kv::KeyValueStore;
use crate::binding::password::{PasswordError, PasswordHasher};
use crate::binding::queue::Queue;
use crate::binding::room::Rooms;
use crate::binding::rsa::{Rsa, RsaError};
use crate::binding::search::{Embedder, SearchError, VectorIndex};
use crate::binding::sql::{Batch, Bound, Database, Done, SqlError, Transacted};
use crate::binding::upstream::Upstream;
use crate::cache::Caches;
use crate::definition::{Definition, Flag};
use crate::flags::{Evaluation, EvaluationContext, Forced, Switchboard};
use crate::lti::KeySets;
use crate::policy::auth::Keys;
use crate::problem::{Failure, ProblemType, UNAVAILABLE};
use crate::queue::claim::Handling;
use crate::queue::delivered::Recent;
use crate::queue::{Deliveries, Message};
use crate::secret::Secret;
use crate::time;
use crate::upload::unfinished::Busy;
use crate::watch::{self, Watchers};

/// What a host provides.
pub struct Bindings {
    /// Databases by name.
    pub databases: HashMap<&'static str, Arc<dyn Database>>,
    /// Key-value stores by name.
    pub stores: HashMap<&'static str, Arc<dyn KeyValueStore>>,
    /// Queues by name.
    pub queues: HashMap<&'static str, Arc<dyn Queue>>,
    /// Stores of files by name.
    pub blobs: HashMap<&'static str, Arc<dyn BlobStore>>,
    /// Rooms by name of the binding.
    pub rooms: HashMap<&'static str, Arc<dyn Rooms>>,
    /// Models that make vectors of texts, by name.
    pub embedders: HashMap<&'static str, Arc<dyn Embedder>>,
    /// Indexes of vectors by name.
    pub indexes: HashMap<&'static str, Arc<dyn VectorIndex>>,
    /// Other services by name.
    pub upstreams: HashMap<&'static str, Arc<dyn Upstream>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Password hashing.
    pub passwords: Arc<dyn PasswordHasher>,
    /// RSA signatures.
    pub rsa: Arc<dyn Rsa>,
}

/// The configuration of a running service.
#[derive(Debug, Default)]
pub struct Settings {
    /// Name of the environment.
    pub environment: String,
    /// Secrets by name.
    pub secrets: HashMap<&'static str, Secret>,
    /// Variables by name.
    pub vars: HashMap<&'static str, String>,
    /// Emergency switches that variables turned on.
    pub forced: Forced,
}

/// What a service has at hand.
pub struct Context {
    definition: &'static Definition,
    settings: Settings,
    bindings: Bindings,
    keys: Keys,
    started: Duration,
    draining: AtomicBool,
    caches: Caches,
    deliveries: Deliveries,
    recent: Recent,
    handling: Handling,
    uploads: Busy,
    watchers: Arc<Watchers>,
    key_sets: KeySets,
    switchboard: Switchboard,
    memory: fn() -> Option<Memory>,
}

/// What a process holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that it holds now.
    pub resident: u64,
    /// The most that it may hold, where there is a limit.
    pub limit: Option<u64>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("service", &self.definition.service).finish_non_exhaustive()
    }
}

impl Context {
    /// Brings a definition, its configuration and what a host provides together.
    pub fn new(
        definition: &'static Definition,
        settings: Settings,
        mut bindings: Bindings,
    ) -> Self {
        for database in definition.databases {
            bindings.databases.entry(database.name).and_modify(|database| {
                *database = Arc::new(Counted::new(Arc::clone(database)));
            });
        }
        let keys = Keys::new(definition, &settings);
        let started = bindings.clock.monotonic();
        let draining = AtomicBool::new(false);
        let caches = Caches::new(definition);
        let switchboard = Switchboard::new(settings.forced);
        Self {
            definition,
            settings,
            bindings,
            keys,
            started,
            draining,
            caches,
            deliveries: Deliveries::new(definition),
            recent: Recent::default(),
            handling: Handling::default(),
            uploads: Busy::default(),
            watchers: Arc::default(),
            key_sets: KeySets::default(),
            switchboard,
            memory: || None,
        }
    }

    /// The same, with a way to find out what the process holds in memory.
    #[must_use]
    pub fn with_memory(self, memory: fn() -> Option<Memory>) -> Self {
        Self { memory, ..self }
    }

    /// What the process holds in memory, where the host can tell.
    pub fn memory(&self) -> Option<Memory> {
        (self.memory)()
    }

    /// How long it has been running.
    pub fn uptime(&self) -> Duration {
        self.clock().monotonic().saturating_sub(self.started)
    }

    /// The process is about to end: from now on it says that it is not ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the process is about to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Closes databases, then key-value stores; gives the name of each when it is closed.
    pub async fn close(&self) -> Vec<&'static str> {
        let mut closed = Vec::new();
        for database in self.definition.databases {
            if let Ok(store) = self.database(database.name) {
                store.close().await;
                closed.push(database.name);
            }
        }
        for store in self.definition.stores {
            if let Ok(kv) = self.store(store.name) {
                kv.close().await;
                closed.push(store.name);
            }
        }
        closed
    }

    /// The cached answers of its routes.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// The uploads that this process is taking.
    pub(crate) fn uploads(&self) -> &Busy {
        &self.uploads
    }

    /// Who follows what it answers.
    pub fn watchers(&self) -> &Arc<Watchers> {
        &self.watchers
    }

    /// What was switched at run time.
    pub fn switchboard(&self) -> &Switchboard {
        &self.switchboard
    }

    /// Evaluates a feature flag for somebody.
    pub async fn evaluate(&self, flag: &'static Flag, whom: &EvaluationContext<'_>) -> Evaluation {
        self.switchboard.evaluate(self, flag, whom).await
    }

    /// Cached answers with these tags are not given again. For what changes data without a route that says
    /// `invalidates`: call it after the change.
    pub async fn invalidate(&self, tags: &[&str]) {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.caches.changing(self, tags, Duration::ZERO, async {}).await;
    }

    /// What became of messages in this process.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Ids of messages that this process delivered.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Messages that this process is handling.
    pub(crate) fn handling(&self) -> &Handling {
        &self.handling
    }

    /// Puts a message into a queue, under an id of its own, which is returned.
    pub async fn enqueue(&self, queue: &str, body: serde_json::Value) -> Result<String, Failure> {
        let id = self.new_id()?;
        self.queue(queue)?.send(Message { id: id.clone(), body }).await?;
        Ok(id)
    }

    /// The service's tables.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// Name of the environment.
    pub fn environment(&self) -> &str {
        &self.settings.environment
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn passwords(&self) -> &dyn PasswordHasher {
        &*self.bindings.passwords
    }

    pub(crate) fn rsa(&self) -> &dyn Rsa {
        &*self.bindings.rsa
    }

    /// The key sets of platforms that are being fetched.
    pub(crate) fn key_sets(&self) -> &KeySets {
        &self.key_sets
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.bindings.clock
    }

    /// A database.
    pub fn database(&self, name: &str) -> Result<&dyn Database, Failure> {
        named(&self.bindings.databases, name)
    }

    /// A key-value store.
    pub fn store(&self, name: &str) -> Result<&dyn KeyValueStore, Failure> {
        named(&self.bindings.stores, name)
    }

    /// A store of files.
    pub fn blob(&self, name: &str) -> Result<&dyn BlobStore, Failure> {
        named(&self.bindings.blobs, name)
    }

    /// A queue.
    pub fn queue(&self, name: &str) -> Result<&dyn Queue, Failure> {
        named(&self.bindings.queues, name)
    }

    /// The rooms of a binding.
    pub(crate) fn rooms(&self, name: &str) -> Result<&dyn Rooms, Failure> {
        named(&self.bindings.rooms, name)
    }

    /// A model that makes vectors of texts.
    pub fn embedder(&self, name: &str) -> Result<&dyn Embedder, Failure> {
        named(&self.bindings.embedders, name)
    }

    /// An index of vectors.
    pub fn index(&self, name: &str) -> Result<&dyn VectorIndex, Failure> {
        named(&self.bindings.indexes, name)
    }

    /// What stands in for services of the platform that are not there, by binding.
    pub fn substitutes(&self) -> BTreeMap<&'static str, &'static str> {
        let Bindings { embedders, indexes, .. } = &self.bindings;
        let models = embedders.iter().map(|(name, model)| (*name, model.substitute()));
        let indexes = indexes.iter().map(|(name, index)| (*name, index.substitute()));
        models.chain(indexes).filter_map(|(name, substitute)| Some((name, substitute?))).collect()
    }

    /// Another service.
    pub fn upstream(&self, name: &str) -> Result<&dyn Upstream, Failure> {
        named(&self.bindings.upstreams, name)
    }

    /// A variable of the configuration.
    pub fn var(&self, name: &str) -> Result<&str, Failure> {
        let value = self.settings.vars.get(name).map(String::as_str);
        value.ok_or_else(|| Failure::internal(format!("there is no variable {name}")))
    }

    /// A secret of the configuration.
    pub fn secret(&self, name: &str) -> Result<&Secret, Failure> {
        let secret = self.settings.secrets.get(name);
        secret.ok_or_else(|| Failure::internal(format!("there is no secret {name}")))
    }

    /// Runs a statement and checks what it must do.
    pub async fn run(&self, bound: Bound) -> Result<Done, Failure> {
        let database = self.database(bound.statement.database)?;
        let whom = self.watchers.of([&bound]);
        let done = database.run(bound).await.map_err(Failure::from);
        watch::hint(&whom);
        done
    }

    /// Runs a statement; the error is left to the caller.
    pub async fn try_run(&self, bound: Bound) -> Result<Done, SqlError> {
        match self.database(bound.statement.database) {
            Ok(database) => {
                let whom = self.watchers.of([&bound]);
                let done = database.run(bound).await;
                watch::hint(&whom);
                done
            }
            Err(failure) => Err(SqlError::Refused(failure.to_string())),
        }
    }

    /// Runs several statements, all or none.
    pub async fn transact(&self, batch: Batch) -> Result<Transacted, Failure> {
        let first = batch.once.iter().chain(&batch.steps).next();
        let Some(first) = first else { return Ok(Transacted::Done(Vec::new())) };
        let database = self.database(first.statement.database)?;
        let whom = self.watchers.of(batch.once.iter().chain(&batch.steps));
        let done = database.transact(batch).await.map_err(Failure::from);
        watch::hint(&whom);
        done
    }

    /// The time (RFC 3339, UTC, milliseconds).
    pub fn now(&self) -> String {
        time::rfc3339(self.clock().unix_millis())
    }

    /// The time some while ago, in the same form as [`Context::now`].
    pub fn ago(&self, duration: Duration) -> String {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        time::rfc3339(self.clock().unix_millis().saturating_sub(millis))
    }

    /// The date (UTC).
    pub fn today(&self) -> String {
        time::date(self.clock().unix_millis())
    }

    /// The date so many days ago (UTC).
    pub fn days_ago(&self, days: u32) -> String {
        self.ago(Duration::from_secs(u64::from(days) * 86_400)).chars().take(10).collect()
    }

    /// A fresh UUID (version 7), as text.
    pub fn new_id(&self) -> Result<String, Failure> {
        let mut random = [0_u8; 10];
        self.fill(&mut random)?;
        let id = uuid::Builder::from_unix_timestamp_millis(self.clock().unix_millis(), &random);
        Ok(id.into_uuid().to_string())
    }

    /// 32 random bytes in base64url.
    pub fn new_secret(&self) -> Result<String, Failure> {
        let mut random = [0_u8; 32];
        self.fill(&mut random)?;
        Ok(URL_SAFE_NO_PAD.encode(random))
    }

    pub(crate) fn fill(&self, buffer: &mut [u8]) -> Result<(), Failure> {
        self.bindings.entropy.fill(buffer).map_err(Failure::unavailable)
    }

    /// The argon2id hash of a password, as a PHC string.
    pub async fn hash_password(&self, password: &str) -> Result<String, Failure> {
        self.passwords().hash(Secret::new(password)).await.map_err(Failure::from)
    }
}

fn named<'a, T: ?Sized>(
    bindings: &'a HashMap<&'static str, Arc<T>>,
    name: &str,
) -> Result<&'a T, Failure> {
    let binding = bindings.get(name).map(|binding| &**binding);
    binding.ok_or_else(|| Failure::internal(format!("there is no binding {name}")))
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => {
                Self::of(&UNAVAILABLE).retry_after(Duration::from_secs(1)).because(error)
            }
            PasswordError::Failed(_) => Self::internal(error),
        }
    }
}

impl From<crate::binding::kv::StoreError> for Failure {
    fn from(error: crate::binding::kv::StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<SearchError> for Failure {
    fn from(error: SearchError) -> Self {
        Self::unavailable(error)
    }
}

impl From<RsaError> for Failure {
    fn from(error: RsaError) -> Self {
        Self::internal(error)
    }
}

impl From<crate::binding::blob::BlobError> for Failure {
    fn from(error: crate::binding::blob::BlobError) -> Self {
        Self::unavailable(error)
    }
}

impl From<crate::binding::queue::QueueError> for Failure {
    fn from(error: crate::binding::queue::QueueError) -> Self {
        Self::unavailable(error)
    }
}

impl From<crate::binding::upstream::UpstreamError> for Failure {
    fn from(error: crate::binding::upstream::UpstreamError) -> Self {
        let (class, wait) = (error.class(), error.wait());
        let failure = Self::unavailable(error).class(class);
        // Said in whole seconds: a client must not come too early.
        let whole = |wait: Duration| match wait.subsec_nanos() {
            0 => wait,
            _ => Duration::from_secs(wait.as_secs().saturating_add(1)),
        };
        match wait {
            Some(wait) => failure.retry_after(whole(wait)),
            None => failure,
        }
    }
}

impl From<&'static ProblemType> for Failure {
    fn from(problem: &'static ProblemType) -> Self {
        Self::of(problem)
    }
}

/// The SHA-256 of a token in hexadecimal.
pub fn hash_token(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// A full-text query that matches texts with all words of a text; each word is quoted.
pub fn search_terms(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
    let query = words.collect::<Vec<_>>().join(" ");
    // An empty query is a syntax error; this one matches nothing.
    if query.is_empty() { "\"\"".to_owned() } else { query }
}
