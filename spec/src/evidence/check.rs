//! What one check did and saw.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answers, LoadEvidence, Measurement};
use crate::document::ProbeName;

/// Which machinery runs a check.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// A feature of the catalogue.
    Feature,
    /// A load test.
    Load,
    /// A measurement inside the process.
    Probe,
    /// Something computed from the spec.
    Derived,
}

impl CheckKind {
    /// The name in ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Load => "load",
            Self::Probe => "probe",
            Self::Derived => "derived",
        }
    }
}

/// Name of a check, such as `feature/security/jwt` or `load/steady-200-per-s`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId {
    /// Which machinery runs it.
    pub kind: CheckKind,
    /// Its name there.
    pub name: String,
}

impl CheckId {
    /// The check of that kind and name.
    pub fn new(kind: CheckKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The name of its evidence document, without folders: `feature-security-jwt.json`.
    pub fn file_name(&self) -> String {
        format!("{}.json", self.to_string().replace('/', "-"))
    }

    /// Whether it is time that decides, so that what else runs on the machine may, too.
    pub fn measures_time(&self) -> bool {
        self.kind == CheckKind::Load
            || self.kind == CheckKind::Probe && self.name == ProbeName::ConstantTime.name()
    }
}

crate::unit::text_unit!(
    CheckId,
    "the name of a check such as `feature/security/jwt`",
    r"^(feature|load|probe|derived)/[a-z0-9][a-z0-9/.-]*$",
    "The name of a check, such as `feature/security/jwt`."
);

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.name)
    }
}

impl FromStr for CheckId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) =
            text.split_once('/').ok_or_else(|| format!("`{text}` is not the name of a check"))?;
        let kind = [CheckKind::Feature, CheckKind::Load, CheckKind::Probe, CheckKind::Derived]
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| format!("`{kind}` is not a kind of check"))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// How a check ended. "The service is wrong" and "we could not find out" are different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Everything that was checked holds, and everything that was planned was checked.
    Passed,
    /// Something that was checked does not hold.
    Failed,
    /// It was not run, for this reason.
    NotRun(String),
    /// It ran, but what it saw decides nothing, for this reason.
    Inconclusive(String),
}

impl CheckOutcome {
    /// The name in a word or two.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun(_) => "not run",
            Self::Inconclusive(_) => "inconclusive",
        }
    }
}

/// What one check did and saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckEvidence {
    /// The run that it is of, which whoever ends the run fills in; absent in runs of the manifest's first form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The check.
    pub check: CheckId,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What happened, in one line; the first failure if there is one.
    pub summary: String,
    /// When it began (RFC 3339, UTC).
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Scenarios that were planned; each is in `scenarios`.
    pub planned: u32,
    /// Scenarios that ran.
    pub executed: u32,
    /// The scenarios of a feature.
    #[serde(default)]
    pub scenarios: Vec<ScenarioEvidence>,
    /// What a load test measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadEvidence>,
    /// Figures and formulas of a probe or a derivation, as its own JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

