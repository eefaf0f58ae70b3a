//! What does not fit a type, in the words of people who write specs.

use super::decode::{DecodeError, Kind};
use super::node::{Node, Value};
use super::source::SourceMap;
use super::suggest::{known_words, nearest};
use crate::diagnostic::{Code, Diagnostic, Location, codes};

/// The diagnostic of a type error.
pub(super) fn explain(source: &SourceMap, error: &DecodeError) -> Diagnostic {
    let path = error.path();
    let node = source.node(&path);
    let siblings = if error.on_key {
        source.node(path.split_last().map_or(&[][..], |(_, parent)| parent))
    } else {
        node
    };
    let nothing = node.is_some_and(|node| node.value == Value::Null && node.span.is_empty());
    let place = match &error.kind {
        Kind::UnknownKey(key, _) if !error.on_key => {
            let below: Vec<&str> = path.iter().map(String::as_str).chain([key.as_str()]).collect();
            if source.node(&below).is_some() {
                source.key_of(&below)
            } else {
                source.span_of(&path)
            }
        }
        _ if error.on_key || nothing => source.key_of(&path),
        _ => source.span_of(&path),
    };
    match &error.kind {
        Kind::UnknownKey(key, known) => unknown_key(place, siblings, &path, key, known),
        Kind::UnknownWord(word, known) => unknown_word(place, error.on_key, word, known),
        Kind::MissingKey(key) => missing_key(source, &path, key),
        Kind::WrongType(expected) => wrong_type(place, node, source, plain_words(expected)),
        Kind::Other(message) => other(place, message),
    }
}

fn unknown_key(
    place: Location,
    siblings: Option<&Node>,
    path: &[String],
    key: &str,
    known: &[&str],
) -> Diagnostic {
    if let Some((code, message, cause, fix)) = special_key(path, key) {
        return Diagnostic::new(code, place, message).because(cause).fix(fix);
    }
    let problem = Diagnostic::new(codes::UNKNOWN_KEY, place, format!("unknown key `{key}`"));
    if known.is_empty() {
        return problem.fix("remove it: nothing is known here");
    }
    let problem = problem.because(format!("known here: {}", known_words(known.iter().copied())));
    match nearest(key, known.iter().copied()) {
        Some(near) if siblings.and_then(|node| node.child(near)).is_some() => {
            problem.fix(format!("remove it: `{near}` is there already"))
        }
        Some(near) => did_you_mean(problem, key, near),
        None => problem.fix("use one of the known keys, or remove it"),
    }
}

/// Suggests a word; a machine may write it only when hardly anything else can have been meant.
fn did_you_mean(problem: Diagnostic, word: &str, near: &str) -> Diagnostic {
    let text = format!("did you mean `{near}`?");
    let same = |c: char| c.is_alphanumeric();
    let letters = |word: &str| word.chars().filter(|c| same(*c)).collect::<String>().to_lowercase();
    let sure = letters(word) == letters(near)
        || (near.len() >= 4 && strsim::osa_distance(word, near) == 1);
    if sure { problem.replace(text, near) } else { problem.fix(text) }
}

/// Keywords of JSON Schema that are not part of the language.
const NOT_COMPILED: [&str; 26] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicRef",
    "$id",
    "allOf",
    "anyOf",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "definitions",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keys that people expect from elsewhere and that deserve an answer of their own.
