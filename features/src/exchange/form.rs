//! Requests and answers without what differs from run to run, so that the answers of two environments can be compared.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proofline_spec::evidence::{AnswerForm, Digest, Redactor};
use regex::{Captures, Regex};
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

/// What is replaced, and what by; each mark says what kind of value stood there.
#[expect(clippy::expect_used, reason = "patterns are literals, and a test uses them all")]
static MARKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Whatever a check put behind it is its own.
        (r"\$([A-Z][A-Z_]*?)_\d+", "$${$1}"),
        (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "{id}"),
        (r"\d{4}-\d\d-\d\dT\d\d(:|%3A)\d\d(:|%3A)\d\d(\.\d+)?Z", "{time}"),
        (r"\b20\d\d-\d\d-\d\d\b", "{date}"),
        // Some tokens that must be refused have a short head, and no signature.
        (r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{24,}(\.[A-Za-z0-9_-]*)?", "{token}"),
        // What is left of a token that was taken apart: `{"` in base64url, and enough to hold claims.
        (r"\beyJ[A-Za-z0-9_-]{40,}", "{claims}"),
        (KEY, "{key}"),
        (r"[0-9a-f]{16,}", "{hex}"),
        (r"(%2F|%40|\b)(127|198)\.\d+\.\d+\.\d+", "$1{address}"),
        (r"2001:db8:[0-9a-f:]+", "{address}"),
        // A port of this machine is another one in every run.
        (r"(\{address\}|localhost|0x7f000001)(:|%3A)\d{1,5}\b", "$1$2{port}"),
    ]
    .map(|(pattern, mark)| (Regex::new(pattern).expect("a pattern of this file"), mark))
    .into()
});

/// A run of characters that may be a key or a signature, if it is as long as one.
const KEY: &str = "[A-Za-z0-9_-]{40,}";
/// Longer ones are texts that a check made long.
const LONGEST_KEY: usize = 64;

/// A text with names in braces for what differs from run to run.
fn plain(text: &str) -> String {
    let mut plain = text.to_owned();
    for (pattern, mark) in MARKS.iter() {
        plain = if pattern.as_str() == KEY {
            // A key may begin or end with `-`, where no word does.
            let key = |found: &Captures<'_>| match &found[0] {
                long if long.len() > LONGEST_KEY => long.to_owned(),
                _ => (*mark).to_owned(),
            };
            pattern.replace_all(&plain, key).into_owned()
        } else {
            pattern.replace_all(&plain, *mark).into_owned()
        };
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
    // Whether an answer was still in the cache depends on what else was asked meanwhile.
    if headers.contains_key("cache-status") {
        headers.remove("age");
    }
    let body = record.response_body.as_deref().filter(|body| !body.is_empty());
    let body = body.map(|body| redactor.redact(&String::from_utf8_lossy(body)));
    AnswerForm { status, headers, body: body.map(|text| self::body(&text)) }
}

#[expect(clippy::expect_used, reason = "the pattern is a literal, and a test uses it")]
static HTTP_DATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
        .expect("a pattern of this file")
});

#[expect(clippy::expect_used, reason = "the pattern is a literal, and a test uses it")]
static LEFT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([rt])=\d+").expect("a pattern of this file"));

