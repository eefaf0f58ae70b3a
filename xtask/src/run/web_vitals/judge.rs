//! What a browser's page reported, judged by what the spec declares and by what the browser itself saw.

use std::collections::{BTreeMap, BTreeSet};

use proofline_spec::document::{VitalField, VitalsReport};
use proofline_spec::evidence::{ScenarioEvidence, StepEvidence};
use serde_json::{Value, json};

use super::{Case, Page, Seen, Sent};
use crate::run::probe;

/// How far what was reported may be from what the browser told, in milliseconds or the score of shifts: nothing but the
/// way in which numbers are written.
const ROUNDING: f64 = 1e-6;

/// What is declared, by which reports are judged.
pub(super) struct Judge<'a> {
    pub(super) report: &'a VitalsReport<'a>,
    /// The status with which a report is accepted.
    pub(super) accepted: u16,
}

impl Judge<'_> {
    /// What came of one page.
    pub(super) fn scenario(&self, page: &Page, seen: &Seen) -> ScenarioEvidence {
        let found = seen.cases.iter().find(|case| case.name == page.name);
        let steps = match found {
            None => vec![probe::step(
                format!("When {} is opened", page.path),
                false,
                Some("the browser did not open it".to_owned()),
            )],
            Some(case) if page.empty => vec![loaded(case), silent(case)],
            Some(case) => self.steps(page, case),
        };
        // The way to the script, the script, and what was reported.
        let requests =
            found.map_or(0, |case| 2 + case.sent.len() + usize::from(case.changed.is_some()));
        let requests = u64::try_from(requests).unwrap_or(u64::MAX);
        let scenario =
            probe::scenario(page.name.to_owned(), "op.asset.web_vitals".to_owned(), steps);
        ScenarioEvidence { requests, ..scenario }
    }

    fn steps(&self, page: &Page, case: &Case) -> Vec<StepEvidence> {
        let mut steps = vec![loaded(case), used(case), self.taken(case)];
        let mut reported: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut wrong = Vec::new();
        for sent in &case.sent {
            match self.items(sent, page.path) {
                Ok(items) => {
                    for (name, value) in items {
                        reported.entry(name).or_default().push(value);
                    }
                }
                Err(why) => wrong.push(why),
            }
        }
        let is_right = wrong.is_empty() && !case.sent.is_empty();
        let said =
            if case.sent.is_empty() { "nothing was sent".to_owned() } else { wrong.join("; ") };
        steps.push(probe::step(
            "Then each report has the members that the spec declares, and no more than it takes",
            is_right,
            Some(if is_right { format!("{} reports", case.sent.len()) } else { said }),
        ));
        for metric in self.report.metrics() {
            let values = reported.remove(metric).unwrap_or_default();
            let expected = case.seen.get(metric).and_then(Value::as_f64);
            let holds = matches!((values.as_slice(), expected), ([one], Some(expected)) if (one - expected).abs() <= ROUNDING);
            let expected = expected.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
            let told = format!("reported {values:?}, the browser told {expected}");
            steps.push(probe::step(
                format!("Then {metric} is reported once, as the browser told it"),
                holds,
                Some(told),
            ));
        }
        let more: Vec<&String> = reported.keys().collect();
        steps.push(probe::step(
            "Then nothing else is reported",
            more.is_empty(),
            Some(format!("besides: {more:?}")),
        ));
        let refused = case.changed.is_some_and(|status| (400..500).contains(&status));
        steps.push(probe::step(
            "Then the same report with a member called otherwise is refused",
            refused,
            Some(
                case.changed
                    .map_or("there was none to send".to_owned(), |status| status.to_string()),
            ),
        ));
        steps
    }

    /// Every report is what the service takes, and was taken.
    fn taken(&self, case: &Case) -> StepEvidence {
        let is_json = |sent: &Sent| sent.media_type.split(';').next() == Some("application/json");
        let holds = !case.sent.is_empty()
            && case
                .sent
                .iter()
                .all(|sent| sent.status == self.accepted && sent.method == "POST" && is_json(sent));
        let told: Vec<String> = case
            .sent
            .iter()
            .map(|sent| format!("{} {} {}", sent.method, sent.media_type, sent.status))
            .collect();
        probe::step(
            format!("Then {} answers every report with {}", self.report.route, self.accepted),
            holds,
            Some(told.join(", ")),
        )
    }

    /// The measurements of a report, as the spec declares them; why they are not so.
    fn items(&self, sent: &Sent, page: &str) -> Result<Vec<(String, f64)>, String> {
        let body: Value = serde_json::from_str(&sent.body).map_err(|error| error.to_string())?;
        let items = match self.report.list {
            None => vec![body],
            Some((list, most)) => {
                let members = body.as_object().filter(|members| members.len() == 1);
                let items = members.and_then(|members| members.get(list)?.as_array());
                let items = items.ok_or_else(|| format!("a report is not only a list `{list}`"))?;
                let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
                if count == 0 || count > most {
                    return Err(format!("a report has {count} measurements, of at most {most}"));
                }
                items.clone()
            }
        };
        items.iter().map(|item| self.item(item, page)).collect()
    }

    fn item(&self, item: &Value, page: &str) -> Result<(String, f64), String> {
        let found = item.as_object().ok_or("a measurement is no object")?;
        let members: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        let declared: BTreeSet<&str> = self.report.members.iter().map(|(name, ..)| *name).collect();
        if members != declared {
            return Err(format!("a measurement has {members:?}, not {declared:?}"));
        }
        let (mut name, mut value) = (String::new(), f64::NAN);
        for (member, field, _) in &self.report.members {
            let given = &item[*member];
            match field {
                VitalField::Name => given.as_str().unwrap_or_default().clone_into(&mut name),
                VitalField::Value => value = given.as_f64().unwrap_or(f64::NAN),
                VitalField::Path => {
                    let path = given.as_str().unwrap_or_default();
                    let rest = page.strip_prefix(path.trim_end_matches('/'));
                    if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                        return Err(format!("`{path}` is no beginning of the page's path {page}"));
                    }
                }
            }
        }
        Ok((name, value))
    }
}

