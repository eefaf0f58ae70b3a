//! One run of schemathesis, and what it found.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::Plan;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::Document;
use crate::context::Context;
use crate::run::{runners, said};

/// What it calls on its way: who asks, and the notes of what was answered.
const HOOKS: &str = include_str!("hooks.py");
/// What an answer is judged by. The others of its checks want what this tool's own features look at in more ways.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";
/// Requests of a phase to an operation, at most.
const EXAMPLES: &str = "25";
/// Lines of what it says of a failure.
const LINES: usize = 8;

/// How somebody says who they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Person {
    header: String,
    value: String,
}

/// Who asks, one after the other; the last one asks only what ends an account.
pub(super) type People = Vec<Person>;

/// What was asked of an operation, and how often each status was answered.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Note {
    pub(super) requests: u64,
    pub(super) statuses: BTreeMap<String, u64>,
}

impl Note {
    /// Whether something was answered with success.
    pub(super) fn is_answered(&self) -> bool {
        self.statuses.keys().any(|status| status.starts_with('2'))
    }
}

/// What a run found.
#[derive(Debug)]
pub(super) struct Fuzzed {
    /// By operation.
    pub(super) notes: BTreeMap<String, Note>,
    /// What is wrong with an operation.
    pub(super) wrong: BTreeMap<String, String>,
    /// The numbers of the run.
    pub(super) details: Value,
}

/// The fuzzer and the service that it asks.
pub(super) struct Fuzzer<'a> {
    pub(super) context: &'a Context,
    pub(super) program: &'a Path,
    pub(super) plan: &'a Plan,
    pub(super) people: People,
    /// The operation that ends an account.
    pub(super) ending: Option<String>,
    pub(super) scratch: &'a Path,
}

impl Fuzzer<'_> {
    /// Asks all operations of a document, or one; why nothing can be said, where it came to no end.
    pub(super) fn fuzz(
        &self,
        document: &Document,
        only: Option<&str>,
    ) -> Result<Result<Fuzzed, String>> {
        let folder = tempfile::tempdir_in(self.scratch)?;
        let [openapi, hooks, plan, notes, report] =
            ["openapi.json", "hooks.py", "fuzz.json", "notes.json", "report.json"]
                .map(|name| folder.path().join(name));
        write_atomically(&openapi, document.0.to_string().as_bytes())?;
        write_atomically(&hooks, HOOKS.as_bytes())?;
        let asked = json!({
            "address": self.plan.environment.client_address,
            "people": self.people,
            "ending": self.ending,
            "notes": notes,
        });
        runners::write_private(&plan, asked.to_string().as_bytes())?;
        let mut command = Command::new(self.program);
        command
            .current_dir(folder.path())
            .arg("run")
            .arg(&openapi)
            .args(["--url", &self.plan.url, "--checks", CHECKS, "--max-examples", EXAMPLES])
            .args(["--seed", "1", "--workers", "1", "--no-color", "--continue-on-failure"])
            .args([
                "--generation-database",
                "none",
                "--output-sanitize",
                "true",
                "--warnings",
                "off",
            ])
            .args(["--report", "json", "--report-json-path"])
            .arg(&report)
            .env("SCHEMATHESIS_HOOKS", &hooks)
            .env("PROOFLINE_FUZZ_PLAN", &plan);
        if let Some(authority) = &self.plan.authority {
            command.arg("--tls-verify").arg(self.context.root.join(authority));
        }
        if let Some(name) = only {
            command.args(["--include-name", name, "--phases", "coverage"]);
        }
        let said = said::call(self.context, &mut command, None)?;
        let read = |path: &Path| std::fs::read(path).ok();
        let report = read(&report).and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let notes = read(&notes).and_then(|text| serde_json::from_slice(&text).ok());
        let (Some(report), Some(notes)) = (report, notes) else {
            return Ok(Err(format!("schemathesis came to no end: {}", said.last_lines(LINES))));
        };
        let errors = report["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        if report["complete"] != true || !errors.is_empty() {
            let titles: Vec<&str> =
                errors.iter().filter_map(|error| error["title"].as_str()).collect();
            let why = format!(
                "schemathesis did not ask everything ({}): {}",
                titles.join(", "),
                said.last_lines(LINES)
            );
            return Ok(Err(why));
        }
        let wrong = wrong(&report, &said.stdout);
        Ok(Ok(Fuzzed { notes, wrong, details: super::details(&report) }))
    }
}

/// What is wrong with each operation: by the report, in the words that were printed where they are there.
fn wrong(report: &Value, printed: &str) -> BTreeMap<String, String> {
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for failure in report["failures"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let title = failure["title"].as_str().unwrap_or("a failure without a title");
        for name in failure["operations"].as_array().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            let words = words(printed, name, title).unwrap_or_else(|| title.to_owned());
            let text = wrong.entry(name.to_owned()).or_default();
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&words);
        }
    }
    wrong
}

/// The lines below the title of a failure of an operation. What was answered is left out: it may hold a token.
fn words(printed: &str, name: &str, title: &str) -> Option<String> {
    let section = printed
        .lines()
        .skip_while(|line| !(line.starts_with("___") && line.trim_matches(['_', ' ']) == name))
        .skip(1)
        .take_while(|line| !line.starts_with("___") && !line.starts_with("==="));
    let from =
        section.skip_while(|line| !(line.starts_with("- ") && line.ends_with(title))).skip(1);
    let said = from
        .map(str::trim)
        .take_while(|line| {
            !["[", "Reproduce with", "- ", "Value:"].iter().any(|end| line.starts_with(end))
        })
        .filter(|line| !line.is_empty())
        .take(LINES);
    let said: Vec<&str> = said.collect();
    (!said.is_empty()).then(|| format!("{title}: {}", said.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
=================================== FAILURES ===================================
_____________________________ POST /api/v1/uploads _____________________________
1. Test Case ID: 2vSUnt

- ST109 JSON deserialization error

    Response must be valid JSON

- ST103 Undocumented status code

    Received: 200
    Documented: 418

[200] OK:

    `{\"token\":\"abc\"}`

_____________________________ GET /api/v1/uploads ______________________________
1. Test Case ID: 3vSUnt

- ST103 Undocumented status code

    Received: 500
=================================== SUMMARY ====================================
";

    #[test]
    fn what_is_wrong_is_told_in_the_words_that_were_printed_without_the_answer() {
        let failure = |title: &str, of: &[&str]| json!({"title": title, "operations": of});
        let report = json!({"failures": [
            failure("Undocumented status code", &["POST /api/v1/uploads", "GET /api/v1/uploads"]),
            failure("JSON deserialization error", &["POST /api/v1/uploads"]),
            failure("Server error", &["GET /health"]),
        ]});
        let found = wrong(&report, PRINTED);
        assert_eq!(
            found["POST /api/v1/uploads"],
            "Undocumented status code: Received: 200 Documented: 418; JSON deserialization error: Response must be \
             valid JSON"
        );
        assert_eq!(found["GET /api/v1/uploads"], "Undocumented status code: Received: 500");
        // What was not printed is not lost.
        assert_eq!(found["GET /health"], "Server error");
        assert!(!found.values().any(|text| text.contains("abc")));
    }
}
