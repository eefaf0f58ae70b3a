//! The way of a commit: checks, tests, audit, build, then migrated, deployed and accepted in one environment, and promoted
//! to the other.

use serde_json::{Value, json};

use super::{Way, step};
use crate::Input;

/// The jobs whose end people are told of.
const TOLD: [&str; 6] = ["checks", "tests", "audit", "build", "staging", "promote"];

pub(super) fn workflow(input: &Input<'_>, way: Way<'_>) -> Value {
    let (from, to) = (&way.from.environment, &way.to.environment);
    let on = json!({"push": {"branches": ["main"]}});
    let what = format!("{} to {to}", input.folder);
    let jobs = json!({
        "checks": checks(),
        "tests": tests(),
        "audit": audit(),
        "build": build(input, from),
        "staging": staging(input, way),
        "promote": promote(input, way),
        "notify": step::notify(&what, &TOLD),
    });
    super::workflow(&what, &format!("{}-{from}", input.folder), &on, &jobs)
}

fn checks() -> Value {
    let steps = [
        step::checkout(false),
        step::rust(false),
        step::run("Specs", "cargo xtask check"),
        step::run("Generated files", "cargo xtask generate --check"),
        step::run("Format", "cargo fmt --all --check"),
    ];
    Value::Object(step::job("Checks", &[], 30, steps))
}

fn tests() -> Value {
    let steps = [
        step::checkout(false),
        step::rust(true),
        step::tools(),
        step::run("Tests", "cargo xtask test"),
    ];
    Value::Object(step::job("Tests", &["checks"], 120, steps))
}

fn audit() -> Value {
    let steps = [step::checkout(false), step::rust(false)].into_iter().chain(step::audit());
    Value::Object(step::job("Audit", &["checks"], 30, steps))
}

fn build(input: &Input<'_>, environment: &str) -> Value {
    let service = input.folder;
    let build = format!("cargo xtask deploy --service {service} --env {environment} --dry-run");
    let steps = [
        step::checkout(false),
        step::rust(true),
        step::tools(),
        step::run("Build", &build),
        step::keep(input),
    ];
    Value::Object(step::job("Build", &["checks", "tests", "audit"], 60, steps))
}

/// The same worker for both environments: what was accepted is what is promoted.
fn staging(input: &Input<'_>, way: Way<'_>) -> Value {
    let (service, name) = (input.folder, &way.from.environment);
    let at = format!("--service {service} --env {name}");
    let migrate = step::run("Migrate", &format!("cargo xtask deploy {at} --built --migrate"));
    let deploy = step::run("Deploy", &format!("cargo xtask deploy {at} --built"));
    let accept = step::run("Acceptance", &format!("cargo xtask verify {at}"));
    let checks = step::checks(way.from);
    let deployment = step::deployment(input, way.from);
    let steps = [
        step::checkout(false),
        step::rust(true),
        step::tools(),
        step::fetch(input),
        step::given(migrate, deployment.clone()),
        step::given(deploy, deployment.into_iter().chain(checks.clone())),
        step::given(accept, checks),
    ];
    step::within(step::job("Staging", &["build"], 60, steps), way.from)
}

fn promote(input: &Input<'_>, way: Way<'_>) -> Value {
    let (service, name) = (input.folder, &way.to.environment);
    let promote = format!("cargo xtask deploy --service {service} --env {name} --built --promote");
    let checks = step::checks(way.from).into_iter().chain(step::checks(way.to));
    let steps = [
        step::checkout(false),
        step::rust(true),
        step::tools(),
        step::fetch(input),
        step::given(
            step::run("Promote", &promote),
            step::deployment(input, way.to).into_iter().chain(checks),
        ),
    ];
    step::within(step::job("Promote", &["staging"], 60, steps), way.to)
}