impl CheckEvidence {
    /// What in the document speaks against what it says of itself; nothing in one that a check wrote.
    pub fn contradiction(&self) -> Option<String> {
        for scenario in &self.scenarios {
            let step = scenario.steps.iter().find(|step| step.passed == Some(false));
            if let (ScenarioOutcome::Passed, Some(step)) = (&scenario.outcome, step) {
                return Some(format!(
                    "`{}` passed, and its step `{}` failed",
                    scenario.name, step.text
                ));
            }
        }
        if let Some(wrong) = self.load.as_ref().and_then(LoadEvidence::contradiction) {
            return Some(wrong);
        }
        if self.check.kind == CheckKind::Feature
            && let Some(wrong) = self.miscounted()
        {
            return Some(wrong);
        }
        if self.outcome != CheckOutcome::Passed {
            return None;
        }
        let broken =
            self.load.iter().flat_map(|load| &load.measurements).find(|found| !found.holds);
        if let Some(found) = broken {
            let Measurement { metric, text, threshold, .. } = found;
            return Some(format!("it passed, and {metric} is {text}, not {threshold}"));
        }
        let of = |matches: fn(&ScenarioOutcome) -> bool| {
            self.scenarios.iter().find(|scenario| matches(&scenario.outcome))
        };
        let bad = |outcome: &ScenarioOutcome| {
            matches!(outcome, ScenarioOutcome::Failed(_) | ScenarioOutcome::Broken(_))
        };
        if let Some(scenario) = of(bad) {
            let how = scenario.outcome.name();
            return Some(format!("it passed, and `{}` is {how}", scenario.name));
        }
        let passed = of(|outcome| *outcome == ScenarioOutcome::Passed);
        if self.check.kind == CheckKind::Feature && self.executed > 0 && passed.is_none() {
            return Some("it passed, and no scenario of it did".to_owned());
        }
        (self.executed > self.planned)
            .then(|| format!("{} of it was planned, and {} executed", self.planned, self.executed))
    }

    /// What its scenarios say otherwise than the whole: a feature that ran writes each of them down, once.
    fn miscounted(&self) -> Option<String> {
        let there = u32::try_from(self.scenarios.len()).unwrap_or(u32::MAX);
        if there != self.planned {
            return Some(format!("{} scenarios were planned, and {there} are there", self.planned));
        }
        let of = |ended: fn(&ScenarioOutcome) -> bool| {
            self.scenarios.iter().filter(move |scenario| ended(&scenario.outcome))
        };
        let ran = of(|o| matches!(o, ScenarioOutcome::Passed | ScenarioOutcome::Failed(_))).count();
        if u32::try_from(ran).unwrap_or(u32::MAX) > self.executed {
            return Some(format!("{ran} scenarios ended, and {} are told as run", self.executed));
        }
        let failed = of(|outcome| matches!(outcome, ScenarioOutcome::Failed(_))).next();
        match failed {
            Some(failed) if self.outcome != CheckOutcome::Failed => {
                return Some(format!("`{}` failed, and the check did not", failed.name));
            }
            None if self.outcome == CheckOutcome::Failed => {
                return Some("it failed, and no scenario of it did".to_owned());
            }
            _ => {}
        }
        let mut places = BTreeSet::new();
        if let Some(twice) = self.scenarios.iter().find(|one| !places.insert(one.place.as_str())) {
            return Some(format!("`{}` is there twice", twice.name));
        }
        // Each is rounded for itself.
        let longest = self.duration_ms.saturating_add(ROUNDED_MS);
        self.scenarios.iter().find_map(|one| {
            if one.duration_ms > longest {
                let (name, took) = (&one.name, one.duration_ms);
                return Some(format!("`{name}` took {took} ms, all of it {} ms", self.duration_ms));
            }
            let kept = one.exchanges.len() as u64;
            (kept > one.requests).then(|| {
                format!("`{}` sent {} requests, and {kept} are kept", one.name, one.requests)
            })
        })
    }
}

/// What two clocks that are read one after the other may differ by.
const ROUNDED_MS: u64 = 1_000;

/// What one scenario did and saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioEvidence {
    /// Its name.
    pub name: String,
    /// The feature file and line.
    pub place: String,
    /// How it ended.
    pub outcome: ScenarioOutcome,
    /// Its steps, in order.
    #[serde(default)]
    pub steps: Vec<StepEvidence>,
    /// Requests and answers, redacted; the last ones when there are many.
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
    /// All answers, in the form in which environments are compared.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// Parts of the spec that it looked at which its answers do not tell: `bindings/DB`, and `asked/PUT /files 413` for
    /// a request whose answer is not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// How many requests were sent in all.
    #[serde(default)]
    pub requests: u64,
    /// How many more the service counted on demand, without their being sent, to use a large limit up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub counted: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioOutcome {
    /// Every step holds.
    Passed,
    /// A step does not hold: the service is wrong.
    Failed(String),
    /// A step could not be carried out: nothing is known about the service.
    Broken(String),
    /// It was left out, for this reason; the check is not complete without it.
    LeftOut(String),
    /// The spec or the environment has nothing that it could apply to, for this reason.
    NotApplicable(String),
}

