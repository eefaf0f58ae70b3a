//! What a check looked at, as its evidence says: requests and their statuses, limits that refused, parts that it names.

use std::collections::{BTreeMap, BTreeSet};

use proofline_spec::document::{RouteKey, Service};
use proofline_spec::evidence::{
    AnswerForm, CheckEvidence, CheckOutcome, ScenarioEvidence, ScenarioOutcome,
};

use crate::report::cost::limits_of;

/// What one check looked at.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether it was carried out at all.
    pub(super) is_carried_out: bool,
    /// The statuses that each route answered.
    pub(super) routes: BTreeMap<String, BTreeSet<u16>>,
    /// Limits that refused a request.
    pub(super) limits: BTreeSet<String>,
    /// Parts that the check names itself, such as `bindings/DB`.
    pub(super) parts: BTreeSet<String>,
}

/// Everything that a check looked at. A scenario that could not be carried out looked at nothing.
pub(super) fn by(service: &Service, evidence: Option<&CheckEvidence>) -> Seen {
    let mut seen = Seen::default();
    let Some(evidence) = evidence else { return seen };
    seen.is_carried_out = matches!(evidence.outcome, CheckOutcome::Passed | CheckOutcome::Failed);
    let carried_out = |scenario: &&ScenarioEvidence| {
        matches!(scenario.outcome, ScenarioOutcome::Passed | ScenarioOutcome::Failed(_))
    };
    for scenario in evidence.scenarios.iter().filter(carried_out) {
        seen.answers(service, scenario);
        for about in &scenario.about {
            match about.strip_prefix("asked/") {
                Some(asked) => seen.asked(service, asked),
                None => {
                    seen.parts.insert(about.clone());
                }
            }
        }
    }
    for (route, latency) in evidence.load.iter().flat_map(|load| &load.routes) {
        if let Some(key) = route_of(service, route) {
            let statuses = latency.statuses.iter().map(|(status, _)| *status);
            seen.routes.entry(key.to_string()).or_default().extend(statuses);
        }
    }
    seen
}

impl Seen {
    fn answers(&mut self, service: &Service, scenario: &ScenarioEvidence) {
        for asked in &scenario.answers.asked {
            let line = asked.request.lines().next().unwrap_or_default();
            let key = route_of(service, line);
            for form in asked.answers.iter().filter_map(|at| scenario.answers.forms.get(*at)) {
                if form.status == 429 {
                    self.limits.extend(limit(service, key, form));
                }
                if let Some(key) = key.filter(|_| form.status > 0) {
                    self.routes.entry(key.to_string()).or_default().insert(form.status);
                }
            }
        }
    }

    /// A request that is not among the recorded answers: `POST /files 413`.
    fn asked(&mut self, service: &Service, asked: &str) {
        let Some((line, status)) = asked.rsplit_once(' ') else { return };
        if let (Some(key), Ok(status)) = (route_of(service, line), status.parse()) {
            self.routes.entry(key.to_string()).or_default().insert(status);
        }
    }
}

/// The limit that refused: the one that the answer names (`RateLimit`), or else the only one of the route.
fn limit(service: &Service, key: Option<&RouteKey>, form: &AnswerForm) -> Option<String> {
    let named = form.headers.get("ratelimit").and_then(|value| value.split('"').nth(1));
    if let Some(name) = named.filter(|name| service.limits.contains_key(*name)) {
        return Some(name.to_owned());
    }
    let route = service.routes.get(key?)?;
    match limits_of(service, route) {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// The route that a request line such as `GET /users/7?all=1` leads to: of several, the one with the fewest parameters.
fn route_of<'a>(service: &'a Service, line: &str) -> Option<&'a RouteKey> {
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let method = if method == "HEAD" { "GET" } else { method };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let matching =
        service.routes.keys().filter(|key| key.method.as_str() == method && leads(&key.path, path));
    matching.min_by_key(|key| key.parameters().count())
}

/// Whether a path is one of a declared path's: parameters fill a whole segment.
fn leads(declared: &str, path: &str) -> bool {
    let (mut declared, mut path) = (declared.split('/'), path.split('/'));
    loop {
        match (declared.next(), path.next()) {
            (None, None) => return true,
            (Some(name), Some(found)) => {
                let is_parameter = name.starts_with('{') && name.ends_with('}');
                if name != found && (!is_parameter || found.is_empty()) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}
