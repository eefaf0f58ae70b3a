//! Values that a route hands to a query or a queue, such as `body.email` or `hash_password(body.password)`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value made from a request, the caller, the clock or randomness.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A value read from somewhere, such as `body.email`.
    Read(Source, Vec<String>),
    /// A fresh UUID (version 7), as text: `new.id`.
    NewId,
    /// 32 random bytes in base64url: `new.secret`.
    NewSecret,
    /// The time (RFC 3339, UTC, milliseconds): `now`.
    Now,
    /// The date (UTC): `today`.
    Today,
    /// The argon2id hash of a password (PHC string): `hash_password(…)`.
    HashPassword(Box<Expression>),
    /// The SHA-256 of a token in hexadecimal: `hash_token(…)`.
    HashToken(Box<Expression>),
    /// The JSON text of a value: `json(…)`.
    Json(Box<Expression>),
    /// A full-text query that matches the words of a text: `search_terms(…)`.
    SearchTerms(Box<Expression>),
    /// A text: `'text'`.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Nothing.
    Null,
}

/// Where an expression reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The JSON body.
    Body,
    /// The path's parameters.
    Path,
    /// The query string's parameters.
    Query,
    /// Who calls: `id`, `role`, `tier`, `key_id`.
    Principal,
    /// The claims of a token, while its principal is looked up.
    Token,
    /// The hash of an API key, while its principal is looked up.
    Key,
    /// Values that a transaction made once.
    Let,
    /// Variables of the configuration; never secrets.
    Config,
    /// A file that was taken.
    Upload,
}

impl Source {
    /// Every source with its name.
    pub const ALL: [(&'static str, Self); 9] = [
        ("body", Self::Body),
        ("path", Self::Path),
        ("query", Self::Query),
        ("principal", Self::Principal),
        ("token", Self::Token),
        ("key", Self::Key),
        ("let", Self::Let),
        ("config", Self::Config),
        ("upload", Self::Upload),
    ];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, source)| *source == self).map_or("", |(name, _)| name)
    }
}

impl Expression {
    /// The expression that is read at the bottom of nested functions.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::HashPassword(inner)
            | Self::HashToken(inner)
            | Self::Json(inner)
            | Self::SearchTerms(inner) => inner.innermost(),
            other => other,
        }
    }
}

const FUNCTIONS: &str = "`hash_password`, `hash_token`, `json`, `search_terms`";

impl FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "new.id" => return Ok(Self::NewId),
            "new.secret" => return Ok(Self::NewSecret),
            "now" => return Ok(Self::Now),
            "today" => return Ok(Self::Today),
            "null" => return Ok(Self::Null),
            "true" => return Ok(Self::Boolean(true)),
            "false" => return Ok(Self::Boolean(false)),
            _ => {}
        }
        if let Some(rest) = text.strip_prefix('\'') {
            return match rest.strip_suffix('\'') {
                Some(inner) if !inner.contains('\'') => Ok(Self::Text(inner.to_owned())),
                _ => Err(format!("the text {text} does not end with one `'`")),
            };
        }
        if let Some((name, rest)) = text.split_once('(') {
            let inner =
                rest.strip_suffix(')').ok_or_else(|| format!("`{text}` does not end with `)`"))?;
            let inner = Box::new(inner.parse()?);
            return match name.trim() {
                "hash_password" => Ok(Self::HashPassword(inner)),
                "hash_token" => Ok(Self::HashToken(inner)),
                "json" => Ok(Self::Json(inner)),
                "search_terms" => Ok(Self::SearchTerms(inner)),
                other => Err(format!("`{other}` is not a function; known are {FUNCTIONS}")),
            };
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::Integer(number));
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return text.parse().map(Self::Number).map_err(|_| format!("`{text}` is not a number"));
        }
        parse_read(text)
    }
}

fn parse_read(text: &str) -> Result<Expression, String> {
    let mut parts = text.split('.');
    let name = parts.next().unwrap_or_default();
    let source = Source::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, s)| s);
    let Some(source) = source else {
        return Err(format!(
            "`{text}` is not a value: write `body.x`, `path.x`, `query.x`, `principal.id`, `let.x`, \
             `config.NAME`, `new.id`, `new.secret`, `now`, `today`, a function ({FUNCTIONS}), \
             a number, or a text in single quotes"
        ));
    };
    let path: Vec<String> = parts.map(str::to_owned).collect();
    if path.is_empty() || path.iter().any(String::is_empty) {
        return Err(format!(
            "`{text}` does not say which member of `{name}` is meant; write it like `{name}.id`"
        ));
    }
    if path.len() > 1 && source != Source::Body {
        return Err(format!("`{name}` has no members of members; write `{name}.{}`", path[0]));
    }
    Ok(Expression::Read(source, path))
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(source, path) => write!(f, "{}.{}", source.name(), path.join(".")),
            Self::NewId => f.write_str("new.id"),
            Self::NewSecret => f.write_str("new.secret"),
            Self::Now => f.write_str("now"),
            Self::Today => f.write_str("today"),
            Self::HashPassword(inner) => write!(f, "hash_password({inner})"),
            Self::HashToken(inner) => write!(f, "hash_token({inner})"),
            Self::Json(inner) => write!(f, "json({inner})"),
            Self::SearchTerms(inner) => write!(f, "search_terms({inner})"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Expression;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value such as `body.email`, `principal.id`, `now` or `12`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Expression, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E>(self, number: i64) -> Result<Expression, E> {
                Ok(Expression::Integer(number))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Expression, E> {
                i64::try_from(number).map(Expression::Integer).map_err(E::custom)
            }
            fn visit_f64<E>(self, number: f64) -> Result<Expression, E> {
                Ok(Expression::Number(number))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Expression, E> {
                Ok(Expression::Boolean(value))
            }
            fn visit_unit<E>(self) -> Result<Expression, E> {
                Ok(Expression::Null)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Expression {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expression".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number", "boolean", "null"],
            "description": "A value: `body.x`, `path.x`, `query.x`, `principal.id`, `let.x`, `config.NAME`, `new.id`, `new.secret`, `now`, `today`, `hash_password(…)`, `hash_token(…)`, `json(…)`, `search_terms(…)`, a number, or a text in single quotes.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_keep_their_text() {
        for text in [
            "body.data.tier",
            "principal.id",
            "new.id",
            "now",
            "hash_password(body.password)",
            "'x'",
            "12",
            "null",
        ] {
            assert_eq!(text.parse::<Expression>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn unknown_sources_functions_and_open_texts_are_refused() {
        for text in
            ["email", "body", "body.", "cookie.x", "md5(body.x)", "json(body.x", "'x", "path.a.b"]
        {
            assert!(text.parse::<Expression>().is_err(), "{text}");
        }
    }
}
