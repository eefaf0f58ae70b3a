//! Keeps the last exchanges of a scenario, and turns them into evidence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use proofline_spec::evidence::{AnswerForm, Answers, Exchange, Redactor};

use super::form;

/// Bodies in evidence end here.
const BODY_LIMIT: usize = 1_024;
/// Header values in evidence end here.
const HEADER_LIMIT: usize = 300;
/// How many exchanges of a scenario are kept.
const KEPT: usize = 12;
/// How many wrong answers of a scenario are kept besides.
const WRONG: usize = 5;
/// The answers of a scenario that are compared with other environments end here.
const COMPARED: usize = 5_000;

/// One exchange as it happened; nothing is redacted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The scheme and authority of the target.
    pub base: String,
    /// Headers that were sent.
    pub request_headers: Vec<(String, Vec<u8>)>,
    /// The body that was sent.
    pub request_body: Option<Vec<u8>>,
    /// The status line and headers, or why there is no answer.
    pub response: String,
    /// The body that came back.
    pub response_body: Option<Vec<u8>>,
    /// How long it took.
    pub duration_us: u64,
}

impl Record {
    /// The exchange as evidence: redacted and capped.
    pub fn to_evidence(&self, redactor: &Redactor) -> Exchange {
        let mut request = format!("{} {} HTTP/1.1", self.method, cap(&self.path, HEADER_LIMIT));
        for (name, value) in &self.request_headers {
            let _ = write!(request, "\n{name}: {}", header_text(value, redactor));
        }
        Exchange {
            request: redactor.redact(&request),
            request_body: self.request_body.as_deref().map(|body| body_text(body, redactor)),
            response: redactor.redact(&self.response),
            response_body: self
                .response_body
                .as_deref()
                .filter(|body| !body.is_empty())
                .map(|body| body_text(body, redactor)),
            curl: self.curl(redactor),
            duration_us: self.duration_us,
        }
    }

    /// A command line that repeats the request; secrets are shell variables.
    pub fn curl(&self, redactor: &Redactor) -> String {
        let mut line = format!("curl -i --path-as-is -X {}", self.method);
        for (name, value) in &self.request_headers {
            let value = header_text(value, redactor);
            let _ = write!(line, " -H {}", quote(&format!("{name}: {value}")));
        }
        if let Some(body) = &self.request_body {
            let _ = write!(line, " --data-binary {}", quote(&body_text(body, redactor)));
        }
        let url = redactor.redact(&format!("{}{}", self.base, cap(&self.path, BODY_LIMIT)));
        let _ = write!(line, " {}", quote(&url));
        line
    }
}

/// Redacted before it is cut, so that no half of a secret is left.
fn body_text(body: &[u8], redactor: &Redactor) -> String {
    cap(&redactor.redact(&String::from_utf8_lossy(body)), BODY_LIMIT)
}

fn header_text(value: &[u8], redactor: &Redactor) -> String {
    cap(&redactor.redact(&String::from_utf8_lossy(value)), HEADER_LIMIT)
}

fn cap(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes)", &text[..end], text.len())
}

