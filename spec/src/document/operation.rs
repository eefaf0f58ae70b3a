//! What a route or a task does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Asset, Control, Download, EnterRoom, Expression, FlagControl, IndexRow, LtiStep, Map, Search,
    Upload,
};

/// What a route does: exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Tells whether the service and what it depends on work.
    Health(Health),
    /// Runs one query.
    Query(RunQuery),
    /// Runs several queries, all or none.
    Transaction(Transaction),
    /// Checks a password and issues a token.
    Login(LogIn),
    /// Finds rows that mean something like a text.
    Search(Search),
    /// Puts a message into a queue.
    Enqueue(Enqueue),
    /// Lists what a queue could not deliver.
    DeadLetters(DeadLetters),
    /// Puts what a queue could not deliver into it again, once.
    Replay(Replay),
    /// Takes a file into a store.
    Upload(Upload),
    /// Goes on with an upload of this route that is sent in several requests (tus 1.0.0): `GET` tells how much has
    /// arrived, `PATCH` brings more, `DELETE` gives it up.
    Resume(String),
    /// Gives a file back.
    Download(Download),
    /// Gives browsers a static file that is made when the service is generated.
    Asset(Asset),
    /// Lets who asks into a room, over a WebSocket.
    Room(EnterRoom),
    /// Tells or changes for whom feature flags are on.
    Flags(FlagControl),
    /// Tells or changes the emergency switches.
    Switches(Control),
    /// Does a step of LTI 1.3 for learning platforms.
    Lti(LtiStep),
    /// Calls this method of the generated `Handlers` trait.
    Custom(String),
}

impl Operation {
    /// The transaction that it runs.
    pub const fn transaction(&self) -> Option<&Transaction> {
        match self {
            Self::Transaction(transaction) | Self::Upload(Upload { record: transaction, .. }) => {
                Some(transaction)
            }
            _ => None,
        }
    }
}

/// Tells whether the service and what it depends on work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Which question of a monitor it answers.
    #[serde(default)]
    pub kind: HealthKind,
    /// Bindings that must work; 503 otherwise.
    #[serde(default)]
    pub required: Vec<String>,
    /// Bindings that are only reported.
    #[serde(default)]
    pub optional: Vec<String>,
    /// What a binding is called in the answer; its own name in lower case without it.
    #[serde(default)]
    pub names: Map<String>,
}

/// Which question of a monitor a health route answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthKind {
    /// Whether the process lives; it touches nothing, and who is answered no restarts the process.
    Liveness,
    /// Whether requests may be sent here: what is required works, and the process is not about to end.
    Readiness,
    /// How each thing is, with its figures, for people and dashboards.
    #[default]
    Detail,
}

impl HealthKind {
    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
            Self::Detail => "detail",
        }
    }
}

/// Runs one query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    /// Name of the query.
    pub run: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
}

/// Runs several queries, all or none. The answer is the row of the last one that returns any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Values made once and used by several steps.
    #[serde(default, rename = "let")]
    pub values: Map<Expression>,
    /// A query that records that this was done; when a UNIQUE constraint refuses it, the rest is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
    /// The queries, in order.
    pub steps: Vec<Step>,
    /// A row whose index is brought up to date afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexRow>,
}

/// A query that records that a transaction was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Once {
    /// Name of the query.
    pub query: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
}

/// One query of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Name of the query.
    pub query: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
}

/// Checks a password and issues a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// Name of the `jwt` scheme whose token is issued.
    pub scheme: String,
    /// Name of the query that finds `id` and `password_hash`.
    pub query: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
    /// The password that was given.
    pub password: Expression,
    /// The problem that is answered when account and password do not match.
    pub otherwise: String,
}

/// Puts a message into a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enqueue {
    /// Name of the `queue` binding.
    pub queue: String,
    /// The message's members.
    pub message: Map<Expression>,
}

/// Lists what a queue could not deliver, the newest first: at most 100, and no longer than `dead_letter.keep` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// Name of the `queue` binding.
    pub queue: String,
}

/// Puts what a queue could not deliver into it again: once, whoever asks for it and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Name of the `queue` binding.
    pub queue: String,
    /// The dead letter's id.
    pub id: Expression,
    /// The problem that is answered when there is no such dead letter.
    pub otherwise: String,
    /// The problem that is answered when it was replayed before.
    pub replayed: String,
}

/// What a task does: exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskOperation {
    /// Runs one query.
    Query(RunQuery),
    /// Brings rows into this `vector` binding that are not there yet.
    Index(String),
    /// Calls this method of the generated `Handlers` trait.
    Custom(String),
}