fn loaded(case: &Case) -> StepEvidence {
    let holds = case.loaded.as_ref().is_some_and(|script| {
        script.status == 200 && script.bytes > 0 && script.media_type.starts_with("text/javascript")
    });
    let told = case.loaded.as_ref().map_or_else(
        || "the service did not give it".to_owned(),
        |script| format!("{}, {} bytes of {}", script.status, script.bytes, script.media_type),
    );
    probe::step("When the service's script is loaded by a page", holds, Some(told))
}

/// What was to be measured happened.
fn used(case: &Case) -> StepEvidence {
    let shifted = case.seen.get("CLS").and_then(Value::as_f64).is_some_and(|score| score > 0.0);
    let clicked = case.seen.get("INP").and_then(Value::as_f64).is_some_and(|time| time > 0.0);
    let told = format!("the browser told {}", json!(case.seen));
    probe::step("When it moved, was clicked and was left", shifted && clicked, Some(told))
}

/// The control: what a page without the script reports.
fn silent(case: &Case) -> StepEvidence {
    let told = format!("{} reports", case.sent.len());
    probe::step(
        "Then a page with an empty script in its place reports nothing",
        case.sent.is_empty(),
        Some(told),
    )
}

#[cfg(test)]
mod tests {
    use proofline_spec::document::Service;
    use proofline_spec::evidence::ScenarioOutcome;

    use super::super::{Loaded, PAGES, accepted, declared};
    use super::*;

    /// What is wrong, and how a report becomes so.
    type Fault<'a> = (&'a str, &'a dyn Fn(&mut Case));

