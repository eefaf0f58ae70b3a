//! Compares what two environments answered to the same requests, and what the spec says about differences.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AnswerForm, Answers, CheckEvidence, CheckId, ScenarioEvidence, ScenarioOutcome};
use crate::document::{Difference, Target};

/// Values in the table end here.
const LONGEST: usize = 160;

/// The evidence of one environment.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// What it runs on.
    pub target: Target,
    /// The run.
    pub run: &'a str,
    /// Its evidence.
    pub checks: &'a BTreeMap<CheckId, CheckEvidence>,
}

/// What two environments have in common, and where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parity {
    /// Names of the two environments.
    pub environments: [String; 2],
    /// Their runs.
    pub runs: [String; 2],
    /// Scenarios whose answers were compared.
    pub scenarios: usize,
    /// Different requests whose answers were compared.
    pub requests: usize,
    /// Where they differ, the undeclared first.
    pub deviations: Vec<Deviation>,
    /// Declared differences that were not seen.
    pub unseen: Vec<String>,
}

impl Parity {
    /// Deviations that the spec does not declare.
    pub fn undeclared(&self) -> impl Iterator<Item = &Deviation> {
        self.deviations.iter().filter(|deviation| deviation.because.is_none())
    }
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// A scenario ran in one environment only, or ended otherwise.
    Scenario,
    /// A request was sent, or answered like this, in one environment only.
    Request,
    /// The status.
    Status,
    /// The type of the problem.
    Problem,
    /// A header.
    Header,
    /// The body.
    Body,
}

/// A place where answers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// What differs.
    pub part: Part,
    /// Which header, which place of the body, which scenario; empty for a status.
    pub name: String,
    /// What each environment has.
    pub values: [String; 2],
    /// In how many answers.
    pub times: usize,
    /// The feature of the first of them.
    pub feature: String,
    /// Its scenario and its request.
    pub example: String,
    /// Why the spec accepts it; absent when it does not.
    pub because: Option<String>,
}

