//! Diagnostics as JSON, for editors and scripts.

use serde_json::{Value, json};

use super::{Diagnostic, Location};

/// A list with one object per diagnostic.
pub fn to_json(diagnostics: &[Diagnostic]) -> Value {
    Value::Array(diagnostics.iter().map(object).collect())
}

fn object(diagnostic: &Diagnostic) -> Value {
    let fix = diagnostic.fix.as_ref().map(|fix| {
        let edits: Vec<Value> = fix
            .edits
            .iter()
            .map(|e| json!({"file": &*e.file, "start": e.span.start, "end": e.span.end, "text": e.text}))
            .collect();
        json!({"text": fix.text, "edits": edits})
    });
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| json!({"location": place(&label.location), "text": label.text}))
        .collect();
    json!({
        "code": diagnostic.code.id,
        "name": diagnostic.code.name,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "cause": diagnostic.cause,
        "fix": fix,
        "location": place(&diagnostic.primary),
        "labels": labels,
    })
}

fn place(location: &Location) -> Value {
    json!({
        "file": &*location.file,
        "line": location.line,
        "column": location.column,
        "start": location.span.start,
        "end": location.span.end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::codes;

    #[test]
    fn fix_is_given_as_text_and_as_edits() {
        let place = Location::whole_file("a.yaml");
        let diagnostic =
            Diagnostic::new(codes::UNKNOWN_KEY, place, "unknown").replace("write `b`", "b");
        let json = to_json(&[diagnostic]);
        assert_eq!(json[0]["code"], "PL0101");
        assert_eq!(json[0]["name"], "unknown-key");
        assert_eq!(json[0]["severity"], "error");
        assert_eq!(json[0]["location"]["line"], 1);
        assert_eq!(json[0]["fix"]["text"], "write `b`");
        assert_eq!(json[0]["fix"]["edits"][0]["text"], "b");
    }
}
