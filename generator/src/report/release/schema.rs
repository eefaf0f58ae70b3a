//! Schemas of two specs beside each other: which requests are refused now, and which answers can no longer be read.

use std::collections::BTreeSet;

use proofline_spec::document::{Answer, Route, Schema, Service};
use serde_json::{Number, json};

use super::{Impact, SpecChange, pairs};

/// Where values of a schema go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    request: bool,
    response: bool,
}

impl Use {
    /// From clients.
    pub(super) const REQUEST: Self = Self { request: true, response: false };
    /// To clients.
    pub(super) const RESPONSE: Self = Self { request: false, response: true };
}

/// What is different. A schema that is gone breaks nobody by itself: its routes tell.
pub(super) fn changes(then: &Service, now: &Service) -> Vec<SpecChange> {
    let (old_requests, old_responses) = used(then);
    let (new_requests, new_responses) = used(now);
    pairs((&then.schemas, &now.schemas), Impact::Other, |name, old, new| {
        let part = Use {
            request: old_requests.contains(name) && new_requests.contains(name),
            response: old_responses.contains(name) && new_responses.contains(name),
        };
        let mut found = Vec::new();
        compare("", old, new, part, &mut found);
        if found.is_empty() && old != new {
            found.push(("described otherwise".to_owned(), Impact::Other));
        }
        found
    })
}

/// Whether one schema in the place of another may make a client fail that worked.
pub(super) fn breaks(then: (&Service, &str), now: (&Service, &str), part: Use) -> bool {
    if then.1 == now.1 {
        // The change of the schema itself is told under its name.
        return false;
    }
    let (Some(old), Some(new)) = (then.0.schemas.get(then.1), now.0.schemas.get(now.1)) else {
        return true;
    };
    let mut found = Vec::new();
    compare("", old, new, part, &mut found);
    found.iter().any(|(_, impact)| *impact == Impact::Breaking)
}

/// Names of the schemas that requests have, and those that answers have, with all that these refer to.
fn used(service: &Service) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut requests, mut responses) = (BTreeSet::new(), BTreeSet::new());
    for route in service.routes.values() {
        for name in taken(route) {
            follow(service, name, &mut requests);
        }
        for answer in route.returns.values() {
            if let Answer::One(name) | Answer::List(name) = answer {
                follow(service, name, &mut responses);
            }
        }
    }
    (requests, responses)
}

fn taken(route: &Route) -> impl Iterator<Item = &String> {
    route.path.values().chain(&route.query).chain(&route.body)
}

fn follow(service: &Service, name: &str, found: &mut BTreeSet<String>) {
    if found.insert(name.to_owned())
        && let Some(schema) = service.schemas.get(name)
    {
        references(service, schema, found);
    }
}

fn references(service: &Service, schema: &Schema, found: &mut BTreeSet<String>) {
    if let Some(name) = schema.referenced() {
        follow(service, name, found);
    }
    for inner in schema.properties.values().chain(schema.items.as_deref()) {
        references(service, inner, found);
    }
}

type Found = Vec<(String, Impact)>;

fn breaking(is: bool) -> Impact {
    if is { Impact::Breaking } else { Impact::Other }
}

/// Adds what is different at `path`.
fn compare(path: &str, old: &Schema, new: &Schema, part: Use, found: &mut Found) {
    let at = if path.is_empty() { "it".to_owned() } else { path.to_owned() };
    if old.referenced() != new.referenced() {
        let shown = |schema: &Schema| schema.referenced().unwrap_or("written in place").to_owned();
        let text = format!("{at} is {}, was {}", shown(new), shown(old));
        found.push((text, breaking(part.request || part.response)));
        return;
    }
    if old.main_type() != new.main_type() {
        let shown = |schema: &Schema| {
            schema
                .main_type()
                .map_or_else(|| "anything".to_owned(), |of| super::facts::compact(&json!(of)))
        };
        let text = format!("{at} is {}, was {}", shown(new), shown(old));
        found.push((text, breaking(part.request || part.response)));
        return;
    }
    match (old.is_nullable(), new.is_nullable()) {
        (false, true) => found.push((format!("{at} may be null now"), breaking(part.response))),
        (true, false) => found.push((format!("{at} may not be null now"), breaking(part.request))),
        _ => {}
    }
    bounds(&at, old, new, part, found);
    texts(&at, old, new, part, found);
    members(path, old, new, part, found);
    if let (Some(old), Some(new)) = (&old.items, &new.items) {
        compare(&format!("{path}[]"), old, new, part, found);
    }
}