    const SPEC: &str = r##"{
      "proofline": "v1", "service": {"name": "a", "version": "1.0.0", "summary": "a"}, "targets": [],
      "schemas": {
        "Item": {"type": "object", "required": ["metric", "value", "path"], "properties": {
          "metric": {"enum": ["CLS", "LCP"]}, "value": {"type": "number"}, "path": {"type": "string"}}},
        "Batch": {"type": "object", "properties": {
          "items": {"type": "array", "maxItems": 2, "items": {"$ref": "#/schemas/Item"}}}}
      },
      "routes": {
        "POST /vitals": {"auth": "none", "body": "Batch", "op": {"custom": "x"}, "returns": {"202": "none"}},
        "GET /assets/{d}/v.js": {"auth": "none", "op": {"asset": {"web_vitals": {
          "report_to": "POST /vitals", "fields": {"metric": "name", "value": "value", "path": "path"}}}}}
      }
    }"##;

    fn judged(page: &Page, change: impl Fn(&mut Case)) -> ScenarioOutcome {
        let service: Service = serde_json::from_str(SPEC).unwrap();
        let (_, report) = declared(&service).unwrap();
        let body = json!({"items": [
            {"metric": "CLS", "value": 0.25, "path": "/proofline/pages"},
            {"metric": "LCP", "value": 100.0, "path": "/proofline/pages"},
        ]});
        let sent = Sent {
            method: "POST".to_owned(),
            media_type: "application/json".to_owned(),
            body: body.to_string(),
            status: 202,
        };
        let media_type = "text/javascript; charset=utf-8".to_owned();
        let mut case = Case {
            name: page.name.to_owned(),
            loaded: Some(Loaded { status: 200, media_type, bytes: 1 }),
            seen: serde_json::from_value(json!({"CLS": 0.25, "LCP": 100, "INP": 64})).unwrap(),
            sent: vec![sent],
            changed: Some(422),
        };
        change(&mut case);
        let judge = Judge { accepted: accepted(&service, &report), report: &report };
        judge.scenario(page, &Seen { cases: vec![case] }).outcome
    }

    #[test]
    fn what_was_measured_reported_and_taken_passes() {
        assert_eq!(judged(&PAGES[0], |_| {}), ScenarioOutcome::Passed);
        assert_eq!(judged(&PAGES[2], |case| case.sent.clear()), ScenarioOutcome::Passed);
    }

    #[test]
    fn each_fault_of_the_script_is_found() {
        let body = |case: &mut Case, from: &str, to: &str| {
            assert!(case.sent[0].body.contains(from));
            case.sent[0].body = case.sent[0].body.replace(from, to);
        };
        let faults: [Fault<'_>; 11] = [
            ("an empty script", &|case| case.sent.clear()),
            ("a member called otherwise", &|case| body(case, "metric", "name")),
            ("another value", &|case| body(case, "0.25", "0.2")),
            ("a metric left out", &|case| body(case, "LCP", "CLS")),
            ("a metric that is not declared", &|case| body(case, "LCP", "FID")),
            ("another page", &|case| body(case, "/pages", "/others")),
            ("a part of a segment", &|case| body(case, "/pages", "/pag")),
            ("a refusal", &|case| case.sent[0].status = 422),
            ("another type of content", &|case| case.sent[0].media_type = "text/plain".to_owned()),
            ("everything taken", &|case| case.changed = Some(202)),
            ("no script", &|case| case.loaded = None),
        ];
        for (fault, change) in faults {
            let outcome = judged(&PAGES[0], change);
            assert!(matches!(outcome, ScenarioOutcome::Failed(_)), "{fault}: {outcome:?}");
        }
        // Who reports without the script says nothing about the script.
        assert!(matches!(judged(&PAGES[2], |_| {}), ScenarioOutcome::Failed(_)));
    }

    #[test]
    fn what_is_reported_twice_is_found() {
        let twice = |case: &mut Case| {
            let sent = &case.sent[0];
            let again = Sent {
                method: sent.method.clone(),
                media_type: sent.media_type.clone(),
                body: sent.body.clone(),
                status: sent.status,
            };
            case.sent.push(again);
        };
        assert!(matches!(judged(&PAGES[0], twice), ScenarioOutcome::Failed(_)));
    }
}