impl ScenarioOutcome {
    /// The name in a word or two.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Broken(_) => "broken",
            Self::LeftOut(_) => "left out",
            Self::NotApplicable(_) => "not applicable",
        }
    }

    /// Why it is not passed, where it is not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(reason)
            | Self::Broken(reason)
            | Self::LeftOut(reason)
            | Self::NotApplicable(reason) => Some(reason),
        }
    }
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEvidence {
    /// `Given`, `When` or `Then`, and the text.
    pub text: String,
    /// Whether it holds; absent when it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// What was seen, or what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A request and its answer, redacted, bodies capped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The request line and headers.
    pub request: String,
    /// The request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// The status line and headers, or why there is no answer.
    pub response: String,
    /// The answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// A command line that repeats the request; secrets are shell variables.
    pub curl: String,
    /// How long the answer took, in microseconds.
    pub duration_us: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn evidence(outcome: &str, scenario: &Value, step: bool) -> CheckEvidence {
        let evidence = json!({
            "check": "feature/security/jwt", "outcome": outcome, "summary": "", "started_at": "", "duration_ms": 1,
            "planned": 1, "executed": 1, "scenarios": [{
                "name": "Signed", "place": "", "outcome": scenario, "duration_ms": 1,
                "steps": [{"text": "Then it is refused", "passed": step}],
            }],
        });
        serde_json::from_value(evidence).unwrap()
    }

    #[test]
    fn what_passed_has_nothing_in_it_that_did_not() {
        assert_eq!(evidence("passed", &json!("passed"), true).contradiction(), None);
        assert_eq!(evidence("failed", &json!({"failed": "why"}), false).contradiction(), None);
        let wrong = [
            evidence("passed", &json!("passed"), false),
            evidence("passed", &json!({"failed": "why"}), false),
            evidence("passed", &json!({"broken": "why"}), true),
            evidence("passed", &json!({"not_applicable": "why"}), true),
            CheckEvidence { scenarios: Vec::new(), ..evidence("passed", &json!("passed"), true) },
            CheckEvidence { executed: 2, ..evidence("passed", &json!("passed"), true) },
            CheckEvidence { planned: 2, ..evidence("passed", &json!("passed"), true) },
            CheckEvidence { planned: 0, executed: 0, ..evidence("passed", &json!("passed"), true) },
            CheckEvidence { executed: 0, ..evidence("passed", &json!("passed"), true) },
            evidence("failed", &json!("passed"), true),
            CheckEvidence {
                outcome: CheckOutcome::Inconclusive("why".to_owned()),
                ..evidence("failed", &json!({"failed": "why"}), false)
            },
        ];
        for evidence in wrong {
            assert!(evidence.contradiction().is_some(), "{evidence:?}");
        }
    }

    #[test]
    fn scenario_is_there_once_and_not_longer_than_all_and_with_what_it_sent() {
        let changes: [fn(&mut CheckEvidence); 3] = [
            |check| {
                check.scenarios.push(check.scenarios[0].clone());
                (check.planned, check.executed) = (2, 2);
            },
            |check| check.scenarios[0].duration_ms = 90_000,
            |check| {
                let exchange =
                    json!({"request": "GET /", "response": "200", "curl": "", "duration_us": 1});
                check.scenarios[0].exchanges.push(serde_json::from_value(exchange).unwrap());
            },
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut other = evidence("passed", &json!("passed"), true);
            change(&mut other);
            assert!(other.contradiction().is_some(), "{at}");
        }
    }
}
