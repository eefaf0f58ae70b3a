//! What a service uses: databases, caches, queues, files, other services.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tagged::tagged_by_kind;
use super::{IndexedRows, Map, Metric, RouteKey, VectorTable};
use crate::unit::{Backoff, Bytes, Duration, Rate};

/// Something that the service uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(tag = "kind")]
pub enum Binding {
    /// A relational database: `SQLite`, Postgres or D1.
    Sql {
        /// Name of the database.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database: Option<String>,
        /// Folder of the migrations, relative to the spec; files `NNNN_name.sql`.
        migrations: String,
        /// How long one statement may take.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        statement_timeout: Option<Duration>,
        /// Connections to a server, where the database is on one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<Pool>,
        /// Whether reads of operations may be answered by copies near the client (D1 read replication), never older than
        /// the state that the client brings in `X-D1-Bookmark`. Whatever changes or decides something asks the database
        /// itself. On Workers alone; other targets have no copies.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replicas: bool,
        /// Environments where the store for replicas must be there, and not the embedded one, such as
        /// `[production]`: without it the service does not start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        required: Vec<String>,
    },
    /// A key-value store, used as a cache.
    Kv {
        /// When calls stop for a while because they fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        breaker: Option<Breaker>,
        /// How a failed call is tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Retry>,
        /// What a failing store means for a request.
        #[serde(default)]
        on_failure: OnFailure,
        /// How long a request waits for the store before it goes on without it, with all attempts; 250 ms by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<Duration>,
        /// How long connecting to the server may take, 10 s by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect_timeout: Option<Duration>,
        /// How long a connection may be silent before it is looked whether it still works, 30 s by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep_alive: Option<Duration>,
        /// Environments where the store for replicas must be there, and not the embedded one, such as
        /// `[production]`: without it the service does not start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        required: Vec<String>,
    },
    /// A queue of messages, and who handles them.
    Queue {
        /// Name of the queue on the platform.
        queue: String,
        /// Schema of a message.
        message: String,
        /// Name of the method of the generated `Handlers` trait that handles a message.
        consumer: String,
        /// How messages are handed over together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<Batch>,
        /// How a failed delivery is tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Retry>,
        /// How many batches are handled at the same time, at the most; on Workers as many as the platform likes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        concurrency: Option<u32>,
        /// Where messages go that could not be delivered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dead_letter: Option<DeadLetter>,
        /// Requests by which messages come into it, and who is called when one is handled. Only checks read this: what
        /// a handler calls is not to be seen in a spec otherwise.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        jobs: Vec<Job>,
        /// Environments where the store for replicas must be there, and not the embedded one, such as
        /// `[production]`: without it the service does not start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        required: Vec<String>,
    },
    /// A store of files: R2 on Workers, a folder on a machine, a bucket of an S3-compatible store.
    Blob {
        /// Name of the bucket on the platform.
        bucket: String,
        /// Environments where the store for replicas must be there, and not the embedded one, such as
        /// `[production]`: without it the service does not start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        required: Vec<String>,
    },
    /// Rooms in which those who are in them hear each other, one for each id: Durable Objects of Workers,
    /// which sleep while nobody says anything.
    Room {
        /// Schema of what is said in it.
        message: String,
        /// How much one participant may say, such as `30/10s`.
        rate: Rate,
        /// How many may be in one room at the same time, 100 when nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participants: Option<u32>,
        /// The largest message, 4 KB when nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_message: Option<Bytes>,
        /// Who is silent for so long leaves the room, 30 min when nothing is said; a client stays that sends the text
        /// `ping` now and then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle: Option<Duration>,
    },
    /// One record for each request, on Workers; elsewhere `/metrics` has the same figures.
    Analytics {
        /// Name of the Analytics Engine dataset.
        dataset: String,
    },
    /// A model that makes vectors of texts: Workers AI.
    Ai {
        /// Name of the model on the platform, such as `@cf/baai/bge-base-en-v1.5`.
        model: String,
    },
    /// An index of vectors, by which rows are found: Vectorize.
    Vector {
        /// Name of the index on the platform.
        index: String,
        /// How many numbers a vector has: as many as the model makes.
        dimensions: u32,
        /// How vectors are compared.
        #[serde(default)]
        metric: Metric,
        /// Name of the `ai` binding that makes the vectors.
        ai: String,
        /// How its rows are read and remembered.
        rows: IndexedRows,
        /// Where vectors are kept in environments that declare the substitute `table`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<VectorTable>,
    },
    /// Another service, called over HTTPS.
    Upstream {
        /// Where it is, without a path that depends on a request.
        base_url: String,
        /// Name of the Worker that it is; on Workers it is called through a service binding.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// Name of the secret that is sent as a bearer token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bearer: Option<String>,
        /// How long a call may take.
        timeout: Duration,
        /// The largest answer that is read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_response: Option<Bytes>,
        /// When calls stop for a while because they fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        breaker: Option<Breaker>,
        /// How a failed call is tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Retry>,
        /// What it answers when all is well; what stands in for it while the service is checked answers so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        example: Option<serde_json::Value>,
    },
}

tagged_by_kind!(Binding);

impl Binding {
    /// Environments where the store for replicas must be there.
    pub fn required(&self) -> &[String] {
        match self {
            Self::Sql { required, .. }
            | Self::Kv { required, .. }
            | Self::Queue { required, .. }
            | Self::Blob { required, .. } => required,
            Self::Analytics { .. }
            | Self::Ai { .. }
            | Self::Vector { .. }
            | Self::Room { .. }
            | Self::Upstream { .. } => &[],
        }
    }

    /// The `kind:` that the document says.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sql { .. } => "sql",
            Self::Kv { .. } => "kv",
            Self::Queue { .. } => "queue",
            Self::Blob { .. } => "blob",
            Self::Room { .. } => "room",
            Self::Analytics { .. } => "analytics",
            Self::Ai { .. } => "ai",
            Self::Vector { .. } => "vector",
            Self::Upstream { .. } => "upstream",
        }
    }
}

/// Connections to a database's server, which a process shares among its requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// How many there are at most, 10 when nothing is said; the variable `<BINDING>_POOL` says it for one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// How long a request waits until one is free, 5s when nothing is said; then it is answered with 503.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquire_timeout: Option<Duration>,
}

impl Pool {
    /// How many connections there are when nothing is said.
    pub const SIZE: u32 = 10;
}

/// When calls stop for a while because they fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one call is let through.
    pub reset: Duration,
}

/// How something that failed is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often it is tried in all.
    pub attempts: u32,
    /// How long to wait in between, with jitter.
    pub backoff: Backoff,
}

/// What a failing store means for a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The request goes on without the store.
    #[default]
    Bypass,
    /// The request fails with 503.
    Fail,
}

/// How messages are handed over together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// How many messages at the most.
    pub size: u32,
    /// How long to wait for more.
    pub wait: Duration,
}

/// A request by which a message comes into a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The route.
    pub route: RouteKey,
    /// The body; `{text}` stands for a text that is found again in what the upstream receives.
    #[serde(default)]
    pub body: Map<serde_json::Value>,
    /// The upstream that is called when the message is handled.
    pub calls: String,
}

/// Where messages go that could not be delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// Name of the dead-letter queue on the platform.
    pub queue: String,
    /// How long they are kept.
    pub keep: Duration,
}
