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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::codes;

    #[test]
    fn log_names_rule_place_and_related_places() {
        let place = Location::whole_file("a.yaml");
        let diagnostic = Diagnostic::new(codes::DUPLICATE_KEY, place.clone(), "twice")
            .because("why")
            .fix("remove one")
            .label(place, "first");
        let log = to_sarif(&[diagnostic]);
        let run = &log["runs"][0];
        let result = &run["results"][0];
        assert_eq!(result["ruleId"], "PL0007");
        assert_eq!(result["level"], "error");
        assert_eq!(result["message"]["text"], "twice. why. remove one");
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "a.yaml");
        assert_eq!(physical["region"]["startLine"], 1);
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "first");
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|rule| rule["id"] == "PL0007"));
    }
}
