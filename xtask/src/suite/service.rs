//! Suites that use the product as its users do: fresh files, the main job, the report in a browser, strange requests.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::program::{self, Said};
use super::rust::{self, missing};
use super::search;
use super::table::Outcome;
use super::tool;
use crate::context::Context;

/// The service that the suites use.
pub(super) const SERVICE: &str = "luna";

/// Calls ourselves, as a user would.
pub(super) fn ourselves(context: &Context, arguments: &[&str]) -> Result<Said> {
    // The tests of the workspace may have built this program anew in its place; the running one can still be started.
    let running = Path::new("/proc/self/exe");
    let program = if running.exists() {
        running.to_owned()
    } else {
        std::env::current_exe().context("cannot find this program")?
    };
    program::run(context, &program, |command| {
        command.args(arguments);
    })
}

pub(super) fn fresh(context: &Context, _: bool) -> Result<Outcome> {
    let said = ourselves(context, &["generate", "--check"])?;
    Ok(Outcome::one(said.success, said.all()))
}

/// Every system that is shipped.
const SYSTEMS: [&str; 2] = [SERVICE, "lumiku"];

pub(super) fn ready(context: &Context, _: bool) -> Result<Outcome> {
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    for system in SYSTEMS {
        outcome.add(&readiness(context, system, "local")?);
    }
    Ok(outcome)
}

/// Features that are checked in the platform's own runtime at each run of the suites. Those that send very many requests
/// are left to `ready --env workers-local` on a machine that does nothing else.
const ON_WORKERS: &[&str] = &[
    "observability/correlation",
    "observability/logs",
    "reliability/isolation",
    "security/cors",
    "security/errors",
    "security/function-authorisation",
    "security/headers",
    "security/jwt",
    "security/mass-assignment",
    "security/object-authorisation",
    "security/rate-limit-endpoint",
    "security/rate-limit-health",
    "security/rate-limit-ip",
    "security/rate-limit-key",
    "security/rate-limit-user",
    "security/webhook",
];

/// What the service does in the platform's own runtime, whether that is what it does natively, and what is left
/// when the runtime is killed.
pub(super) fn workers(context: &Context, _: bool) -> Result<Outcome> {
    let mut outcome = verified(context, "workers-local", ON_WORKERS)?;
    // Without evidence of both there is nothing to compare.
    if outcome.failed == 0 {
        // On a slow machine the window of a limit may end between two requests: such answers are left to `parity`.
        let compared = ON_WORKERS.iter().filter(|feature| !feature.contains("/rate-limit-"));
        let compared: Vec<&str> = compared.copied().collect();
        let native = verified(context, "local", &compared)?;
        let is_there = native.failed == 0;
        outcome.add(&native);
        if is_there {
            outcome.add(&parity(context, &compared)?);
        }
    }
    outcome.add(&rust::with_tools(context, "platform")?);
    outcome.add(&search::beside_stand_ins(context)?);
    Ok(outcome)
}

/// Runs checks in an environment: features, and others by their whole names.
pub(super) fn verified(context: &Context, environment: &str, checks: &[&str]) -> Result<Outcome> {
    let mut arguments =
        vec!["verify", "--service", SERVICE, "--env", environment, "--format", "json"];
    arguments.extend(checks.iter().flat_map(|check| ["--only", check]));
    let said = ourselves(context, &arguments)?;
    let object: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
    // Only evidence that says so: a check that decided nothing, or was left out, has not passed.
    let claims = object["claims"].as_array().map(Vec::as_slice).unwrap_or_default();
    let evidence: Vec<&Value> =
        claims.iter().filter_map(|claim| claim["evidence"].as_array()).flatten().collect();
    let passed = |check: &str| {
        let names = [check.to_owned(), format!("feature/{check}")];
        let is_it = |found: &Value| names.iter().any(|name| found["check"] == *name);
        evidence.iter().any(|found| is_it(found) && found["outcome"] == "passed")
    };
    let missed: Vec<&str> = checks.iter().copied().filter(|check| !passed(check)).collect();
    if said.success && missed.is_empty() {
        return Ok(Outcome {
            passed: checks.len() as u64,
            failed: 0,
            skipped: 0,
            output: String::new(),
        });
    }
    let output = format!("not passed in {environment}: {}\n{}", missed.join(", "), said.all());
    Ok(Outcome::one(false, output))
}

/// Compares what the two environments answered in these features: a difference that the spec does not declare fails.
fn parity(context: &Context, features: &[&str]) -> Result<Outcome> {
    let mut arguments =
        vec!["parity", "--service", SERVICE, "--env", "local", "--with", "workers-local"];
    arguments.extend(features.iter().flat_map(|feature| ["--only", feature]));
    let said = ourselves(context, &arguments)?;
    Ok(Outcome::one(said.success, said.all()))
}

