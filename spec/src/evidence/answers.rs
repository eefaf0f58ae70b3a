//! All answers of a scenario in a form that two runs have in common, so that environments can be compared.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every distinct answer of a scenario, without what differs from run to run, and what was asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The distinct answers.
    pub forms: Vec<AnswerForm>,
    /// What was asked, in order of the first time, with the positions of its answers in `forms`.
    pub asked: Vec<Asked>,
}

impl Answers {
    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Adds an answer to a request, unless the same is known.
    pub fn add(&mut self, request: String, form: AnswerForm) {
        let known = self.forms.iter().position(|known| *known == form);
        let position = known.unwrap_or_else(|| {
            self.forms.push(form);
            self.forms.len() - 1
        });
        match self.asked.iter_mut().find(|asked| asked.request == request) {
            Some(asked) if asked.answers.contains(&position) => {}
            Some(asked) => asked.answers.push(position),
            None => self.asked.push(Asked { request, answers: vec![position] }),
        }
    }
}

/// A request and its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Method, path, headers and body; names in braces stand for what differs from run to run.
    pub request: String,
    /// Positions in `forms`.
    pub answers: Vec<usize>,
}

/// An answer; names in braces stand for what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerForm {
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}