/// Quotes for a shell. Double quotes where a variable must be read, single quotes otherwise.
fn quote(text: &str) -> String {
    if text.contains('$') {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('`', "\\`");
        return format!("\"{escaped}\"");
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Arc<Record>>,
    wrong: Vec<Arc<Record>>,
    /// All of them, for the comparison with other environments.
    all: Vec<Arc<Record>>,
    /// What was sent as bare bytes, with what came back.
    raw: Vec<(String, AnswerForm)>,
    requests: u64,
    /// Parts of the spec that were looked at, and requests whose answers are not kept.
    about: BTreeSet<String>,
    /// Requests that nobody sent, but the service counted on demand.
    counted: u64,
    notes: Vec<(usize, String)>,
}

/// Keeps the last exchanges of one scenario and what its steps saw.
#[derive(Debug, Default)]
pub struct Recorder {
    kept: Mutex<Kept>,
}

impl Recorder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an exchange.
    pub fn add(&self, record: Arc<Record>) {
        let mut kept = self.kept();
        kept.requests += 1;
        if kept.records.len() == KEPT {
            kept.records.pop_front();
        }
        if kept.all.len() < COMPARED {
            kept.all.push(Arc::clone(&record));
        }
        kept.records.push_back(record);
    }

    /// Keeps what bare bytes were answered, for the comparison with other environments.
    pub fn add_raw(&self, what: &str, statuses: &[u16], closed: bool) {
        let form = AnswerForm {
            status: statuses.first().copied().unwrap_or(0),
            headers: BTreeMap::new(),
            body: Some(serde_json::json!({ "answers": statuses.len(), "closed": closed })),
        };
        let mut kept = self.kept();
        kept.requests += 1;
        kept.raw.push((format!("RAW {what}"), form));
    }

    /// All answers, in the form in which environments are compared.
    pub fn answers(&self, redactor: &Redactor) -> Answers {
        let kept = self.kept();
        let mut answers = Answers::default();
        for record in &kept.all {
            answers.add(form::request(record, redactor), form::answer(record, redactor));
        }
        for (what, form) in &kept.raw {
            answers.add(what.clone(), form.clone());
        }
        answers
    }

    /// Keeps an exchange whose answer is wrong, however many follow.
    pub fn keep_wrong(&self, record: &Arc<Record>) {
        let mut kept = self.kept();
        if kept.wrong.len() < WRONG && !kept.wrong.iter().any(|known| Arc::ptr_eq(known, record)) {
            kept.wrong.push(Arc::clone(record));
        }
    }

    /// Counts requests that are not kept.
    pub fn count(&self, requests: u64) {
        self.kept().requests += requests;
    }

    /// Notes that a part of the spec is looked at, such as `bindings` and `DB`.
    pub fn about(&self, section: &str, name: &str) {
        self.kept().about.insert(format!("{section}/{name}"));
    }

    /// Counts a request whose answer is not kept, but for its status.
    pub fn asked(&self, method: &str, path: &str, status: u16) {
        let path = path.split('?').next().unwrap_or_default();
        let mut kept = self.kept();
        kept.requests += 1;
        kept.about.insert(format!("asked/{method} {} {status}", cap(path, HEADER_LIMIT)));
    }

    /// The parts of the spec that were looked at, and the requests whose answers are not kept, redacted.
    pub fn looked_at(&self, redactor: &Redactor) -> Vec<String> {
        self.kept().about.iter().map(|about| redactor.redact(about)).collect()
    }

    /// Counts requests that nobody sent: the service counted them on demand.
    pub fn counted(&self, requests: u64) {
        self.kept().counted += requests;
    }

    /// How many requests the service counted on demand.
    pub fn counted_on_demand(&self) -> u64 {
        self.kept().counted
    }

    /// Remembers what the step on that line saw.
    pub fn note(&self, line: usize, seen: String) {
        self.kept().notes.push((line, seen));
    }

    /// What the step on that line saw.
    pub fn seen(&self, line: usize) -> Option<String> {
        self.kept().notes.iter().rev().find(|(at, _)| *at == line).map(|(_, seen)| seen.clone())
    }

    /// How many requests were sent.
    pub fn requests(&self) -> u64 {
        self.kept().requests
    }

    /// The exchanges that were kept, redacted; wrong ones stand at the end, the first wrong one last.
    pub fn evidence(&self, redactor: &Redactor) -> Vec<Exchange> {
        let kept = self.kept();
        let is_wrong =
            |record: &Arc<Record>| kept.wrong.iter().any(|wrong| Arc::ptr_eq(wrong, record));
        kept.records
            .iter()
            .filter(|record| !is_wrong(record))
            .chain(kept.wrong.iter().rev())
            .map(|record| record.to_evidence(redactor))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(authorization: &str, body: &str) -> Record {
        Record {
            method: "POST".to_owned(),
            path: "/things".to_owned(),
            base: "http://127.0.0.1:1".to_owned(),
            request_headers: vec![("Authorization".to_owned(), authorization.into())],
            request_body: Some(body.into()),
            response: "HTTP/1.1 200 OK".to_owned(),
            response_body: None,
            duration_us: 1,
        }
    }

    #[test]
    fn secrets_are_shell_variables_in_the_curl_line() {
        let mut redactor = Redactor::new();
        redactor.add("TOKEN", "abc.def.ghi");
        let evidence = record("Bearer abc.def.ghi", "{\"a\":1}").to_evidence(&redactor);
        assert!(evidence.curl.contains("-H \"Authorization: Bearer $TOKEN\""), "{}", evidence.curl);
        assert!(evidence.curl.contains("--data-binary '{\"a\":1}'"), "{}", evidence.curl);
        assert!(!format!("{evidence:?}").contains("abc.def"));
    }

    #[test]
    fn a_secret_at_the_cut_is_not_left_in_half() {
        let mut redactor = Redactor::new();
        redactor.add("KEY", "0123456789abcdef");
        let body = format!("{}0123456789abcdef", "x".repeat(BODY_LIMIT - 8));
        let evidence = record("x", &body).to_evidence(&redactor);
        assert!(!evidence.request_body.unwrap().contains("01234567"));
    }

    #[test]
    fn the_first_wrong_exchange_stands_last_however_many_follow() {
        let recorder = Recorder::new();
        let wrong = Arc::new(record("x", "wrong"));
        recorder.add(Arc::clone(&wrong));
        recorder.keep_wrong(&wrong);
        for _ in 0..(KEPT * 2) {
            recorder.add(Arc::new(record("x", "y")));
        }
        let evidence = recorder.evidence(&Redactor::new());
        assert_eq!(evidence.last().unwrap().request_body.as_deref(), Some("wrong"));
    }

    #[test]
    fn only_the_last_exchanges_are_kept_but_all_are_counted() {
        let recorder = Recorder::new();
        for _ in 0..(KEPT + 5) {
            recorder.add(Arc::new(record("x", "y")));
        }
        assert_eq!(recorder.requests(), KEPT as u64 + 5);
        assert_eq!(recorder.evidence(&Redactor::new()).len(), KEPT);
    }
}
