//! Requests and answers without what differs from run to run, so that the answers of two environments can be compared.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proofline_spec::evidence::{AnswerForm, Digest, Redactor};
use regex::Regex;
use serde_json::Value;

use super::Record;

/// Longer texts are told by their beginning and their digest.
const LONGEST: usize = 300;
/// Headers by which somebody tells another one's address: environments differ in whom they believe.
const FORWARDING: [&str; 7] = [
    "x-forwarded-for",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "x-client-ip",
    "forwarded",
    "x-cluster-client-ip",
];
/// Headers whose values count or tell the time.
const COUNTING: [&str; 5] =
    ["content-length", "retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "age"];

#[expect(clippy::expect_used, reason = "patterns are literals, and a test uses them all")]
static MARKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\$([A-Z][A-Z_]*?)_\d+[A-Z]?\b", "$${$1}"),
        (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "{id}"),
        (r"\d{4}-\d\d-\d\dT\d\d(:|%3A)\d\d(:|%3A)\d\d(\.\d+)?Z", "{time}"),
        (r"\b20\d\d-\d\d-\d\d\b", "{date}"),
        // Some tokens that must be refused have a short head, and no signature.
        (r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{24,}(\.[A-Za-z0-9_-]*)?", "{token}"),
        (r"\b[A-Za-z0-9_-]{40,64}\b", "{key}"),
        (r"[0-9a-f]{16,}", "{hex}"),
        (r"\b(127|198)\.\d+\.\d+\.\d+(:\d+)?", "{address}"),
        (r"2001:db8:[0-9a-f:]+", "{address}"),
    ]
    .map(|(pattern, mark)| (Regex::new(pattern).expect("a pattern of this file"), mark))
    .into()
});

/// A text with names in braces for what differs from run to run.
fn plain(text: &str) -> String {
    let mut plain = text.to_owned();
    for (pattern, mark) in MARKS.iter() {
        plain = pattern.replace_all(&plain, *mark).into_owned();
    }
    plain
}

fn short(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let digest = Digest::of(text.as_bytes()).to_string();
    let beginning: String = text.chars().take(80).collect();
    format!("{beginning}… ({} bytes, digest {})", text.len(), &digest[..12])
}

/// What was asked.
pub(super) fn request(record: &Record, redactor: &Redactor) -> String {
    let text = |bytes: &[u8]| short(plain(&redactor.redact(&String::from_utf8_lossy(bytes))));
    let mut asked = format!("{} {}", record.method, text(record.path.as_bytes()));
    for (name, value) in &record.request_headers {
        if !FORWARDING.contains(&name.to_lowercase().as_str()) {
            asked.push_str(&format!("\n{name}: {}", text(value)));
        }
    }
    if let Some(body) = &record.request_body {
        asked.push_str(&format!("\n\n{}", text(body)));
    }
    asked
}

/// What was answered.
pub(super) fn answer(record: &Record, redactor: &Redactor) -> AnswerForm {
    let head = redactor.redact(&record.response);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status.and_then(|code| code.get(..3)?.parse().ok()).unwrap_or(0);
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")).filter(|_| status > 0) {
        let value = header(name, value);
        let known = headers.entry(name.to_lowercase()).or_default();
        *known = if known.is_empty() { value } else { format!("{known}, {value}") };
    }
    let body = record.response_body.as_deref().filter(|body| !body.is_empty());
    let body = body.map(|body| redactor.redact(&String::from_utf8_lossy(body)));
    AnswerForm { status, headers, body: body.map(|text| self::body(&text)) }
}

#[expect(clippy::expect_used, reason = "the pattern is a literal, and a test uses it")]
static LEFT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([rt])=\d+").expect("a pattern of this file"));

fn header(name: &str, value: &str) -> String {
    let name = name.to_lowercase();
    if COUNTING.contains(&name.as_str()) {
        return "{number}".to_owned();
    }
    match name.as_str() {
        "date" | "expires" | "last-modified" => "{time}".to_owned(),
        "ratelimit" => LEFT.replace_all(value, "$1={number}").into_owned(),
        _ => plain(value),
    }
}

