//! How a service answers that nothing is generated for, where that is not how a generated one does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a service answers that nothing is generated for. What it leaves out is as a generated service does it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// The form of error answers; problem documents (RFC 9457) without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorForm>,
    /// How much of what is wrong with a request its refusal tells.
    #[serde(default)]
    pub violations: Violations,
    /// How a request, its answer and its log line know each other.
    #[serde(default)]
    pub correlation: Correlation,
    /// The header fields that tell how much of a limit is left.
    #[serde(default)]
    pub limit_fields: LimitFields,
    /// What answers a method that a path does not declare.
    #[serde(default)]
    pub other_methods: OtherMethods,
    /// What becomes of a token or a body that has a member twice, and of a query that has a parameter twice.
    #[serde(default)]
    pub duplicate_members: DuplicateMembers,
    /// What becomes of a text that holds the character NUL.
    #[serde(default)]
    pub nul_characters: NulCharacters,
    /// Security headers that something in front of the service adds, each with what does; they are not looked for.
    #[serde(default, skip_serializing_if = "super::Map::is_empty")]
    pub headers_in_front: super::Map<String>,
}

/// The form of error answers that are no problem documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorForm {
    /// Their media type, such as `application/json`.
    pub media_type: String,
    /// JSON pointers of members that each error has and that are not empty, such as `/error/message`.
    #[serde(default)]
    pub members: Vec<String>,
    /// JSON pointer of the time of the error (RFC 3339), where each error tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// JSON pointer of the correlation id, where each error tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// How much of what is wrong with a request its refusal tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Violations {
    /// The place of everything that is wrong, in one answer.
    #[default]
    All,
    /// The place of the first thing that is wrong.
    First,
    /// Only that something is.
    Unnamed,
}

/// How a request, its answer and its log line know each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correlation {
    /// The header of requests and answers; `X-Correlation-ID` without it.
    #[serde(default = "header")]
    pub header: String,
    /// How many characters an id has at most that is kept; 128 without it.
    #[serde(default = "longest")]
    #[schemars(range(min = 36))]
    pub longest: u16,
    /// The member of the log line that holds the id; without it nothing is promised of a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_member: Option<String>,
    /// The member of the log line that holds the id of a trace that began elsewhere (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_member: Option<String>,
}

impl Default for Correlation {
    fn default() -> Self {
        Self { header: header(), longest: longest(), log_member: None, trace_member: None }
    }
}

fn header() -> String {
    "X-Correlation-ID".to_owned()
}

const fn longest() -> u16 {
    128
}

/// The header fields that tell how much of a limit is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitFields {
    /// `RateLimit` and `RateLimit-Policy`, by the limit's name (draft-ietf-httpapi-ratelimit-headers-11).
    #[default]
    Structured,
    /// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (the same draft until its revision 06).
    Separate,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, in seconds or since 1970.
    Prefixed,
    /// None; a refusal has `Retry-After`.
    None,
}

/// What becomes of JSON that has a member twice (RFC 7515, section 4; RFC 7519, section 4; RFC 8259, section 4), and of a
/// query that has a parameter twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateMembers {
    /// It is refused.
    #[default]
    Refused,
    /// The last one counts, as in the parser of ECMAScript.
    Last,
}

/// What becomes of a text that holds the character NUL (U+0000), which ends a text for some of those who read it, and
/// which not every database stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NulCharacters {
    /// It is refused.
    #[default]
    Refused,
    /// It is a character like others.
    Allowed,
}

/// What answers a method that a path does not declare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherMethods {
    /// 405 with `Allow` (RFC 9110, section 15.5.6).
    #[default]
    NotAllowed,
    /// 404, as if the path were not there.
    NotFound,
}
