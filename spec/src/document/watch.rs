//! Answers that are followed over a WebSocket.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::unit::Duration;

/// How often it is looked for what other processes changed, when nothing is said.
pub const POLL: Duration = Duration::from_millis(2_000);

/// How many connections a caller may have open, when nothing is said.
pub const CONNECTIONS: u32 = 10;

/// What a route answers can be followed over a WebSocket at the same URL: the answer at once, and again after each
/// change, until its state machine has come to an end. Asking over HTTP gives the same, for whoever cannot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Name of the state machine whose `read` is this route; a state that goes nowhere is the end.
    pub machine: String,
    /// How often it is looked for what other processes changed, and whether the caller may still see it; 2 s when
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Duration>,
    /// How many connections a caller may have open in one process; 10 when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// The flag that must be on for the caller; others are answered over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
}
