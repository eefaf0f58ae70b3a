//! What a provider is told to answer, and what it received.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one upstream answers: the first rule that fits a request, else its example.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Rules, the first one that fits wins.
    pub rules: Vec<Rule>,
}

/// Which requests are answered how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Requests whose path or body has this text; all of them without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containing: Option<String>,
    /// So many requests; without it there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// This share of the requests, chosen by chance from a fixed seed; all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// What they are answered.
    pub answer: Scripted,
}

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scripted {
    /// The status.
    pub status: u16,
    /// Headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body as it stands; the upstream's example without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A body of so many bytes instead, which comes in pieces and without a length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How long it takes until each of those pieces comes.
    #[serde(skip_serializing_if = "is_zero")]
    pub piece_ms: u64,
    /// How long it takes until the answer begins.
    #[serde(skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// The connection is closed instead of an answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub breaks: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            body: None,
            bytes: None,
            piece_ms: 0,
            delay_ms: 0,
            breaks: false,
        }
    }
}

impl Scripted {
    /// An answer with this status.
    pub fn status(status: u16) -> Self {
        let body = (status >= 300).then(|| "{}".to_owned());
        Self { status, body, ..Self::default() }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }
}

/// A request that the provider had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Name of the upstream.
    pub upstream: String,
    /// The method.
    pub method: String,
    /// The path below the upstream's, with the query.
    pub path: String,
    /// Headers, their names in lower case; not those with credentials.
    pub headers: BTreeMap<String, String>,
    /// Whether there was a bearer token, which is not kept.
    #[serde(default)]
    pub bearer: bool,
    /// The body.
    pub body: String,
    /// When it was there, in milliseconds of the provider's own clock.
    pub at_ms: u64,
    /// The status of the answer; 0 while there is none, and when the connection was closed instead.
    pub answered: u16,
}

impl Received {
    /// Whether a text is in its path or its body.
    pub fn contains(&self, text: &str) -> bool {
        self.path.contains(text) || self.body.contains(text)
    }
}

/// A script that is being played.
#[derive(Debug)]
pub struct Play {
    rules: Vec<Rule>,
    chance: fastrand::Rng,
}

impl Play {
    /// Plays a script from its beginning.
    pub fn new(script: Script, seed: u64) -> Self {
        Self { rules: script.rules, chance: fastrand::Rng::with_seed(seed) }
    }

    /// What this request is answered, if a rule fits it.
    pub fn next(&mut self, path: &str, body: &str) -> Option<Scripted> {
        let chance = &mut self.chance;
        let rule = self.rules.iter_mut().find(|rule| {
            let text = rule.containing.as_deref();
            rule.times != Some(0)
                && text.is_none_or(|text| path.contains(text) || body.contains(text))
                && rule.share.is_none_or(|share| chance.f64() < share)
        })?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.answer.clone())
    }
}

/// The text of a body: JSON as it is written shortest.
pub(super) fn text_of(body: &Value) -> String {
    body.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_ends_after_its_times_and_fits_its_text_only() {
        let rules = vec![
            Rule {
                containing: Some("poison".into()),
                answer: Scripted::status(400),
                ..Rule::default()
            },
            Rule { times: Some(2), answer: Scripted::status(503), ..Rule::default() },
        ];
        let mut play = Play::new(Script { rules }, 1);
        let mut next = |body| play.next("/", body).map(|answer| answer.status);
        assert_eq!([next("a"), next("poison"), next("b")], [Some(503), Some(400), Some(503)]);
        assert_eq!([next("c"), next("poison")], [None, Some(400)]);
    }

    #[test]
    fn a_share_is_the_same_with_the_same_seed_and_about_what_it_says() {
        let failing = |seed| {
            let rule = Rule { share: Some(0.3), answer: Scripted::status(500), ..Rule::default() };
            let mut play = Play::new(Script { rules: vec![rule] }, seed);
            (0..1000).map(|_| play.next("/", "").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(failing(7), failing(7));
        assert_ne!(failing(7), failing(8));
        let failed = failing(7).into_iter().filter(|failed| *failed).count();
        assert!((250..350).contains(&failed), "{failed}");
    }
}