/// Numbers that values must keep. What is narrower refuses requests; what is wider surprises nobody much.
fn bounds(at: &str, old: &Schema, new: &Schema, part: Use, found: &mut Found) {
    let counted = |bound: Option<u64>| bound.map(Number::from);
    let most = [
        ("characters", counted(old.max_length), counted(new.max_length)),
        ("items", counted(old.max_items), counted(new.max_items)),
        ("members", counted(old.max_properties), counted(new.max_properties)),
        ("in value", old.maximum.clone(), new.maximum.clone()),
        ("in value, exclusive", old.exclusive_maximum.clone(), new.exclusive_maximum.clone()),
    ];
    let least = [
        ("characters", counted(old.min_length), counted(new.min_length)),
        ("items", counted(old.min_items), counted(new.min_items)),
        ("members", counted(old.min_properties), counted(new.min_properties)),
        ("in value", old.minimum.clone(), new.minimum.clone()),
        ("in value, exclusive", old.exclusive_minimum.clone(), new.exclusive_minimum.clone()),
    ];
    for (word, bounds, is_most) in [("at most", most, true), ("at least", least, false)] {
        for (what, old, new) in bounds {
            if old == new {
                continue;
            }
            let narrower = match (as_f64(old.as_ref()), as_f64(new.as_ref())) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(old), Some(new)) => (new < old) == is_most,
            };
            let shown = |bound: &Option<Number>| {
                bound.as_ref().map_or_else(|| "without a bound".to_owned(), ToString::to_string)
            };
            let text = format!("{at} is {word} {} {what}, was {}", shown(&new), shown(&old));
            found.push((text, breaking(part.request && narrower)));
        }
    }
}

fn as_f64(number: Option<&Number>) -> Option<f64> {
    number.and_then(Number::as_f64)
}

/// What values may be, beside their size.
fn texts(at: &str, old: &Schema, new: &Schema, part: Use, found: &mut Found) {
    let (before, after) = (old.variants.as_deref(), new.variants.as_deref());
    match (before, after) {
        (Some(before), Some(after)) => {
            for gone in before.iter().filter(|variant| !after.contains(variant)) {
                found.push((format!("{at} is no longer {gone}"), breaking(part.request)));
            }
            for come in after.iter().filter(|variant| !before.contains(variant)) {
                found.push((format!("{at} may be {come} now"), Impact::Other));
            }
        }
        (None, Some(after)) => {
            let text = format!("{at} is one of {} now", after.join(", "));
            found.push((text, breaking(part.request)));
        }
        (Some(_), None) => {
            found.push((format!("{at} is no longer one of a list"), breaking(part.response)));
        }
        (None, None) => {}
    }
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let constant = |schema: &Schema| schema.constant.as_ref().map(ToString::to_string);
    let step = |schema: &Schema| schema.multiple_of.as_ref().map(ToString::to_string);
    for (what, old, new) in [
        ("format", old.format.clone(), new.format.clone()),
        ("pattern", old.pattern.clone(), new.pattern.clone()),
        ("constant", constant(old), constant(new)),
        ("step", step(old), step(new)),
    ] {
        if old != new {
            let text = format!("the {what} of {at} is {}, was {}", shown(&new), shown(&old));
            found.push((text, breaking(part.request && new.is_some())));
        }
    }
    if !old.unique_items && new.unique_items {
        found.push((format!("{at} may hold nothing twice now"), breaking(part.request)));
    }
    if !old.write_only && new.write_only {
        found.push((format!("{at} is never answered now"), breaking(part.response)));
    }
}

fn members(path: &str, old: &Schema, new: &Schema, part: Use, found: &mut Found) {
    let within = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    let closed = !new.additional_properties;
    for name in old.properties.keys().filter(|name| !new.properties.contains_key(*name)) {
        let impact = breaking(part.response || (part.request && closed));
        found.push((format!("{} is removed", within(name)), impact));
    }
    for (name, schema) in &new.properties {
        let at = within(name);
        let Some(before) = old.properties.get(name) else {
            let required = new.requires(name);
            let text = if required { "added, and required" } else { "added" };
            found.push((format!("{at} is {text}"), breaking(part.request && required)));
            continue;
        };
        match (old.requires(name), new.requires(name)) {
            (false, true) => found.push((format!("{at} is required now"), breaking(part.request))),
            (true, false) => {
                found.push((format!("{at} may be left out now"), breaking(part.response)));
            }
            _ => {}
        }
        compare(&at, before, schema, part, found);
    }
    if old.additional_properties && closed {
        let at = if path.is_empty() { "it" } else { path };
        found.push((format!("{at} takes no other members now"), breaking(part.request)));
    }
}
