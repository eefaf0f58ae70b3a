//! State machines: the states that something can be in, and the only ways from one to the next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Map, RouteKey};

/// A state machine: what is not among its transitions is refused with 409, whoever asks and whenever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Schema with the `enum` of its states.
    pub states: String,
    /// The state in which it begins.
    pub start: String,
    /// To which states each state can go; one that is not named is an end.
    pub transitions: Map<Vec<String>>,
    /// Where the state is stored, such as `generations.status`; the SQL that changes it is checked against this.
    pub column: String,
    /// Where the state is told.
    pub read: ReadState,
    /// The routes by which clients move it.
    pub moves: Vec<Move>,
    /// Queries by which the service itself moves it; checks stop them, so that nobody else moves it meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<String>,
}

/// Where a state is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadState {
    /// The route that answers it.
    pub route: RouteKey,
    /// Where in the answer, as a JSON pointer.
    pub at: String,
}

/// A route by which clients move a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The route.
    pub route: RouteKey,
    /// The state to which it always moves; without it the body says `{state}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The body's members; `{state}` stands for the state to go to.
    #[serde(default)]
    pub body: Map<Value>,
}

impl Machine {
    /// The states that go nowhere.
    pub fn ends<'s>(&self, states: &'s [String]) -> impl Iterator<Item = &'s String> {
        states.iter().filter(|state| self.transitions.get(*state).is_none_or(Vec::is_empty))
    }

    /// Whether it can go from one state to another.
    pub fn allows(&self, from: &str, to: &str) -> bool {
        self.transitions.get(from).is_some_and(|next| next.iter().any(|state| state == to))
    }
}
