//! Who may show the service in a frame, seen in a real browser: pages of the declared origins, of foreign ones, and of
//! those that look alike.

use anyhow::Result;
use proofline_spec::document::{Framing, Operation, ProbeName, Service};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence};
use serde::Deserialize;
use serde_json::json;

use super::browser;
use super::probe::{self, Probe};
use crate::context::Context;

/// What the browser is told to do.
const SCRIPT: &str = include_str!("embed.mjs");

/// Where the page is that embeds; the service is not asked for it.
const PAGE: &str = "/proofline-embedding";

/// An address that no route has: errors are answers, too.
const NOWHERE: &str = "/proofline/no/such/route";

/// A page that embeds, and whether it may.
#[derive(Debug, PartialEq, Eq)]
struct Parent {
    /// What it is called: an origin whose port is another one in each run has a name that is not.
    name: String,
    origin: String,
    may: bool,
}

/// What the browser did.
#[derive(Debug, Deserialize)]
struct Seen {
    shown: Vec<Shown>,
}

/// One answer in the frame of one page.
#[derive(Debug, Deserialize)]
struct Shown {
    parent: String,
    address: String,
    framed: bool,
    bare: bool,
}

/// The origins that are tried: each that may, one that is foreign, and for each that may those that look like it.
fn parents(service: &Service, own: &str) -> Vec<Parent> {
    let framing = service.headers.framing.as_ref();
    let mut parents = Vec::new();
    let name = "its own origin".to_owned();
    let may = matches!(framing, Some(Framing::SameOrigin));
    parents.push(Parent { name, origin: own.to_owned(), may });
    let mut add = |origin: String, may| parents.push(Parent { name: origin.clone(), origin, may });
    add("https://foreign.example".to_owned(), false);
    if let Some(Framing::AllowFrom(origins)) = framing {
        for origin in origins {
            // What stands for several is filled in.
            let origin = origin.replace("*.", "any.");
            add(format!("{origin}.foreign.example"), false);
            // Another port is another origin.
            if origin.matches(':').count() == 1 {
                add(format!("{origin}:8443"), false);
            }
            add(origin, true);
        }
    }
    parents
}

/// Has a browser try.
pub(crate) fn probe(context: &Context, service: &Service, url: &str) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Framing);
    let own = url.trim_end_matches('/');
    let parents = parents(service, own);
    let health = service.routes.iter().find(|(_, route)| matches!(route.op, Operation::Health(_)));
    let paths = health.map(|(key, _)| key.path.as_str()).into_iter().chain([NOWHERE]);
    let addresses: Vec<String> = paths.map(|path| format!("{own}{path}")).collect();
    let pages = parents.iter().map(|parent| format!("{}{PAGE}", parent.origin));
    let input = json!({"addresses": addresses, "parents": pages.collect::<Vec<_>>()});
    let seen: Seen = match browser::ask(context, SCRIPT, input)? {
        Ok(seen) => seen,
        Err(why) => return Ok(probe.undecided(why, parents.len())),
    };
    let scenarios: Vec<ScenarioEvidence> =
        parents.iter().map(|parent| judge(parent, &seen)).collect();
    let may = parents.iter().filter(|parent| parent.may).count();
    let judged = match probe::first_failure(&scenarios) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (
            CheckOutcome::Passed,
            format!(
                "a browser embedded the service for {may} of {} origins that tried, exactly those that the spec allows",
                parents.len()
            ),
        ),
    };
    Ok(probe.end(judged, (parents.len(), scenarios.len()), scenarios, None))
}

fn judge(parent: &Parent, seen: &Seen) -> ScenarioEvidence {
    let page = format!("{}{PAGE}", parent.origin);
    let mut steps: Vec<_> = seen
        .shown
        .iter()
        .filter(|shown| shown.parent == page)
        .map(|shown| {
            let way = if shown.framed { "shown" } else { "not shown" };
            let seen = if shown.bare {
                format!("it is {way}; without its headers it is shown")
            } else {
                "without its headers it is not shown either: the browser would not have let anybody"
                    .to_owned()
            };
            probe::step(
                format!("When {} is put into a frame of {}", shown.address, parent.origin),
                shown.bare && shown.framed == parent.may,
                Some(seen),
            )
        })
        .collect();
    let requests = u64::try_from(2 * steps.len()).unwrap_or(u64::MAX);
    if steps.is_empty() {
        steps.push(probe::step(
            format!("When {} is tried", parent.origin),
            false,
            Some("the browser did not try it".to_owned()),
        ));
    }
    let may = if parent.may { "may" } else { "may not" };
    let name = format!("{} {may} embed it", parent.name);
    ScenarioEvidence { requests, ..probe::scenario(name, "headers.framing".to_owned(), steps) }
}

#[cfg(test)]
mod tests {
    use proofline_spec::evidence::ScenarioOutcome;

    use super::*;

    fn shown(framed: bool, bare: bool) -> Seen {
        let (parent, address) = (format!("https://a.example{PAGE}"), "http://s/health".to_owned());
        Seen { shown: vec![Shown { parent, address, framed, bare }] }
    }

    #[test]
    fn who_may_not_embed_and_who_must_are_judged_and_so_is_the_browser() {
        let parent = |may| {
            let origin = "https://a.example".to_owned();
            Parent { name: origin.clone(), origin, may }
        };
        let passes =
            |may, seen: &Seen| judge(&parent(may), seen).outcome == ScenarioOutcome::Passed;
        assert!(passes(true, &shown(true, true)) && passes(false, &shown(false, true)));
        assert!(!passes(true, &shown(false, true)) && !passes(false, &shown(true, true)));
        // A browser that shows nothing at all says nothing about the service.
        assert!(!passes(false, &shown(false, false)));
        assert!(!passes(false, &Seen { shown: Vec::new() }));
    }
}