fn special_key(path: &[String], key: &str) -> Option<(Code, String, &'static str, &'static str)> {
    let parent = path.len().checked_sub(2).map(|index| path[index].as_str());
    match (path.first().map(String::as_str), parent, key) {
        (Some("workers"), _, "memory_mb" | "memory") => Some((
            codes::MEMORY_ON_WORKERS,
            format!("`{key}` cannot be set on Workers"),
            "the platform gives every worker 128 MB and ignores other values",
            "remove the key; for containers, write `container: {resources: {memory: {limit: 256MiB}}}`",
        )),
        (_, _, "<<") => Some((
            codes::UNKNOWN_KEY,
            "unknown key `<<`".to_owned(),
            "it is the merge key of YAML 1.1; YAML 1.2 and this language have none",
            "write the keys out, or put what routes share under `defaults`",
        )),
        (Some("schemas"), _, "nullable") => Some((
            codes::SCHEMA_KEYWORD,
            "the keyword `nullable` cannot be compiled".to_owned(),
            "it is OpenAPI 3.0's and means nothing in JSON Schema",
            "write the type as `[string, \"null\"]`",
        )),
        (Some("schemas"), _, keyword) if NOT_COMPILED.contains(&keyword) => Some((
            codes::SCHEMA_KEYWORD,
            format!("the keyword `{keyword}` cannot be compiled"),
            "every keyword of the language is enforced, and this one is not part of it",
            "say it with the known keywords, or check it in a `custom` operation",
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
        Some(near) => did_you_mean(problem, word, near),
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
        "op" => "add what it does, such as `op: {query: {run: …}}` or `op: {custom: …}`".into(),
        "expect" => "add `expect:` with `one`, `optional`, `many`, `changed` or `any`".into(),
        "kind" => "add `kind:`, which says what it is".into(),
        _ => format!("add `{key}:`"),
    };
    Diagnostic::new(codes::MISSING_KEY, place, message).fix(example)
}

fn wrong_type(
    place: Location,
    node: Option<&Node>,
    source: &SourceMap,
    expected: &str,
) -> Diagnostic {
    let Some(node) = node else {
        return Diagnostic::new(codes::WRONG_TYPE, place, format!("expected {expected}"))
            .fix(format!("write {expected}"));
    };
    let raw = source.raw(node);
    let number = matches!(node.value, Value::Integer(_) | Value::Unsigned(_) | Value::Float(_));
    let found = if number { format!("the number {raw}") } else { node.describe() };
    // Of a mapping, the headline says only that it is one; its keys are part of the fix.
    let short = expected.split(" with the keys ").next().unwrap_or(expected);
    let unit = ["a duration", "a size", "a rate", "a percentage", "a comparison", "a range"]
        .iter()
        .any(|kind| expected.starts_with(kind));
    if number && unit {
        return Diagnostic::new(codes::WRONG_VALUE, place, format!("`{raw}` has no unit"))
            .fix(format!("write {expected}"));
    }
    let problem =
        Diagnostic::new(codes::WRONG_TYPE, place, format!("expected {short}, found {found}"));
    match &node.value {
        Value::Bool(_) | Value::Integer(_) | Value::Unsigned(_) | Value::Float(_)
            if expected == "a text" =>
        {
            problem.replace("put it in quotes", &format!("\"{raw}\""))
        }
        Value::Text(word) if expected == "a list" && word == raw => {
            problem.replace(format!("write `[{raw}]`"), &format!("[{raw}]"))
        }
        Value::Text(word) if short.contains("number") && word.parse::<f64>().is_ok() => {
            problem.replace("remove the quotes", word)
        }
        Value::Mapping(_) if expected == "a list" => {
            problem.fix("put `- ` before it, or `[` and `]` around it")
        }
        Value::List(_) if short == "a mapping" => {
            problem.fix("write `key: value` lines instead of a list")
        }
        _ if short == "a mapping" && expected != short => problem.fix(expected.replacen(
            "a mapping with the keys",
            "write a mapping; its keys are",
            1,
        )),
        _ => problem.fix(format!("write {expected}")),
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

/// A sentence of a type's own parser, `what is wrong; what to write`.
fn other(place: Location, message: &str) -> Diagnostic {
    let (message, advice) = match message.split_once("; ") {
        Some((message, advice)) => (message, advice.replacen("expected ", "write ", 1)),
        None => match message.split_once(": write ") {
            Some((message, advice)) => (message, format!("write {advice}")),
            None => (message, String::new()),
        },
    };
    let word = message.split('`').nth(1).unwrap_or_default();
    let near = nearest_in(word, &advice).or_else(|| {
        let (_, known) = message.split_once(" is not one of ")?;
        nearest(word, known.split('`').skip(1).step_by(2)).map(str::to_owned)
    });
    let example = message.split_once(" such as ").map(|(_, example)| example);
    let problem = Diagnostic::new(codes::WRONG_VALUE, place, message);
    if let Some(near) = near {
        let known = advice.replacen("write ", "a value is ", 1);
        let fix = format!("did you mean `{near}`?");
        return if known.is_empty() { problem.fix(fix) } else { problem.because(known).fix(fix) };
    }
    match (advice.is_empty(), example) {
        (false, _) if advice.starts_with("known are ") => {
            problem.because(advice).fix("use one of those that are known")
        }
        (false, _) if message.contains("does not begin with `<`") => {
            problem.fix(format!("write it like `< {word}`"))
        }
        (false, _) => problem.fix(advice),
        (true, Some(example)) => problem.fix(format!("write it like {example}")),
        (true, None) => problem.fix("correct it"),
    }
}

/// What the wrong word was meant to be, among the words of a piece of advice. Of `a.b`, the first part counts.
fn nearest_in(word: &str, advice: &str) -> Option<String> {
    let known: Vec<&str> = match advice.strip_prefix("known are ") {
        Some(list) => list.split(", ").map(|known| known.trim_matches('`')).collect(),
        None if advice.starts_with("write `body.x`") => {
            crate::document::Source::ALL.iter().map(|(name, _)| *name).collect()
        }
        None => return None,
    };
    let (first, rest) = match word.split_once('.') {
        Some((first, rest)) => (first, format!(".{rest}")),
        None => (word, String::new()),
    };
    nearest(first, known).map(|near| format!("{near}{rest}"))
}
