//! `verify`: the acceptance features of a service's claims, against an environment.

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{CheckKind, Verdict, judge};
use proofline_spec::exit::Exit;

use super::check;
use super::report::{self, Claims};
use crate::cli::{Format, Run, Verify};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::plan::{self, Checks, Wanted};
use crate::run::session;

pub(super) fn run(context: &Context, arguments: &Verify) -> Result<Exit> {
    let wanted = Wanted { features: true, loads: false, inside: true };
    if arguments.plan {
        return show_plan(context, arguments, wanted);
    }
    checks(context, &arguments.run, wanted, &arguments.only, arguments.strict)
}

/// Runs the wanted checks and reports on the claims that they are evidence for.
pub(super) fn checks(
    context: &Context,
    arguments: &Run,
    wanted: Wanted,
    only: &[String],
    strict: bool,
) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    let tree = workspace.tree()?;
    session::require_fresh(context, &tree)?;
    let checks = plan::checks(&service.service, environment, wanted, only);
    let generated = session::generated_digest(&tree, service);
    let finished = session::run(context, service, environment, &checks, generated)?;
    let found = session::read_run(
        context,
        service,
        environment,
        generated,
        finished.folder.file_name().and_then(|name| name.to_str()),
    )?;
    report::write(context, service, environment, &found, arguments.format, Claims::Checked)?;
    if finished.interrupted {
        return Ok(Exit::Interrupted);
    }
    // Only claims that the wanted checks could decide count here.
    let readiness = judge(
        &service.service,
        Some(&found.manifest),
        &found.checks,
        found.foreign.as_deref(),
        &Context::today(),
    );
    let concerned = |kind: CheckKind| match kind {
        CheckKind::Feature => wanted.features,
        CheckKind::Load => wanted.loads,
        CheckKind::Probe | CheckKind::Derived => wanted.inside,
    };
    let mut verdicts = readiness
        .claims
        .iter()
        .filter(|claim| claim.evidence.iter().any(|check| concerned(check.kind)))
        .map(|claim| claim.verdict);
    let mut exit = Exit::Success;
    if verdicts.clone().any(|verdict| verdict == Verdict::Failed) {
        exit = Exit::ClaimFailed;
    } else if strict && verdicts.any(|verdict| verdict == Verdict::Unverified) {
        exit = Exit::NotVerified;
    } else if found.checks.is_empty() {
        exit = Exit::CouldNotFindOut;
    }
    Ok(exit)
}

fn show_plan(context: &Context, arguments: &Verify, wanted: Wanted) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.run.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.run.selection.env, service)?;
    let checks = plan::checks(&service.service, environment, wanted, &arguments.only);
    let names = planned(&checks);
    if arguments.run.format == Format::Json {
        let object = serde_json::json!({ "run": names, "left_out": checks.left_out });
        output::stdout(&format!("{object:#}\n"));
        return Ok(Exit::Success);
    }
    for name in &names {
        output::line(context, Tone::Good, "Would run", name);
    }
    for left in &checks.left_out {
        output::line(context, Tone::Warn, "Left out", &format!("{}: {}", left.check, left.reason));
    }
    let text = format!("{}, {} left out", counted(names.len(), "check"), checks.left_out.len());
    output::line(context, Tone::Plain, "Planned", &text);
    Ok(Exit::Success)
}

fn planned(checks: &Checks) -> Vec<String> {
    let planned = checks.features.iter().chain(&checks.probes).chain(&checks.derived);
    session::names(planned.map(|c| &c.check).chain(checks.loads.iter().map(|l| &l.check)))
}
