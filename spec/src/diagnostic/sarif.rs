//! Diagnostics as SARIF 2.1.0, for code scanning.

use serde_json::{Value, json};

use super::{Code, Diagnostic, Location};

/// A SARIF log with one run.
pub fn to_sarif(diagnostics: &[Diagnostic]) -> Value {
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = diagnostics.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "proofline",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.id,
        "name": code.name,
        "shortDescription": {"text": code.title()},
        "fullDescription": {"text": code.page},
        "defaultConfiguration": {"level": code.severity.name()},
    })
}

fn result(diagnostic: &Diagnostic) -> Value {
    let mut message = diagnostic.message.clone();
    for part in diagnostic.cause.iter().chain(diagnostic.fix.as_ref().map(|fix| &fix.text)) {
        message.push_str(". ");
        message.push_str(part);
    }
    let related: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let mut location = place(&label.location);
            location["message"] = json!({"text": label.text});
            location
        })
        .collect();
    json!({
        "ruleId": diagnostic.code.id,
        "level": diagnostic.severity.name(),
        "message": {"text": message},
        "locations": [place(&diagnostic.primary)],
        "relatedLocations": related,
    })
}

fn place(location: &Location) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": &*location.file},
        "region": {
            "startLine": location.line,
            "startColumn": location.column,
            "endColumn": location.column + location.width,
            "byteOffset": location.span.start,
            "byteLength": location.span.len(),
        },
    }})
}