fn body(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            let told = value.get("type").is_some_and(Value::is_string);
            mark("", &mut value, told);
            value
        }
        Err(_) => Value::String(short(plain(text))),
    }
}

/// Marks what differs from run to run. `exact` keeps the items of lists: those of a problem are always the same.
fn mark(name: &str, value: &mut Value, exact: bool) {
    let timed = ["_ms", "latency", "duration", "uptime"].iter().any(|part| name.ends_with(part));
    match value {
        Value::String(text) => *text = short(plain(text)),
        Value::Number(_) if timed => *value = Value::String("{number}".to_owned()),
        Value::Object(members) => {
            for (name, member) in members {
                mark(name, member, exact);
            }
        }
        Value::Array(items) if exact => {
            for item in items {
                mark(name, item, exact);
            }
        }
        Value::Array(items) => {
            let mut shapes: Vec<Value> = items.iter().map(shape).collect();
            shapes.sort_by_key(Value::to_string);
            shapes.dedup();
            *items = shapes;
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The names and types of a value.
fn shape(value: &Value) -> Value {
    let name = match value {
        Value::Object(members) => {
            return members.iter().map(|(name, member)| (name.clone(), shape(member))).collect();
        }
        Value::Array(_) => "{list}",
        Value::Null => "{null}",
        Value::Bool(_) => "{boolean}",
        Value::Number(_) => "{number}",
        Value::String(_) => "{text}",
    };
    Value::String(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(response: &str, body: &str) -> Record {
        Record {
            method: "POST".to_owned(),
            path: "/things/0191d3c2-7e5a-7cc1-8a6f-3d1c5e9b7a42".to_owned(),
            base: String::new(),
            request_headers: vec![
                ("X-Forwarded-For".to_owned(), "198.18.0.7".into()),
                ("Authorization".to_owned(), "Bearer abc.def.ghi".into()),
            ],
            request_body: Some(br#"{"email":"check-0191d3c27e5a7cc1@example.com"}"#.to_vec()),
            response: response.to_owned(),
            response_body: Some(body.as_bytes().to_vec()),
            duration_us: 1,
        }
    }

    #[test]
    fn what_was_asked_is_the_same_in_every_run() {
        let mut redactor = Redactor::new();
        redactor.add("TOKEN_12", "abc.def.ghi");
        let asked = request(&record("HTTP/1.1 200", ""), &redactor);
        let expected = "POST /things/{id}\nAuthorization: Bearer ${TOKEN}\n\n{\"email\":\"check-{hex}@example.com\"}";
        assert_eq!(asked, expected);
    }

    #[test]
    fn ids_times_and_counts_of_an_answer_are_marked_and_the_rest_is_kept() {
        let head = "HTTP/1.1 429\ndate: Sat, 21 Nov 2026 10:29:46 GMT\nratelimit: \"ip\";r=3;t=9\nx-a: 1\nx-a: 2";
        let problem = json!({
            "type": "https://x/quota", "status": 429, "at": "2026-11-21T10:29:46.123Z",
            "instance": "urn:uuid:01a1fda7-aa08-7245-bd97-370707149bab",
            "errors": [{"pointer": "#/a"}, {"pointer": "#/b"}],
        });
        let form = answer(&record(head, &problem.to_string()), &Redactor::new());
        assert_eq!(form.status, 429);
        let headers: Vec<_> = form.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let expected =
            [("date", "{time}"), ("ratelimit", "\"ip\";r={number};t={number}"), ("x-a", "1, 2")];
        assert_eq!(headers, expected);
        let expected = json!({
            "type": "https://x/quota", "status": 429, "at": "{time}", "instance": "urn:uuid:{id}",
            "errors": [{"pointer": "#/a"}, {"pointer": "#/b"}],
        });
        assert_eq!(form.body, Some(expected));
    }

    #[test]
    fn lists_keep_the_forms_of_their_items_only() {
        let body = json!({"items": [{"id": "1", "n": 1}, {"id": "2", "n": 7}], "latency_ms": 3});
        let form = answer(&record("HTTP/1.1 200", &body.to_string()), &Redactor::new());
        let expected =
            json!({"items": [{"id": "{text}", "n": "{number}"}], "latency_ms": "{number}"});
        assert_eq!(form.body, Some(expected));
    }
}
