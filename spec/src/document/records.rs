//! A record of each request, for a queue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SchemaType;
use crate::unit::Duration;

/// How long records are gathered when nothing is said, in milliseconds.
const GATHER: u64 = 1000;

/// Puts a record of each request into a queue once the request is answered: when it came, which route, how it was answered
/// and how fast, which software asked, and where the platform took it in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestRecords {
    /// Name of the queue. A message is `{id, <member>: [record, …]}`.
    pub queue: String,
    /// The member of a message that lists the records.
    pub member: String,
    /// How long records wait for others to be sent with in one message, 1 s when nothing is said: each message is billed.
    #[serde(default = "gather")]
    pub gather: Duration,
}

const fn gather() -> Duration {
    Duration::from_millis(GATHER)
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordField {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: SchemaType,
    /// Whether each record has it.
    pub always: bool,
}

const fn field(name: &'static str, kind: SchemaType, always: bool) -> RecordField {
    RecordField { name, kind, always }
}

impl RequestRecords {
    /// What a record says: when the request came (RFC 3339), the path as it is declared (none where there is no such path),
    /// the method (`_OTHER` where it is not one of HTTP's own), the status, the milliseconds until the answer, the
    /// `User-Agent` (its first 200 characters), and, from the platform, the country (ISO 3166-1) and the data centre.
    pub const FIELDS: [RecordField; 8] = [
        field("time", SchemaType::String, true),
        field("path", SchemaType::String, false),
        field("method", SchemaType::String, true),
        field("status", SchemaType::Integer, true),
        field("duration_ms", SchemaType::Number, true),
        field("user_agent", SchemaType::String, false),
        field("country", SchemaType::String, false),
        field("colo", SchemaType::String, false),
    ];
}
