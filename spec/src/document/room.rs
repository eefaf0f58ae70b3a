//! Rooms in which those who are in them hear each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Expression, Map};
use crate::unit::{Bytes, Duration};

/// How many may be in a room, when nothing is said.
pub const PARTICIPANTS: u32 = 100;
/// The largest message, when nothing is said.
pub const MAX_MESSAGE: Bytes = Bytes::new(4_000);
/// Who is silent for so long leaves the room, when nothing is said.
pub const IDLE: Duration = Duration::from_millis(30 * 60 * 1000);

/// Lets who asks into a room, over a WebSocket, with all that the route asks of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnterRoom {
    /// Name of the `room` binding.
    #[serde(rename = "in")]
    pub binding: String,
    /// Which of its rooms: there is one for each id.
    pub id: Expression,
    /// Name of the query that finds what the others see of who enters; without a row they may not.
    pub run: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
}
