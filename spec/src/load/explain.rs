//! What does not fit a type, in the words of people who write specs.

use super::decode::{DecodeError, Kind};
use super::node::{Node, Value};
use super::source::SourceMap;
use super::suggest::{known_words, nearest};
use crate::diagnostic::{Code, Diagnostic, Location, codes};

/// The diagnostic of a type error.
pub(super) fn explain(source: &SourceMap, error: &DecodeError) -> Diagnostic {
    let path = error.path();
    let place = if error.on_key { source.key_of(&path) } else { source.span_of(&path) };
    let node = source.node(&path);
    match &error.kind {
        Kind::UnknownKey(key, known) => unknown_key(place, &path, key, known),
        Kind::UnknownWord(word, known) => unknown_word(place, error.on_key, word, known),
        Kind::MissingKey(key) => missing_key(source, &path, key),
        Kind::WrongType(expected) => wrong_type(place, node, expected),
        Kind::Other(message) => other(place, node, error.on_key, message),
    }
}

fn unknown_key(place: Location, path: &[String], key: &str, known: &[&str]) -> Diagnostic {
    if let Some((code, message, cause)) = special_key(path, key) {
        return Diagnostic::new(code, place, message).because(cause).fix("remove the key");
    }
    let problem = Diagnostic::new(codes::UNKNOWN_KEY, place, format!("unknown key `{key}`"));
    let known_here = || known_words(known.iter().copied());
    match nearest(key, known.iter().copied()) {
        Some(near) => problem
            .because(format!("known here: {}", known_here()))
            .replace(format!("did you mean `{near}`?"), near),
        None if known.is_empty() => problem.fix("remove it: nothing is known here"),
        None => problem
            .because(format!("known here: {}", known_here()))
            .fix("use one of the known keys, or remove it"),
    }
}

/// Keys that people expect from elsewhere and that deserve an answer of their own.
fn special_key(path: &[String], key: &str) -> Option<(Code, String, &'static str)> {
    let parent = path.len().checked_sub(2).map(|index| path[index].as_str());
    match (path.first().map(String::as_str), parent, key) {
        (Some("workers"), _, "memory_mb" | "memory") => Some((
            codes::MEMORY_ON_WORKERS,
            format!("`{key}` cannot be set on Workers"),
            "the platform gives every worker 128 MB and ignores other values; for containers write \
             `container: {memory: …}`",
        )),
        (
            Some("schemas"),
            _,
            "allOf"
            | "anyOf"
            | "oneOf"
            | "not"
            | "if"
            | "then"
            | "else"
            | "patternProperties"
            | "prefixItems"
            | "contains"
            | "dependentRequired"
            | "dependentSchemas"
            | "propertyNames"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "$defs"
            | "definitions"
            | "$anchor"
            | "$dynamicRef"
            | "$id"
            | "contentEncoding"
            | "contentMediaType"
            | "contentSchema"
            | "minContains"
            | "maxContains"
            | "nullable",
        ) => Some((
            codes::SCHEMA_KEYWORD,
            format!("the keyword `{key}` cannot be compiled"),
            if key == "nullable" {
                "it is OpenAPI 3.0's; write the type as `[string, \"null\"]`"
            } else {
                "validators are generated from a subset of JSON Schema in which every keyword is \
                 enforced, so that none is passed over in silence"
            },
        )),
        _ => None,
    }
}

fn unknown_word(place: Location, on_key: bool, word: &str, known: &[&str]) -> Diagnostic {
    let message =
        if on_key { format!("unknown key `{word}`") } else { format!("unknown word `{word}`") };
    let code = if on_key { codes::UNKNOWN_KEY } else { codes::UNKNOWN_WORD };
    let problem = Diagnostic::new(code, place, message)
        .because(format!("known here: {}", known_words(known.iter().copied())));
    match nearest(word, known.iter().copied()) {
        Some(near) => problem.replace(format!("did you mean `{near}`?"), near),
        None => problem.fix("use one of those that are known"),
    }
}

