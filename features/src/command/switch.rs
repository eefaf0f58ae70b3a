//! Turns an emergency switch of a running service by the route that its spec declares, and looks whether it is turned.

use std::time::{Duration, Instant};

use proofline_spec::document::{Control, Operation, RouteKey, Switches};
use serde::Serialize;
use serde_json::json;

use super::dead_letters::send;
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::Failure;
use crate::generate::Generator;
use crate::plan::Target;
use crate::run::Run;

/// What became of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turned {
    /// The switch.
    pub switch: String,
    /// What it was before, as the service says.
    pub was: Option<bool>,
    /// What it is now, as the service says when it is asked again.
    pub active: Option<bool>,
    /// The route that was asked afterwards.
    pub asked: String,
    /// What it was answered with.
    pub status: u16,
    /// The name of the problem, where it was one.
    pub problem: Option<String>,
    /// Whether requests are refused as the switch says, and only then.
    pub seen: bool,
}

/// Turns a switch. `token` is that of somebody who may, where the environment's credentials name none.
pub async fn switch(
    target: Target,
    name: &str,
    active: bool,
    token: Option<&str>,
) -> Result<Turned, Failure> {
    let run = Run::new(target)?;
    let (set, list) = (route(&run.target, Control::Set)?, route(&run.target, Control::List)?);
    let (concerned, request) = harmless(&run.target, name)?;
    let was = state(&run, &list, name, token).await?;
    let body = json!({ "active": active });
    let turning = Request::new(set.method.as_str(), set.path.replace("{name}", name)).json(&body);
    let answer = send(&run, &set, turning, token).await?;
    if !answer.is_success() {
        return Err(Failure::Broken(format!("it is not turned: {}", answer.describe())));
    }
    let problem = name.replace('_', "-");
    let is_refused =
        |answer: &Answer| answer.status == 503 && answer.problem().as_deref() == Some(&*problem);
    // Other instances look at what was switched within the time that the spec gives.
    let refresh = run.target.service.overrides.as_ref().map_or(0, |own| own.refresh.as_millis());
    let deadline = Instant::now() + Duration::from_millis(refresh) + LATEST;
    let mut answer = run.http.send(&request).await?;
    while is_refused(&answer) != active && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
        answer = run.http.send(&request).await?;
    }
    Ok(Turned {
        switch: name.to_owned(),
        was,
        active: state(&run, &list, name, token).await?,
        asked: concerned.to_string(),
        status: answer.status,
        problem: answer.problem(),
        seen: is_refused(&answer) == active,
    })
}

/// How late an answer may show what was switched.
const LATEST: Duration = Duration::from_secs(5);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

fn route(target: &Target, control: Control) -> Result<RouteKey, Failure> {
    let wanted = Operation::Switches(control);
    let found = target.routes().find(|(_, route)| route.op == wanted);
    let found = found.map(|(key, _)| key.clone());
    found.ok_or_else(|| Failure::not_applicable("the spec has no route for its switches"))
}

/// A request that the switch concerns and that changes nothing, whatever is switched: it has no credential where one is
/// needed.
fn harmless(target: &Target, name: &str) -> Result<(RouteKey, Request), Failure> {
    let mut switches = target.service.switches.iter().flat_map(Switches::all);
    let (_, declared) = switches
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Failure::NotApplicable(format!("the spec has no switch `{name}`")))?;
    let only_changes = name == "read_only";
    let mut routes = target.routes().filter(|(key, route)| {
        let goes_on = matches!(route.op, Operation::Health(_) | Operation::Switches(_));
        let concerned = !goes_on && !declared.except.contains(key);
        concerned && key.method.is_safe() != only_changes && target.takes_principals(route)
    });
    let (key, route) = routes.next().ok_or_else(|| {
        Failure::NotApplicable(format!(
            "no route could show whether `{name}` is on without changing anything"
        ))
    })?;
    let mut call = Call::valid(&mut Generator::new(target, 0), key, route);
    call.headers.clear();
    Ok((key.clone(), call.request()))
}

/// What the service says of a switch.
async fn state(
    run: &Run,
    list: &RouteKey,
    name: &str,
    token: Option<&str>,
) -> Result<Option<bool>, Failure> {
    let request = Request::new(list.method.as_str(), list.path.clone());
    let answer = send(run, list, request, token).await?;
    if !answer.is_success() {
        return Err(Failure::Broken(format!("switches are not listed: {}", answer.describe())));
    }
    let switches = answer.json();
    let mut items = switches["items"].as_array().into_iter().flatten();
    Ok(items.find(|item| item["name"] == name).and_then(|item| item["active"].as_bool()))
}
