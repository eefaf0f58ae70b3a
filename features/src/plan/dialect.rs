//! How the service under test answers: as a generated one does, or as the `dialect` of its spec says.

use std::sync::LazyLock;

use proofline_spec::document::{Dialect, ErrorForm};
use serde_json::Value;

use super::Target;
use crate::exchange::Answer;

/// How generated services answer.
static GENERATED: LazyLock<Dialect> = LazyLock::new(Dialect::default);

impl Target {
    /// How the service answers.
    pub fn dialect(&self) -> &Dialect {
        self.service.dialect.as_ref().unwrap_or(&GENERATED)
    }

    /// Whether an answer has the form of this service's errors.
    pub fn is_error(&self, answer: &Answer) -> bool {
        match &self.dialect().errors {
            Some(form) => has_form(form, answer),
            None => answer.is_problem(),
        }
    }

    /// The form of this service's errors, for people.
    pub fn error_form(&self) -> String {
        match &self.dialect().errors {
            Some(form) if form.members.is_empty() => format!("`{}`", form.media_type),
            Some(form) => format!("`{}` with {}", form.media_type, form.members.join(", ")),
            None => "a problem document".to_owned(),
        }
    }

    /// The members of a log line that hold the correlation id and the id of the trace, where they are promised.
    pub fn log_members(&self) -> (Option<&str>, Option<&str>) {
        match &self.service.dialect {
            Some(Dialect { correlation, .. }) => {
                (correlation.log_member.as_deref(), correlation.trace_member.as_deref())
            }
            None => (Some("correlation_id"), Some("trace_id")),
        }
    }

    /// Where each error tells when it happened and its correlation id; nothing where it does not tell both.
    pub fn error_traces(&self) -> (Option<&str>, Option<&str>) {
        match &self.dialect().errors {
            Some(form) => (form.time.as_deref(), form.correlation_id.as_deref()),
            None => (Some("/timestamp"), Some("/correlation_id")),
        }
    }
}

/// An answer to `HEAD` has no body whose members could be looked at.
fn has_form(form: &ErrorForm, answer: &Answer) -> bool {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let body = answer.json();
    let is_there = |pointer: &String| {
        let empty = [Value::Null, Value::from(""), Value::Array(Vec::new())];
        body.pointer(pointer).is_some_and(|value| !empty.contains(value))
    };
    let has_members = answer.record.method == "HEAD" || form.members.iter().all(is_there);
    kind.eq_ignore_ascii_case(&form.media_type) && has_members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_media_type_and_every_declared_member() {
        let form = ErrorForm {
            media_type: "application/json".to_owned(),
            members: vec!["/error/message".to_owned()],
            time: None,
            correlation_id: None,
        };
        let has =
            |kind, body| has_form(&form, &Answer::made_up(400, &[("content-type", kind)], body));
        assert!(has("application/json; charset=utf-8", r#"{"error": {"message": "no"}}"#));
        assert!(!has("text/html", r#"{"error": {"message": "no"}}"#));
        for body in [r#"{"error": {"message": ""}}"#, r#"{"error": "no"}"#, "no"] {
            assert!(!has("application/json", body), "{body}");
        }
    }
}