fn header(name: &str, value: &str) -> String {
    let name = name.to_lowercase();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match name.as_str() {
        // What is no number or no time there is not what it should be, and stays as it is.
        counting if COUNTING.contains(&counting) && is_number => "{number}".to_owned(),
        "date" | "expires" | "last-modified" if HTTP_DATE.is_match(value) => "{time}".to_owned(),
        "cache-status" => value.split(';').next().unwrap_or(value).to_owned(),
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
    let measured = ["_ms", "Ms", "rssBytes", "latency", "duration", "uptime"]
        .iter()
        .any(|part| name.ends_with(part));
    match value {
        Value::String(text) => *text = short(plain(text)),
        Value::Number(_) if measured => *value = Value::String("{number}".to_owned()),
        Value::Object(members) => {
            for (inner, member) in members {
                // What is told about a time is measured as well: `{"uptime": {"seconds": 3}}`.
                mark(if measured { name } else { inner }, member, exact);
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
        let body = json!({"items": [{"id": "1", "n": 1}, {"id": "2", "n": 7}], "latency_ms": 3, "responseTimeMs": 0.047, "items_total": 2,
            "uptime": {"status": "ok", "seconds": 3},
            "memory": {"rssBytes": 7, "limitBytes": 8}});
        let form = answer(&record("HTTP/1.1 200", &body.to_string()), &Redactor::new());
        let expected = json!({
            "items": [{"id": "{text}", "n": "{number}"}],
            "latency_ms": "{number}", "responseTimeMs": "{number}", "items_total": 2,
            "uptime": {"status": "ok", "seconds": "{number}"},
            "memory": {"rssBytes": "{number}", "limitBytes": 8},
        });
        assert_eq!(form.body, Some(expected));
    }

    #[test]
    fn what_differs_from_run_to_run_is_marked_with_its_kind() {
        let claims = format!("eyJ{}", "pc3MiOiJsdW5h".repeat(5));
        for (text, expected) in [
            ("http://127.0.0.1:39427/", "http://{address}:{port}/"),
            ("http://localhost:39427/", "http://localhost:{port}/"),
            ("http://0x7f000001:39427/", "http://0x7f000001:{port}/"),
            ("q=%2F%2F127.0.0.1%3A39427%2F&n=1", "q=%2F%2F{address}%3A{port}%2F&n=1"),
            ("u=example.com%40127.0.0.1%3A1", "u=example.com%40{address}%3A{port}"),
            ("198.18.0.7", "{address}"),
            ("$EMAIL_120x'='x", "${EMAIL}x'='x"),
            ("$EMAIL_7\u{2bc} or 1=1", "${EMAIL}\u{2bc} or 1=1"),
            ("$TOKEN_OF_ADMIN", "$TOKEN_OF_ADMIN"),
            (&format!("{claims}="), "{claims}="),
            // A signature in base64url may begin and end with what is no letter.
            (&format!("-{}-", "aB3_".repeat(10)), "{key}"),
            (&"0f".repeat(32), "{key}"),
            (&"0f".repeat(31), "{key}"),
            (&"0f".repeat(33), "{hex}"),
            (&"0f".repeat(16), "{hex}"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_check_chose_is_kept() {
        let long = "x".repeat(65);
        for text in [
            "http://example.com/39427",
            "localhost",
            "example.com:443",
            "https://proofline.dev/problems/not-found",
            "subscription_cancelled",
            "max-age=63072000; includeSubDomains; preload",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "10.0.0.1",
            "0123456789abcde",
            &long,
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_header_that_is_no_number_or_no_time_is_not_marked_as_one() {
        for (name, wrong) in [
            ("Content-Length", ""),
            ("Retry-After", "-1"),
            ("Retry-After", "soon"),
            ("X-RateLimit-Reset", "1.5"),
            ("Date", "yesterday"),
            ("Date", "2026-11-21"),
        ] {
            assert!(
                !["{number}", "{time}"].contains(&header(name, wrong).as_str()),
                "{name}: {wrong}"
            );
        }
        assert_eq!(header("Retry-After", "17"), "{number}");
        assert_eq!(header("Date", "Sat, 21 Nov 2026 10:29:46 GMT"), "{time}");
    }

    /// The answer of a service as it differs from run to run, and one for each thing that must not get lost in that.
    #[test]
    fn a_changed_status_or_header_or_body_stays_a_difference() {
        let head = "HTTP/1.1 200\ndate: Sat, 21 Nov 2026 10:29:46 GMT\ncontent-length: 9\n\
                    ratelimit: \"ip\";r=3;t=9\nx-correlation-id: 01a1fda7-aa08-7245-bd97-370707149bab";
        let body = r#"{"id":"01a1fda7-aa08-7245-bd97-370707149bab","tier":"free","at":"2026-11-21T10:29:46Z","url":"http://127.0.0.1:4000/","items":[{"id":"a","n":1}]}"#;
        let form = |head: &str, body: &str| answer(&record(head, body), &Redactor::new());
        let base = form(head, body);
        let head_of_another_run = head
            .replace("10:29:46", "11:30:47")
            .replace("length: 9", "length: 12")
            .replace("r=3;t=9", "r=12;t=59")
            .replace("01a1fda7", "01a1fda8");
        let body_of_another_run = body
            .replace("01a1fda7", "01a1fda8")
            .replace("10:29:46", "11:30:47")
            .replace(":4000", ":51234")
            .replace(r#"[{"id":"a","n":1}]"#, r#"[{"id":"b","n":2},{"id":"c","n":3}]"#);
        assert_eq!(form(&head_of_another_run, &body_of_another_run), base);
        for (from, to) in [
            ("200", "201"),
            ("\"ip\"", "\"key\""),
            ("date: Sat, 21 Nov 2026 10:29:46 GMT\n", ""),
            ("content-length: 9", "content-length: x"),
            ("01a1fda7-aa08-7245-bd97-370707149bab", "1"),
            ("01a1fda7-aa08-7245-bd97-370707149bab", ""),
        ] {
            assert_ne!(form(&head.replace(from, to), body), base, "{from} to {to}");
        }
        for (from, to) in [
            ("free", "pro"),
            (r#""tier":"free","#, ""),
            ("01a1fda7-aa08-7245-bd97-370707149bab", "1"),
            ("2026-11-21T10:29:46Z", ""),
            ("2026-11-21T10:29:46Z", "2026-11-21"),
            ("127.0.0.1:4000", "127.0.0.1"),
            ("127.0.0.1:4000", "localhost:4000"),
            (r#"[{"id":"a","n":1}]"#, "[]"),
            (r#""n":1"#, r#""n":null"#),
            (r#","n":1"#, ""),
        ] {
            assert_ne!(form(head, &body.replace(from, to)), base, "{from} to {to}");
        }
    }

    #[test]
    fn a_request_with_another_signature_or_none_is_another_request() {
        let asked = |headers: &[(&str, String)]| {
            let mut record = record("HTTP/1.1 200", "");
            record.request_headers =
                headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone().into_bytes())).collect();
            request(&record, &Redactor::new())
        };
        let forms = [
            asked(&[("X-Signature", "0f".repeat(32))]),
            asked(&[("X-Signature", "0f".repeat(33))]),
            asked(&[("X-Signature", "not a signature".to_owned())]),
            asked(&[("X-Signature", String::new())]),
            asked(&[]),
        ];
        assert_eq!(forms[0], asked(&[("X-Signature", "1e".repeat(32))]));
        let different: std::collections::BTreeSet<_> = forms.iter().collect();
        assert_eq!(different.len(), forms.len());
    }
}
