//! One route: a method and a path, and everything that is true of its requests and answers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema as JsonSchemaDocument, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Condition, Expression, Map, Operation, Watch};
use crate::unit::{Bytes, Duration, text_unit};

/// A route. What it leaves out comes from `defaults`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What the route is for, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// `none`, or the names of the authentication schemes, any of which is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<RouteAuth>,
    /// The roles that may call it; every role without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// The names of the limits that apply, or `none` with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RouteLimits>,
    /// Schema of each parameter in the path.
    #[serde(default)]
    pub path: Map<String>,
    /// Schema (of type object) of the parameters in the query string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Schema of the JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The largest body that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body: Option<Bytes>,
    /// How long a request may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Who owns the object that the path names; others are told that it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// When the route is there: only for callers who have a feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What the route does.
    pub op: Operation,
    /// How its answers are cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<RouteCache>,
    /// How its answer is followed over a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// Tags of cached answers that a call makes stale. Of a launch, `principal` is who was launched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalidates: Vec<String>,
    /// Every answer that the operation can give, by status. Those of the policies need no mention.
    #[serde(default)]
    pub returns: Map<Answer>,
}

/// A method and a path, such as `GET /users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteKey {
    /// The HTTP method.
    pub method: Method,
    /// The path; parameters are written `{name}` and fill a whole segment.
    pub path: String,
}

text_unit!(
    RouteKey,
    "a method and a path such as `GET /users/{id}`",
    r"^(GET|POST|PUT|PATCH|DELETE) /[^ ?#]*$",
    "A method and a path; parameters are written `{name}`, such as `GET /users/{id}`."
);

/// HTTP methods that a route can have (RFC 9110).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `GET`; `HEAD` comes with it.
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a call changes nothing (RFC 9110 §9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get)
    }

    /// Whether a request can carry a body.
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RouteKey {
    /// Names of the parameters in the path, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')))
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl FromStr for RouteKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, path) = text.split_once(' ').ok_or_else(|| {
            format!("`{text}` is not a method and a path; write it like `GET /users/{{id}}`")
        })?;
        let method = Method::ALL.into_iter().find(|m| m.as_str() == method).ok_or_else(|| {
            format!("`{method}` is not one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`")
        })?;
        let path = path.trim();
        if !path.starts_with('/') {
            return Err(format!(
                "the path `{path}` does not begin with `/`; write `{method} /{path}`"
            ));
        }
        if path.contains(['?', '#', ' ']) {
            return Err(format!(
                "the path `{path}` holds a `?`, a `#` or a space; write only the path, and \
                 parameters with `query:`"
            ));
        }
        Ok(Self { method, path: path.to_owned() })
    }
}

/// Who may call a route: nobody in particular, or who authenticates by one of these schemes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteAuth {
    /// Anybody.
    None,
    /// Who authenticates by one of these schemes.
    Schemes(Vec<String>),
}

