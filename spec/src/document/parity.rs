//! Differences between targets that the service's owner accepts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Target;

/// A difference between the answers of a target and the native ones that is accepted, with the reason.
///
/// Exactly one of `header`, `status`, `body`, `request` and `scenario` says what differs; `status` and `request`
/// together are about the answers of that status to these requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The target whose answers differ from the native ones.
    pub on: Target,
    /// A header that is there, is missing or has another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The status there; with `request`, also one that is there or on native only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A place in the body, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Requests that begin like this have further answers or none; only the method and path are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// A scenario that is left out there or on native or ends otherwise, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Only in this feature, such as `security/smuggling`; in all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// Why it differs and why that is acceptable.
    pub because: String,
}

impl Difference {
    /// How many things differ; it must be one. A status of certain requests is one.
    pub fn subjects(&self) -> usize {
        let given = [
            self.header.is_some(),
            self.status.is_some() || self.request.is_some(),
            self.body.is_some(),
            self.scenario.is_some(),
        ];
        given.into_iter().filter(|given| *given).count()
    }
}