/// The exit code and the JSON of `ready` must agree, no claim may have failed, and every report must exist. Claims
/// that were verified count as passed, all others as skipped.
pub(super) fn readiness(context: &Context, service: &str, environment: &str) -> Result<Outcome> {
    let arguments = ["ready", "--service", service, "--env", environment, "--format", "json"];
    let said = ourselves(context, &arguments)?;
    let Ok(object) = serde_json::from_str::<Value>(&said.stdout) else {
        return Ok(Outcome::one(
            false,
            format!("`ready` printed no JSON ({:?}):\n{}", said.code, said.all()),
        ));
    };
    let mut wrong = Vec::new();
    let count = |name: &str| object["counts"][name].as_u64().unwrap_or(u64::MAX);
    let expected = match (object["verdict"].as_str(), count("failed")) {
        (Some("ready" | "ready with waivers"), _) => 0,
        (_, 0) => 5,
        _ => 1,
    };
    if said.code != Some(expected) {
        wrong
            .push(format!("the exit code is {:?}, but the verdict asks for {expected}", said.code));
    }
    let claims = object["claims"].as_array().cloned().unwrap_or_default();
    let total =
        ["verified", "failed", "unverified", "waived"].iter().map(|n| count(n)).sum::<u64>();
    if total != claims.len() as u64 || claims.is_empty() {
        wrong.push(format!("the counts add up to {total}, but there are {} claims", claims.len()));
    }
    for claim in &claims {
        // How fast this machine is today is for the report to say, not for a test.
        if claim["verdict"] == "failed" && !is_measured(claim) {
            wrong.push(format!("{} failed: {}", claim["id"], claim["reason"]));
        }
        if claim["reason"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{} has no reason", claim["id"]));
        }
    }
    for path in object["report"].as_object().into_iter().flat_map(|paths| paths.values()) {
        let exists = path.as_str().is_some_and(|path| context.root.join(path).is_file());
        if !exists {
            wrong.push(format!("the report {path} does not exist"));
        }
    }
    if wrong.is_empty() {
        return Ok(Outcome {
            passed: count("verified"),
            failed: 0,
            skipped: claims.len() as u64 - count("verified"),
            output: String::new(),
        });
    }
    let output = format!("{service}: {}\n{}", wrong.join("\n"), said.stderr);
    Ok(Outcome { passed: 0, failed: wrong.len() as u64, skipped: 0, output })
}

/// Whether all evidence of a claim is measurements under load.
fn is_measured(claim: &Value) -> bool {
    let evidence = claim["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    let check =
        |evidence: &Value| evidence["check"].as_str().unwrap_or_default().starts_with("load/");
    !evidence.is_empty() && evidence.iter().all(check)
}

/// The paths of the newest report's files by their kind, or what there is to read instead.
pub(super) fn report(context: &Context) -> Result<Result<Value, String>> {
    paths(context, &[])
}

fn paths(context: &Context, options: &[&str]) -> Result<Result<Value, String>> {
    let command = ["report", "--service", SERVICE, "--format", "json"];
    let said = ourselves(context, &[&command[..], options].concat())?;
    let object: Value = serde_json::from_str(&said.stdout)
        .with_context(|| format!("`report` printed no JSON: {}", said.stderr))?;
    if object["report"]["html"].is_string() {
        return Ok(Ok(object["report"].clone()));
    }
    Ok(Err(format!("`report` names no page: {}", said.stderr)))
}

pub(super) fn browser(context: &Context, _: bool) -> Result<Outcome> {
    let Some(node) = tool::node(context) else { return Ok(missing("node")) };
    let mut outcome = Outcome::default();
    for options in [&[][..], &["--history"]] {
        let paths = match paths(context, options)? {
            Ok(paths) => paths,
            Err(output) => return Ok(Outcome::one(false, output)),
        };
        let page = paths["html"].as_str().unwrap_or_default();
        let folder = tempfile::tempdir()?;
        let said = program::run(context, &node, |command| {
            command.arg(".ci/browser/audit.mjs").arg(page).arg(folder.path().join("page.png"));
            command.env("PROOFLINE_TOOLS", &context.tools);
        })?;
        outcome.add(&Outcome::one(said.success, format!("{page}:\n{}\n", said.all())));
    }
    Ok(outcome)
}

pub(super) fn fuzz(context: &Context, _: bool) -> Result<Outcome> {
    verified(context, "local", &["probe/fuzz"])
}