/// Compares every scenario that both environments have; `declared` is what the spec accepts.
pub fn compare(sides: [Side<'_>; 2], declared: &[Difference]) -> Parity {
    let mut table =
        Table { found: BTreeMap::new(), sides, declared, seen: vec![false; declared.len()] };
    let (mut scenarios, mut requests) = (0, 0);
    for (check, evidence) in sides[0].checks {
        let Some(other) = sides[1].checks.get(check) else { continue };
        for scenario in &evidence.scenarios {
            let Some(twin) = other.scenarios.iter().find(|s| s.name == scenario.name) else {
                continue;
            };
            if ran(scenario) && ran(twin) {
                scenarios += 1;
                requests += table.scenario(&check.name, [scenario, twin]);
            }
            let values = [scenario, twin].map(end);
            if ran(scenario) != ran(twin) || ran(scenario) && values[0] != values[1] {
                table.add(Part::Scenario, &scenario.name, values, &check.name, &scenario.name);
            }
        }
    }
    table.finish(scenarios, requests)
}

fn ran(scenario: &ScenarioEvidence) -> bool {
    matches!(
        scenario.outcome,
        ScenarioOutcome::Passed | ScenarioOutcome::Failed(_) | ScenarioOutcome::Broken(_)
    )
}

/// How a scenario ended.
fn end(scenario: &ScenarioEvidence) -> String {
    match &scenario.outcome {
        ScenarioOutcome::Passed => "passed".to_owned(),
        ScenarioOutcome::Failed(_) => "failed".to_owned(),
        ScenarioOutcome::Broken(_) => "broken".to_owned(),
        ScenarioOutcome::LeftOut(why) => format!("left out: {why}"),
        ScenarioOutcome::NotApplicable(why) => format!("not applicable: {why}"),
    }
}

type Key = (Option<String>, Part, String, [String; 2]);

struct Table<'a> {
    found: BTreeMap<Key, Deviation>,
    sides: [Side<'a>; 2],
    declared: &'a [Difference],
    seen: Vec<bool>,
}

impl Table<'_> {
    /// Compares the answers of a scenario; how many different requests there were.
    fn scenario(&mut self, feature: &str, twins: [&ScenarioEvidence; 2]) -> usize {
        let [base, other] = twins.map(|scenario| &scenario.answers);
        let mut compared = 0;
        for asked in &base.asked {
            let place = format!("{}: {}", twins[0].name, line(&asked.request));
            match other.asked.iter().find(|twin| twin.request == asked.request) {
                Some(twin) => {
                    compared += 1;
                    let forms = [pick(base, &asked.answers), pick(other, &twin.answers)];
                    self.answers(feature, &place, forms);
                }
                None => self.lone(feature, &place, 0, &asked.request),
            }
        }
        for asked in &other.asked {
            if !base.asked.iter().any(|twin| twin.request == asked.request) {
                let place = format!("{}: {}", twins[1].name, line(&asked.request));
                self.lone(feature, &place, 1, &asked.request);
            }
        }
        compared
    }

    /// A request that only one environment was sent.
    fn lone(&mut self, feature: &str, place: &str, at: usize, request: &str) {
        let mut values = ["not sent".to_owned(), "not sent".to_owned()];
        "sent".clone_into(&mut values[at]);
        self.add(Part::Request, &line(request), values, feature, place);
    }

    /// Pairs the answers to one request, each with the one that is most alike, and compares the pairs.
    fn answers(&mut self, feature: &str, place: &str, forms: [Vec<&AnswerForm>; 2]) {
        let [base, other] = forms;
        let mut left: Vec<&AnswerForm> =
            other.iter().filter(|form| !base.contains(form)).copied().collect();
        for form in base.iter().filter(|form| !other.contains(form)) {
            let alike = (0..left.len()).min_by_key(|at| distance(form, left[*at]));
            let Some(at) = alike else {
                let values = [name_of(form), "no such answer".to_owned()];
                self.add(Part::Request, &head(place), values, feature, place);
                continue;
            };
            for (part, name, values) in differences(form, left.swap_remove(at)) {
                self.add(part, &name, values, feature, place);
            }
        }
        for form in left {
            let values = ["no such answer".to_owned(), name_of(form)];
            self.add(Part::Request, &head(place), values, feature, place);
        }
    }

    fn add(&mut self, part: Part, name: &str, values: [String; 2], feature: &str, place: &str) {
        let because = self.accepted(part, name, &values, feature, place);
        let values = values.map(|text| cut(&text));
        let key = (because.clone(), part, name.to_owned(), values.clone());
        let deviation = self.found.entry(key).or_insert_with(|| Deviation {
            part,
            name: name.to_owned(),
            values,
            times: 0,
            feature: feature.to_owned(),
            example: cut(place),
            because,
        });
        deviation.times += 1;
    }

    /// Why the spec accepts it, if it does.
    fn accepted(
        &mut self,
        part: Part,
        name: &str,
        values: &[String; 2],
        feature: &str,
        place: &str,
    ) -> Option<String> {
        let targets = self.sides.map(|side| side.target);
        let declared = self.declared;
        for (at, difference) in declared.iter().enumerate() {
            let on = targets.iter().position(|target| *target == difference.on);
            let Some(on) = on.filter(|_| targets[0] != targets[1]) else { continue };
            let here = difference.feature.as_deref().is_none_or(|known| known == feature);
            if here && covers(difference, part, name, place, [&values[on], &values[1 - on]]) {
                self.seen[at] = true;
                return Some(difference.because.clone());
            }
        }
        None
    }

    fn finish(self, scenarios: usize, requests: usize) -> Parity {
        let targets = self.sides.map(|side| side.target);
        let unseen = self.declared.iter().zip(&self.seen);
        // What concerns another target could not be seen here.
        let unseen = unseen.filter(|(d, seen)| !**seen && targets.contains(&d.on));
        let unseen = unseen.map(|(difference, _)| difference.because.clone()).collect();
        Parity {
            environments: self.sides.map(|side| side.environment.to_owned()),
            runs: self.sides.map(|side| side.run.to_owned()),
            scenarios,
            requests,
            deviations: self.found.into_values().collect(),
            unseen,
        }
    }
}

