//! A configuration with one value changed: what no comparison notices is a hole in the comparison.

use serde_json::{Value, json};

/// A configuration in which one value is another.
pub(super) struct Changed {
    /// What was done, such as `/env/staging/vars/STORE removed`.
    pub(super) what: String,
    /// The environment that it stands in; all of them without one.
    pub(super) environment: Option<String>,
    /// The configuration.
    pub(super) config: Value,
}

/// Every way to change or to remove one value.
pub(super) fn all(config: &Value) -> Vec<Changed> {
    let mut leaves = Vec::new();
    find(config, &mut Vec::new(), &mut leaves);
    let mut changed = Vec::new();
    for path in leaves {
        let pointer = pointer(&path);
        let environment = (path.len() > 2 && path[0] == "env").then(|| path[1].clone());
        let mut other = config.clone();
        if let Some(value) = other.pointer_mut(&pointer) {
            let empty = value.as_array().is_some_and(Vec::is_empty);
            *value = another(value);
            changed.push(Changed {
                what: format!("{pointer} changed"),
                environment: environment.clone(),
                config: other,
            });
            if empty {
                // Nothing of it can be removed, and without it the top level's holds, which is empty too.
                continue;
            }
        }
        let mut other = config.clone();
        remove(&mut other, &path);
        changed.push(Changed { what: format!("{pointer} removed"), environment, config: other });
    }
    changed
}

fn pointer(path: &[String]) -> String {
    path.iter().fold(String::new(), |pointer, part| pointer + "/" + part)
}

fn find(value: &Value, path: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    if children.is_empty() {
        leaves.push(path.clone());
    }
    for (key, child) in children {
        path.push(key);
        find(child, path, leaves);
        path.pop();
    }
}

fn another(value: &Value) -> Value {
    match value {
        Value::Bool(value) => (!value).into(),
        Value::Number(number) => json!(number.as_f64().unwrap_or_default() + 1.0),
        Value::String(text) => format!("{text}1").into(),
        Value::Array(_) => json!(["changed.example/*"]),
        Value::Object(_) | Value::Null => json!({ "changed": "changed" }),
    }
}

fn remove(config: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    match config.pointer_mut(&pointer(parents)) {
        Some(Value::Object(members)) => {
            members.shift_remove(last);
        }
        Some(Value::Array(items)) => {
            if let Ok(index) = last.parse::<usize>() {
                items.remove(index);
            }
        }
        _ => {}
    }
}
