//! Tells and changes what can be switched while the service runs.

use serde_json::{Value, json};

use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::definition::Flag;
use crate::flags::{self, Change, EvaluationContext, Source, State};
use crate::problem::{Failure, NOT_FOUND};
use crate::schema::{Place, Violation};

/// The state of every flag.
pub async fn flags(call: &Call) -> Outcome {
    let mut items = Vec::new();
    for flag in call.definition().flags {
        items.push(told(call, flag).await);
    }
    Answer::json(200, &json!({ "items": items }))
}

/// Which flags are on for the caller, and why.
pub async fn evaluate_flags(call: &Call) -> Outcome {
    let whom = call.principal.as_ref().map(EvaluationContext::from).unwrap_or_default();
    let mut items = Vec::new();
    for flag in call.definition().flags {
        let found = call.evaluate(flag, &whom).await;
        let (name, reason) = (found.flag_key, found.reason);
        items.push(json!({
            "name": name, "value": found.value, "variant": found.variant, "reason": reason,
        }));
    }
    Answer::json(200, &json!({ "items": items }))
}

/// Changes for whom the flag in the path is on, for all replicas.
pub async fn set_flag(call: &mut Call) -> Outcome {
    let change: Change = call.body()?;
    let is_share = change.state == State::Percentage;
    if is_share != change.percentage.is_some() {
        let detail = "`percentage` is given with the state `percentage`, and with no other";
        return Err(Failure::invalid(vec![violation("/percentage", detail)]));
    }
    if change.percentage.is_some_and(|share| !(0.0..=100.0).contains(&share)) {
        let detail = "a percentage is from 0 to 100";
        return Err(Failure::invalid(vec![violation("/percentage", detail)]));
    }
    let name = call.path("name").as_str().unwrap_or_default();
    let flag = call.definition().flags.iter().find(|flag| flag.name == name);
    let flag = flag.ok_or_else(|| Failure::of(&NOT_FOUND))?;
    let by = &call.principal()?.id;
    call.switchboard().change_flag(call, flag, &change, by).await?;
    Answer::json(200, &told(call, flag).await)
}

fn violation(pointer: &str, detail: &str) -> Violation {
    let (pointer, detail) = (pointer.to_owned(), detail.to_owned());
    Violation { place: Place::Body, pointer, code: "percentage", detail }
}

async fn told(call: &Call, flag: &Flag) -> Value {
    let change = call.switchboard().change(call, flag).await;
    let rule = flags::declared(flag, call.environment());
    let (state, percentage) = match &change {
        Some(Change { state: State::On, .. }) => (State::On, None),
        Some(Change { state: State::Off, .. }) => (State::Off, None),
        Some(Change { state: State::Percentage, percentage, .. }) => {
            (State::Percentage, *percentage)
        }
        Some(Change { state: State::Declared, .. }) | None => match rule.share {
            Some(share) => (State::Percentage, Some(f64::from(share) / 100.0)),
            None if rule.default => (State::On, None),
            None => (State::Off, None),
        },
    };
    let is_own = flag.environments.iter().any(|(name, _)| *name == call.environment());
    let source = match change.as_ref().map(|change| change.state) {
        Some(State::Declared) | None if is_own => Source::Environment,
        Some(State::Declared) | None => Source::Spec,
        Some(_) => Source::RunTime,
    };
    let named = change.and_then(|change| change.users).unwrap_or_default();
    let users: Vec<&str> =
        flag.beta.users.iter().copied().chain(named.iter().map(String::as_str)).collect();
    json!({
        "name": flag.name,
        "summary": flag.summary,
        "state": state,
        "percentage": percentage,
        "users": users,
        "source": source,
    })
}

/// The state of every switch.
pub async fn switches(call: &Call) -> Outcome {
    let mut items = Vec::new();
    for name in names(call) {
        items.push(position(call, name).await);
    }
    Answer::json(200, &json!({ "items": items }))
}

/// Turns the switch in the path on or off, for all replicas.
pub async fn set_switch(call: &mut Call) -> Outcome {
    let body: Value = call.body()?;
    let active = body["active"].as_bool();
    let active = active.ok_or_else(|| Failure::internal("the body has no `active`"))?;
    let wanted = call.path("name").as_str().unwrap_or_default();
    let name = names(call).into_iter().find(|name| *name == wanted);
    let name = name.ok_or_else(|| Failure::of(&NOT_FOUND))?;
    let by = &call.principal()?.id;
    call.switchboard().turn(call, name, active, by).await?;
    Answer::json(200, &position(call, name).await)
}

fn names(call: &Call) -> Vec<&'static str> {
    let switches = &call.definition().switches;
    let all = [("read_only", &switches.read_only), ("maintenance", &switches.maintenance)];
    all.into_iter().filter(|(_, switch)| switch.is_some()).map(|(name, _)| name).collect()
}

async fn position(call: &Call, name: &str) -> Value {
    let (active, source) = call.switchboard().switch(call, name).await;
    json!({ "name": name, "active": active, "source": source })
}
