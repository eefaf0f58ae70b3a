//! Whether answers to requests that somebody else's program makes up are what the OpenAPI document declares: a fuzzer
//! that was not written here (schemathesis), as somebody who is logged in.

mod document;
mod fuzzer;

use std::collections::BTreeMap;

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, Plan, ScenarioEvidence};
use serde_json::{Value, json};

use super::probe::{self, Probe};
use super::runners;
use super::workspace::LoadedService;
use crate::context::Context;
use crate::suite::tool::{self, SCHEMATHESIS};
use document::Document;
use fuzzer::{Fuzzed, Fuzzer, Note, People};

/// How many accounts ask: so many that limits of each leave room.
const PEOPLE: &str = "9";

/// Has the fuzzer ask the service of a plan; runners get `secrets` by environment variable.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    plan: &Plan,
    secrets: &BTreeMap<String, String>,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Fuzz);
    let Some(program) = tool::find(context, SCHEMATHESIS) else {
        let why = format!("schemathesis is not installed: {}", SCHEMATHESIS.install);
        return Ok(probe.undecided(why, 1));
    };
    let place = format!("runtime/services/{}/deploy/openapi.json", service.folder);
    let Some(document) = Document::read(&context.root.join(&place))? else {
        return Ok(probe.undecided(format!("there is no {place}"), 1));
    };
    let planned = document.operations().count();
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let plan_file = scratch.path().join("plan.json");
    runners::write_private(&plan_file, serde_json::to_string(plan)?.as_bytes())?;
    let accounts = service.service.accounts.as_ref();
    let people = if accounts.is_some() && document.guarded_operations().next().is_some() {
        match runners::ask(context, &["accounts", "--count", PEOPLE], &plan_file, secrets) {
            Ok(made) => serde_json::from_value(made)?,
            Err(error) => {
                let why = format!("nobody could be logged in: {error:#}");
                return Ok(probe.undecided(why, planned));
            }
        }
    } else {
        People::default()
    };
    let ending = accounts.and_then(|accounts| accounts.remove.as_ref());
    let fuzzer = Fuzzer {
        context,
        program: &program,
        plan,
        people,
        ending: ending.map(|remove| remove.route.to_string()),
        scratch: scratch.path(),
    };
    let found = match fuzzer.fuzz(&document, None)? {
        Ok(found) => found,
        Err(why) => return Ok(probe.undecided(why, planned)),
    };
    if let Some(why) = nobody(&document, &found.notes) {
        return Ok(probe.undecided(why, planned));
    }
    let mut scenarios: Vec<ScenarioEvidence> = document
        .operations()
        .filter_map(|name| Some(scenario(&place, &name, found.notes.get(&name)?, &found)))
        .collect();
    let Some(control) = control(&fuzzer, &document, &found.notes, &place)? else {
        let why = "no operation answered what the document declares of it, so that the fuzzer could \
                   not be shown to see a difference";
        return Ok(probe.undecided(why, planned));
    };
    scenarios.push(control);
    let judged = judge(&scenarios, &found);
    let asked = scenarios.len() - 1;
    Ok(probe.end(judged, (planned, asked), scenarios, Some(found.details)))
}

/// Why what was asked shows nothing: who is refused everywhere sees no answer worth comparing.
fn nobody(document: &Document, notes: &BTreeMap<String, Note>) -> Option<String> {
    let is_answered = |name: String| notes.get(&name).is_some_and(Note::is_answered);
    let mut guarded = document.guarded_operations().peekable();
    guarded.peek()?;
    (!guarded.any(is_answered))
        .then(|| "no request of somebody who is logged in was answered with success".to_owned())
}

fn scenario(place: &str, name: &str, note: &Note, found: &Fuzzed) -> ScenarioEvidence {
    let statuses: Vec<String> =
        note.statuses.iter().map(|(status, count)| format!("{status} ({count})")).collect();
    let asked = probe::step(
        format!("When {} are made up from what the document says", counted_requests(note)),
        true,
        None,
    );
    let wrong = found.wrong.get(name);
    let seen = wrong.cloned().unwrap_or_else(|| statuses.join(", "));
    let declared =
        "Then each answer is one that the document declares, and is accepted or refused as it says";
    let steps = vec![asked, probe::step(declared, wrong.is_none(), Some(seen))];
    ScenarioEvidence {
        requests: note.requests,
        about: note.statuses.keys().map(|status| format!("asked/{name} {status}")).collect(),
        ..probe::scenario(name.to_owned(), place.to_owned(), steps)
    }
}

fn counted_requests(note: &Note) -> String {
    counted(usize::try_from(note.requests).unwrap_or(usize::MAX), "request")
}

/// The same fuzzer with documents that say otherwise of one operation; nothing where no operation can be used.
fn control(
    fuzzer: &Fuzzer<'_>,
    document: &Document,
    notes: &BTreeMap<String, Note>,
    place: &str,
) -> Result<Option<ScenarioEvidence>> {
    let answered = |name: &String| notes.get(name).is_some_and(Note::is_answered);
    let Some(name) = document.plain_operations().find(answered) else { return Ok(None) };
    let mut steps = Vec::new();
    for (what, doctored) in document.doctored(&name) {
        let seen = match fuzzer.fuzz(&doctored, Some(&name))? {
            Ok(found) => found.wrong.get(&name).cloned().ok_or_else(|| "nothing".to_owned()),
            Err(why) => Err(why),
        };
        let (holds, seen) = match seen {
            Ok(seen) => (true, seen),
            Err(seen) => (false, seen),
        };
        let text = format!("When the document declares {what} of {name}, then it is found out");
        steps.push(probe::step(text, holds, Some(seen)));
    }
    Ok(Some(probe::scenario("Documents that say otherwise".to_owned(), place.to_owned(), steps)))
}

fn judge(scenarios: &[ScenarioEvidence], found: &Fuzzed) -> (CheckOutcome, String) {
    let requests: u64 = found.notes.values().map(|note| note.requests).sum();
    let asked = counted(usize::try_from(requests).unwrap_or(usize::MAX), "request");
    let text = format!("{asked} to {}", counted(found.notes.len(), "operation"));
    match probe::first_failure(scenarios) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (CheckOutcome::Passed, format!("{text}: every answer is declared")),
    }
}

/// What is kept of a report of the fuzzer's.
fn details(report: &Value) -> Value {
    let of = |name: &str| report[name].clone();
    json!({
        "schemathesis": of("schemathesis_version"),
        "seed": of("seed"),
        "operations": of("operations"),
        "test_cases": of("test_cases"),
        "phases": of("phases"),
        "failures": of("failures"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_everywhere_shows_nothing() {
        let of = |security: Value| {
            Document(json!({"paths": {"/me": {"get": {"security": security, "responses": {}}}}}))
        };
        let notes = |status: &str| {
            let note = json!({"requests": 1, "statuses": {status: 1}});
            BTreeMap::from([("GET /me".to_owned(), serde_json::from_value(note).unwrap())])
        };
        let guarded = of(json!([{"session": []}]));
        assert!(
            nobody(&guarded, &notes("401")).is_some() && nobody(&guarded, &notes("500")).is_some()
        );
        assert_eq!(nobody(&guarded, &notes("200")), None);
        assert_eq!(nobody(&of(json!([])), &notes("404")), None);
    }
}
