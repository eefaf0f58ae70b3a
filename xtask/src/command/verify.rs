//! `verify`: the acceptance features of a service's claims, against an environment.

mod repeat;

use std::path::Path;

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::Environment;
use proofline_spec::evidence::{CheckKind, Digest, Verdict};
use proofline_spec::exit::Exit;

use super::check;
use super::report::{self, Claims, Shown};
use crate::cli::{Format, Run, Verify};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::evidence::Evidence;
use crate::run::evidence::keys::SigningKey;
use crate::run::plan::{self, Checks, Wanted};
use crate::run::session;
use crate::run::workspace::LoadedService;

pub(super) fn run(context: &Context, arguments: &Verify) -> Result<Exit> {
    let wanted = Wanted { features: true, loads: false, inside: true };
    if arguments.plan {
        return show_plan(context, arguments, wanted);
    }
    let how = How {
        only: &arguments.only,
        strict: arguments.strict,
        sign_key: arguments.signing.sign_key.as_deref(),
        repeat: arguments.repeat,
    };
    checks(context, &arguments.run, wanted, how)
}

/// How the wanted checks are run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How<'a> {
    /// Only these features.
    only: &'a [String],
    /// Whether an unverified claim is not good enough.
    strict: bool,
    /// Who signs the run.
    sign_key: Option<&'a Path>,
    /// How often, where the runs are to be compared.
    repeat: Option<u32>,
}

/// Runs the wanted checks and reports on the claims that they are evidence for.
pub(super) fn checks(
    context: &Context,
    arguments: &Run,
    wanted: Wanted,
    how: How<'_>,
) -> Result<Exit> {
    let signer = SigningKey::chosen(context, how.sign_key)?;
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    plan::require_known(&service.service, &service.folder, wanted, how.only)?;
    let tree = workspace.tree()?;
    session::require_fresh(context, &tree)?;
    let job = Job {
        context,
        service,
        environment,
        checks: plan::checks(&service.service, environment, wanted, how.only),
        generated: session::generated_digest(&tree, service),
        wanted,
        strict: how.strict,
        signer,
    };
    match how.repeat {
        None => Ok(job.once(arguments.format)?.exit),
        Some(times) => repeat::run(&job, times, arguments.format),
    }
}

/// What is run, once or several times.
struct Job<'a> {
    context: &'a Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    checks: Checks,
    generated: Option<Digest>,
    wanted: Wanted,
    strict: bool,
    signer: Option<SigningKey>,
}

/// How a run ended.
struct Ended {
    found: Evidence,
    exit: Exit,
}

impl Job<'_> {
    fn once(&self, format: Format) -> Result<Ended> {
        let Self { context, service, environment, generated, .. } = *self;
        let finished = session::run(context, service, environment, &self.checks, generated)?;
        let name = finished.folder.file_name().and_then(|name| name.to_str());
        let found = session::read_run(context, service, environment, generated, name)?;
        let shown = Shown { format, claims: Claims::Checked, signer: self.signer.as_ref() };
        report::write(context, service, environment, &found, &shown)?;
        let exit = if finished.interrupted { Exit::Interrupted } else { self.exit(&found) };
        Ok(Ended { found, exit })
    }

    fn exit(&self, found: &Evidence) -> Exit {
        // Only claims that the wanted checks could decide count here.
        let readiness = found.judge(self.service, &Context::today());
        let concerned = |kind: CheckKind| match kind {
            CheckKind::Feature => self.wanted.features,
            CheckKind::Load => self.wanted.loads,
            CheckKind::Probe | CheckKind::Derived => self.wanted.inside,
        };
        let mut verdicts = readiness
            .claims
            .iter()
            .filter(|claim| claim.evidence.iter().any(|check| concerned(check.kind)))
            .map(|claim| claim.verdict);
        if verdicts.clone().any(|verdict| verdict == Verdict::Failed) {
            Exit::ClaimFailed
        } else if self.strict && verdicts.any(|verdict| verdict == Verdict::Unverified) {
            Exit::NotVerified
        } else if found.checks.is_empty() {
            Exit::CouldNotFindOut
        } else {
            Exit::Success
        }
    }
}

fn show_plan(context: &Context, arguments: &Verify, wanted: Wanted) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.run.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.run.selection.env, service)?;
    plan::require_known(&service.service, &service.folder, wanted, &arguments.only)?;
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