impl Serialize for RouteAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Schemes(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RouteAuth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RouteAuth;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none` or a list of authentication schemes such as `[session]`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RouteAuth, E> {
                match text {
                    "none" => Ok(RouteAuth::None),
                    _ => Err(E::custom(format!(
                        "`{text}` is neither `none` nor a list; write `[{text}]`"
                    ))),
                }
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<RouteAuth, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(RouteAuth::Schemes(names))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for RouteAuth {
    fn schema_name() -> Cow<'static, str> {
        "RouteAuth".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaDocument {
        json_schema!({
            "description": "`none`, or the names of the authentication schemes, any of which is accepted.",
            "oneOf": [
                { "const": "none", "description": "Anybody may call." },
                { "type": "array", "items": { "type": "string" }, "minItems": 1,
                  "description": "Names of authentication schemes." },
            ],
        })
    }
}

/// Which limits apply to a route: these, or none for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteLimits {
    /// These, all of them.
    Named(Vec<String>),
    /// None, for this reason.
    None(String),
}

impl Serialize for RouteLimits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(names) => names.serialize(serializer),
            Self::None(reason) => one_entry(serializer, "none", reason),
        }
    }
}

impl<'de> Deserialize<'de> for RouteLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RouteLimits;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of limits such as `[ip]`, or `{none: <reason>}`")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<RouteLimits, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(RouteLimits::Named(names))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RouteLimits, A::Error> {
                single_entry(map, "none").map(RouteLimits::None)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for RouteLimits {
    fn schema_name() -> Cow<'static, str> {
        "RouteLimits".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaDocument {
        json_schema!({
            "description": "The names of the limits that apply, or `none` with the reason.",
            "oneOf": [
                { "type": "array", "items": { "type": "string" }, "minItems": 1,
                  "description": "Names of limits; all of them apply." },
                { "type": "object", "additionalProperties": false, "required": ["none"],
                  "description": "No limit applies.",
                  "properties": { "none": { "type": "string", "minLength": 1, "description": "Why the route has no limit." } } },
            ],
        })
    }
}

/// Who owns the object that the path names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Name of the query whose column `owner` is the owner's id.
    pub query: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
    /// The problem that others get; it should be the one for an object that does not exist.
    pub otherwise: String,
}

impl Route {
    /// Whether a call of this route makes answers of such a cache stale: a tag of both is the same but for the names of
    /// its values, as `user:{principal.id}` and `user:{path.id}` are.
    pub fn makes_stale(&self, cache: &RouteCache) -> bool {
        let shape = |tag: &String| {
            let parts =
                tag.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
            parts.collect::<Vec<_>>().join("{}")
        };
        let known: Vec<String> = cache.tags.iter().map(shape).collect();
        self.invalidates.iter().any(|tag| known.contains(&shape(tag)))
    }
}

/// How a route's answers are cached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteCache {
    /// Name of the `kv` binding.
    #[serde(rename = "in")]
    pub binding: String,
    /// How long an answer is kept.
    pub ttl: Duration,
    /// Tags by which answers are made stale; may hold `{principal.id}` and `{path.name}`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What of the caller answers depend on: `principal.id`, `principal.role`, `principal.tier`. Without it everyone who
    /// authenticates has answers of their own; `[]` gives all callers the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vary: Option<Vec<Expression>>,
    /// How much longer than its `ttl` an answer is kept, to stand in when another cannot be made (RFC 5861); not at all
    /// when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_if_error: Option<Duration>,
}

/// An answer's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No content.
    None,
    /// One object of this schema.
    One(String),
    /// An object whose `items` is an array of objects of this schema.
    List(String),
    /// A file.
    File,
    /// A problem document of this kind.
    Problem(String),
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::File => serializer.serialize_str("file"),
            Self::One(schema) => serializer.serialize_str(schema),
            Self::List(schema) => one_entry(serializer, "list", schema),
            Self::Problem(name) => one_entry(serializer, "problem", name),
        }
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Answer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the name of a schema, `none`, `file`, `{list: <schema>}` or `{problem: <problem>}`",
                )
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Answer, E> {
                Ok(match text {
                    "none" => Answer::None,
                    "file" => Answer::File,
                    _ => Answer::One(text.to_owned()),
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answer, A::Error> {
                const EXPECTED: [&str; 2] = ["list", "problem"];
                let Some((key, value)) = map.next_entry::<String, String>()? else {
                    return Err(A::Error::custom(
                        "expected `{list: <schema>}` or `{problem: <problem>}`",
                    ));
                };
                let answer = match key.as_str() {
                    "list" => Answer::List(value),
                    "problem" => Answer::Problem(value),
                    other => return Err(A::Error::unknown_field(other, &EXPECTED)),
                };
                match map.next_key::<String>()? {
                    None => Ok(answer),
                    Some(_) => Err(A::Error::custom("an answer has only one content")),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Answer {
    fn schema_name() -> Cow<'static, str> {
        "Answer".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaDocument {
        json_schema!({
            "description": "An answer's content: the name of a schema, `none`, `file`, `{list: <schema>}` or `{problem: <problem>}`.",
            "oneOf": [
                { "type": "string", "minLength": 1, "description": "Name of a schema, `none`, or `file`." },
                { "type": "object", "additionalProperties": false, "required": ["list"],
                  "description": "An object whose `items` is an array.",
                  "properties": { "list": { "type": "string", "description": "Schema of one item." } } },
                { "type": "object", "additionalProperties": false, "required": ["problem"],
                  "description": "A problem document (RFC 9457).",
                  "properties": { "problem": { "type": "string", "description": "Name of a kind of problem." } } },
            ],
        })
    }
}

fn one_entry<S: Serializer>(serializer: S, key: &str, value: &str) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

fn single_entry<'de, A: MapAccess<'de>>(
    mut map: A,
    expected: &'static str,
) -> Result<String, A::Error> {
    let mut value = None;
    while let Some(key) = map.next_key::<String>()? {
        if key != expected {
            return Err(A::Error::custom(format!("unknown key `{key}`; write `{expected}`")));
        }
        value = Some(map.next_value()?);
    }
    value.ok_or_else(|| A::Error::missing_field(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_keys_keep_their_text_and_name_their_parameters() {
        let key: RouteKey = "GET /users/{id}/keys/{key}".parse().unwrap();
        assert_eq!(key.to_string(), "GET /users/{id}/keys/{key}");
        assert_eq!(key.parameters().collect::<Vec<_>>(), ["id", "key"]);
    }

    #[test]
    fn route_key_without_method_or_slash_is_refused() {
        assert!("/users".parse::<RouteKey>().is_err());
        assert!("FETCH /users".parse::<RouteKey>().is_err());
        assert!("GET users".parse::<RouteKey>().is_err());
        assert!("GET /users?x=1".parse::<RouteKey>().is_err());
    }

    #[test]
    fn answers_have_one_content() {
        let parse = |text| serde_json::from_str::<Answer>(text);
        assert_eq!(parse("\"User\"").unwrap(), Answer::One("User".into()));
        assert_eq!(parse("{\"list\":\"User\"}").unwrap(), Answer::List("User".into()));
        assert!(parse("{\"list\":\"User\",\"problem\":\"x\"}").is_err());
        assert!(parse("{}").is_err());
    }
}