/// Whether a declared difference is this one; `values` are those of its target and of the other side.
fn covers(
    difference: &Difference,
    part: Part,
    name: &str,
    place: &str,
    values: [&String; 2],
) -> bool {
    let is = |given: &Option<String>| given.as_deref() == Some(name);
    let starts = |text: &str| difference.request.as_deref().map(|start| text.starts_with(start));
    let has_status = |value: &str| {
        difference.status.is_some_and(|status| value.split(' ').next() == Some(&status.to_string()))
    };
    match part {
        Part::Scenario => is(&difference.scenario),
        Part::Request => {
            let status =
                difference.status.is_none() || values.iter().any(|value| has_status(value));
            status && starts(name) == Some(true)
        }
        Part::Status => has_status(values[0]) && starts(&head(place)) != Some(false),
        Part::Header => {
            difference.header.as_deref().is_some_and(|given| given.eq_ignore_ascii_case(name))
        }
        Part::Problem => difference.body.as_deref() == Some("/type"),
        Part::Body => difference
            .body
            .as_deref()
            .is_some_and(|place| name == place || name.starts_with(&format!("{place}/"))),
    }
}

fn pick<'a>(answers: &'a Answers, positions: &[usize]) -> Vec<&'a AnswerForm> {
    positions.iter().filter_map(|at| answers.forms.get(*at)).collect()
}

fn line(request: &str) -> String {
    request.lines().next().unwrap_or_default().to_owned()
}

/// The request of a place: what stands behind the scenario's name.
fn head(place: &str) -> String {
    place.split_once(": ").map_or(place, |(_, request)| request).to_owned()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn problem(form: &AnswerForm) -> Option<&str> {
    form.body.as_ref()?.get("type")?.as_str()
}

fn name_of(form: &AnswerForm) -> String {
    match problem(form) {
        _ if form.status == 0 => "no answer".to_owned(),
        None => form.status.to_string(),
        Some(problem) => format!("{} {problem}", form.status),
    }
}

fn distance(base: &AnswerForm, other: &AnswerForm) -> (bool, bool, usize) {
    let count = differences(base, other).len();
    (base.status != other.status, problem(base) != problem(other), count)
}

/// Everything in which two answers differ; what follows from another status or problem is not told again.
fn differences(base: &AnswerForm, other: &AnswerForm) -> Vec<(Part, String, [String; 2])> {
    if base.status != other.status {
        return vec![(Part::Status, String::new(), [name_of(base), name_of(other)])];
    }
    let mut found = Vec::new();
    let missing = || "missing".to_owned();
    let names = base.headers.keys().chain(other.headers.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let values = [base, other].map(|form| form.headers.get(name).cloned());
        if values[0] != values[1] {
            let values = values.map(|value| value.unwrap_or_else(missing));
            found.push((Part::Header, name.clone(), values));
        }
    }
    if problem(base) != problem(other) {
        let values = [base, other].map(|form| problem(form).map_or_else(missing, str::to_owned));
        found.push((Part::Problem, String::new(), values));
        return found;
    }
    let empty = Value::Null;
    let bodies = [base, other].map(|form| form.body.as_ref().unwrap_or(&empty));
    in_body(String::new(), bodies, &mut found);
    found
}

fn in_body(place: String, values: [&Value; 2], found: &mut Vec<(Part, String, [String; 2])>) {
    if values[0] == values[1] {
        return;
    }
    let missing = Value::String("missing".to_owned());
    match values {
        [Value::Object(base), Value::Object(other)] => {
            for name in base.keys().chain(other.keys().filter(|name| !base.contains_key(*name))) {
                let members = [base, other].map(|object| object.get(name).unwrap_or(&missing));
                in_body(format!("{place}/{name}"), members, found);
            }
        }
        [Value::Array(base), Value::Array(other)] if base.len() == other.len() => {
            for (at, pair) in base.iter().zip(other).enumerate() {
                in_body(format!("{place}/{at}"), [pair.0, pair.1], found);
            }
        }
        [base, other] => found.push((Part::Body, place, [base.to_string(), other.to_string()])),
    }
}

#[cfg(test)]
#[path = "parity_tests.rs"]
mod tests;
