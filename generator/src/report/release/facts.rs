//! Two JSON values beside each other: every leaf that is different, with its path.

use serde_json::Value;

/// Characters of a value that are shown.
const SHOWN: usize = 120;

/// A leaf that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    /// Its path, such as `op.query.run`.
    pub(super) path: String,
    /// What stood there.
    pub(super) before: Option<String>,
    /// What stands there.
    pub(super) after: Option<String>,
}

impl Fact {
    /// In words: `rate is 30/min, was 60/min`.
    pub(super) fn text(&self) -> String {
        let path = if self.path.is_empty() { "it" } else { self.path.as_str() };
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => format!("{path} is {after}, was {before}"),
            (None, Some(after)) => format!("{path} is {after}, was not said"),
            (Some(before), None) => format!("{path} is no longer said, was {before}"),
            (None, None) => path.to_owned(),
        }
    }
}

/// Every leaf that is different. Lists are leaves.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    walk(String::new(), before, after, &mut facts);
    facts
}

fn walk(path: String, before: &Value, after: &Value, facts: &mut Vec<Fact>) {
    if before == after {
        return;
    }
    let nothing = Value::Null;
    // Something whole that came or went is told by its members, so that they keep their names.
    let members = match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let new = after.keys().filter(|key| !before.contains_key(*key));
            before.keys().chain(new).collect::<Vec<_>>()
        }
        (Value::Object(only), Value::Null) | (Value::Null, Value::Object(only))
            if path.is_empty() =>
        {
            only.keys().collect()
        }
        _ => {
            let shown = |value: &Value| (!value.is_null()).then(|| capped(&compact(value)));
            facts.push(Fact { path, before: shown(before), after: shown(after) });
            return;
        }
    };
    for key in members {
        let of = |value| -> &Value { Value::get(value, key).unwrap_or(&nothing) };
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        walk(path, of(before), of(after), facts);
    }
}

/// A value on one line, without punctuation that only machines need.
pub(super) fn compact(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(compact).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| match value {
                Value::Object(_) => format!("{key} ({})", compact(value)),
                _ => format!("{key} {}", compact(value)),
            };
            members.iter().map(member).collect::<Vec<_>>().join(", ")
        }
    }
}

fn capped(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