fn missing_key(source: &SourceMap, path: &[String], key: &str) -> Diagnostic {
    let (place, message) = match path.last() {
        None => (source.span_of::<&str>(&[]), format!("the key `{key}` is missing")),
        Some(last)
            if last.parse::<usize>().is_ok() && source.key_of(path) == source.span_of(path) =>
        {
            (source.span_of(path), format!("the key `{key}` is missing here"))
        }
        Some(last) => (source.key_of(path), format!("`{last}` lacks the key `{key}`")),
    };
    let example = match key {
        "proofline" => "add `proofline: v1` as the first line".to_owned(),
        "op" => {
            "add what the route does, such as `op: {query: {run: …}}` or `op: {custom: …}`".into()
        }
        "expect" => "add `expect:` with `one`, `optional`, `many`, `changed` or `any`".into(),
        "kind" => "add `kind:`, which says what it is".into(),
        _ => format!("add `{key}:`"),
    };
    Diagnostic::new(codes::MISSING_KEY, place, message).fix(example)
}

fn wrong_type(place: Location, node: Option<&Node>, expected: &str) -> Diagnostic {
    let expected = plain_words(expected);
    let found = node.map_or_else(|| "nothing".to_owned(), Node::describe);
    let value = node.map(|node| &node.value);
    let bare = match value {
        Some(Value::Integer(number)) => Some(number.to_string()),
        Some(Value::Unsigned(number)) => Some(number.to_string()),
        Some(Value::Float(number)) => Some(number.to_string()),
        _ => None,
    };
    let unit = ["a duration", "a size", "a rate", "a percentage", "a comparison", "a range"]
        .iter()
        .any(|kind| expected.starts_with(kind));
    match (bare, value) {
        (Some(number), _) if unit => {
            Diagnostic::new(codes::WRONG_VALUE, place, format!("`{number}` has no unit"))
                .fix(format!("write {expected}"))
        }
        (Some(number), _) if expected == "a text" => {
            Diagnostic::new(codes::WRONG_TYPE, place, format!("expected a text, found {found}"))
                .replace("put it in quotes", &format!("\"{number}\""))
        }
        (None, Some(Value::Bool(word))) if expected == "a text" => {
            Diagnostic::new(codes::WRONG_TYPE, place, format!("expected a text, found {found}"))
                .replace("put it in quotes", &format!("\"{word}\""))
        }
        (None, Some(Value::Text(word))) if expected == "a list" => {
            let word = word.clone();
            Diagnostic::new(codes::WRONG_TYPE, place, format!("expected a list, found {found}"))
                .replace(format!("write `[{word}]`"), &format!("[{word}]"))
        }
        _ => {
            Diagnostic::new(codes::WRONG_TYPE, place, format!("expected {expected}, found {found}"))
                .fix(format!("write {expected}"))
        }
    }
}

/// Serde's words for types, in ours.
fn plain_words(expected: &str) -> &str {
    match expected {
        "a string" | "str" | "string" | "a borrowed string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65,535",
        "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i32" | "i64" => "a whole number",
        "f64" | "f32" => "a number",
        text if text.starts_with("struct ") || text.starts_with("internally tagged enum") => {
            "a mapping"
        }
        text if text.starts_with("enum ") || text.starts_with("variant ") => {
            "one of the known words"
        }
        text => text,
    }
}

fn other(place: Location, node: Option<&Node>, on_key: bool, message: &str) -> Diagnostic {
    let (message, advice) = match message.split_once("; ") {
        Some((message, advice)) => (message.to_owned(), advice.to_owned()),
        None => (message.to_owned(), String::new()),
    };
    let problem = Diagnostic::new(codes::WRONG_VALUE, place, message);
    if !advice.is_empty() {
        return problem.fix(advice.replacen("expected ", "write ", 1));
    }
    match node {
        Some(_) if on_key => problem.fix("correct the key"),
        _ => problem.fix("correct the value"),
    }
}
