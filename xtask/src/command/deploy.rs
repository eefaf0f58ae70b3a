//! `deploy`: a commit to an environment on Workers, verified there, and rolled back when a P0 claim fails; promoted only
//! when its claims hold in the environment before.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::{Environment, LockedIds, Severity, Target};
use proofline_spec::evidence::{LeftOut, Verdict};
use proofline_spec::exit::Exit;

use super::check;
use super::report::{self, Claims, Shown};
use crate::cli::Deploy;
use crate::context::{Context, Stopped};
use crate::output::{self, Progress, Tone};
use crate::run::evidence::keys::SigningKey;
use crate::run::git;
use crate::run::plan::{self, Checks, Wanted};
use crate::run::session;
use crate::run::workspace::{LoadedService, Workspace};
use crate::workers::build::{self, Worker};
use crate::workers::deploy::{self, Deployment, Outcome, Record, Secrets};
use crate::workers::tools::{Tools, Wrangler};

pub(super) fn run(context: &Context, arguments: &Deploy) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let selection = &arguments.selection;
    let service = workspace.service(selection.service.as_deref())?;
    let environment = workspace.environment(&selection.env, service)?;
    let url = address(environment)?;
    let tree = workspace.tree()?;
    session::require_fresh(context, &tree)?;
    let commit = committed(context)?;
    let (wrangler, worker) = worker(context, arguments, service)?;
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    if arguments.dry_run {
        let deployment =
            deploy::without_account(context, service, environment, &wrangler, scratch.path())?;
        deployment.dry_run()?;
        let text = format!("{} to {url}; nothing was sent", service.service.service.name);
        output::line(context, Tone::Good, "Could deploy", &text);
        return Ok(Exit::Success);
    }
    let deployment = Deployment::new(context, service, environment, &wrangler, scratch.path())?;
    let generated = session::generated_digest(&tree, service);
    let mut record = Record::new(
        (&service.service.service.name, &environment.environment),
        commit,
        (service.digest, generated),
        worker.size,
        Context::now(),
    );
    let ids = ids(&workspace, service, environment);
    let target = Place { context, service, environment, url: &url, generated };
    if arguments.promote {
        holds_before(&workspace, &target, arguments)?;
    }
    let ended = target.perform(&deployment, &ids, &mut record, arguments);
    record.finished_at = Some(Context::now());
    let path = deploy::write_record(&context.root, &service.folder, &record)?;
    let path = path.strip_prefix(&context.root).unwrap_or(&path);
    output::line(context, Tone::Plain, "Record", &path.display().to_string());
    ended
}

/// Where the environment is; only what runs elsewhere can be deployed.
pub(super) fn address(environment: &Environment) -> Result<String> {
    let name = &environment.environment;
    if environment.target != Target::Workers {
        bail!(
            "`{name}` is not on Workers, and only those environments are deployed by this command"
        );
    }
    if environment.start.is_some() {
        bail!(
            "`{name}` is started on this machine\nhint: `cargo xtask ready --env {name}` checks it"
        );
    }
    environment
        .url
        .clone()
        .with_context(|| format!("`{name}` has no `url`, so nothing could be verified"))
}

/// What is deployed is what a commit says; ids that a deployment has just kept are no change of it.
fn committed(context: &Context) -> Result<String> {
    let (commit, dirty) = git::commit_but(&context.root, "environments/*.lock.yaml");
    let Some(commit) = commit else {
        bail!(
            "this is not a git repository with a commit, so nobody could say later what was deployed"
        );
    };
    if dirty {
        bail!(
            "there are changes that are not committed\nhint: commit or stash them; `git status` lists them"
        );
    }
    Ok(commit)
}

/// Wrangler alone, where nothing is built.
pub(super) fn wrangler(context: &Context) -> Result<Wrangler> {
    Wrangler::find(context).map_err(|missing| {
        let text = format!("{}: {}\nrun: {}", missing.name, missing.why, missing.fix);
        Stopped::could_not_find_out(text)
    })
}

fn worker(
    context: &Context,
    arguments: &Deploy,
    service: &LoadedService,
) -> Result<(Wrangler, Worker)> {
    if arguments.built {
        return Ok((wrangler(context)?, build::existing(context, service)?));
    }
    let tools = Tools::find(context)?;
    let worker = build::build(context, &tools, service)?;
    Ok((tools.wrangler, worker))
}

fn ids(workspace: &Workspace, service: &LoadedService, environment: &Environment) -> LockedIds {
    let lock = workspace.locks.iter().find(|lock| lock.environment == environment.environment);
    lock.and_then(|lock| lock.services.get(&service.folder)).cloned().unwrap_or_default()
}

#[derive(Clone, Copy)]
struct Place<'a> {
    context: &'a Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    url: &'a str,
    generated: Option<proofline_spec::evidence::Digest>,
}

impl Place<'_> {
    fn perform(
        &self,
        deployment: &Deployment<'_>,
        ids: &LockedIds,
        record: &mut Record,
        arguments: &Deploy,
    ) -> Result<Exit> {
        let before = deployment.current(record)?;
        deployment.prepare(ids, &Secrets::of(self.service), record)?;
        if arguments.migrate {
            record.outcome = Outcome::Migrated;
            return Ok(Exit::Success);
        }
        // Beside a version that is not there yet nothing can be uploaded.
        if arguments.promote && before.is_some() {
            deployment.promote(record)?;
        } else {
            deployment.deploy(record)?;
        }
        let problem = match self.watch(record, arguments) {
            Ok(None) => {
                record.outcome = Outcome::Deployed;
                return Ok(Exit::Success);
            }
            Ok(Some(problem)) => problem,
            Err(error) => {
                let what = "the new version is deployed, but could not be verified";
                output::line(self.context, Tone::Bad, "Unverified", what);
                if arguments.promote && before.is_some() {
                    deployment.roll_back(record, "it could not be verified")?;
                    record.outcome = Outcome::RolledBack;
                }
                return Err(error);
            }
        };
        record.outcome = Outcome::Failed;
        output::line(self.context, Tone::Bad, "Failed", &problem);
        deployment.roll_back(record, &problem)?;
        record.outcome = Outcome::RolledBack;
        Ok(Exit::ClaimFailed)
    }

    /// What is wrong with what was deployed, if anything is; what is promoted is looked at until its time is over.
    fn watch(&self, record: &mut Record, arguments: &Deploy) -> Result<Option<String>> {
        let begun = Instant::now();
        loop {
            let problem = self.verify(record, arguments)?;
            let over = !arguments.promote
                || begun.elapsed().as_millis() >= arguments.watch.as_millis().into();
            if problem.is_some() || over {
                return Ok(problem);
            }
        }
    }

    /// What is wrong with what is deployed, if anything is.
    fn verify(&self, record: &mut Record, arguments: &Deploy) -> Result<Option<String>> {
        self.look(&mut record.run, &mut record.failed_claims, arguments)
    }

    /// The same, with the run that found it and the claims that failed.
    fn look(
        &self,
        run: &mut Option<String>,
        failed_claims: &mut Vec<String>,
        arguments: &Deploy,
    ) -> Result<Option<String>> {
        let (service, environment) = (self.service, self.environment);
        session::prepare(self.context, service, environment)?;
        let progress = Progress::start(self.context, "Waiting", self.url);
        let there = session::wait_for_spec(self.context, service, environment, self.url)?;
        drop(progress);
        if !there {
            let url = self.url;
            return Ok(Some(format!("{url} does not say that it was generated from this spec")));
        }
        let checks = p0_checks(service, environment);
        let finished = session::run(self.context, service, environment, &checks, self.generated)?;
        let name = finished.folder.file_name().and_then(|name| name.to_str());
        *run = name.map(str::to_owned);
        let found = session::read_run(self.context, service, environment, self.generated, name)?;
        let signer = SigningKey::chosen(self.context, None)?;
        let (format, claims) = (arguments.format, Claims::Checked);
        let shown = Shown { format, claims, signer: signer.as_ref() };
        report::write(self.context, service, environment, &found, &shown)?;
        if finished.interrupted {
            return Err(Stopped::interrupted());
        }
        let readiness = found.judge(service, &Context::today());
        let failed = readiness
            .claims
            .iter()
            .filter(|claim| claim.severity == Severity::P0 && claim.verdict == Verdict::Failed);
        *failed_claims = failed.map(|claim| claim.id.clone()).collect();
        if failed_claims.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!("P0 claims failed: {}", failed_claims.join(", "))))
    }
}

/// Nothing is promoted that does not run in the environment before, or whose P0 claims do not hold there now.
fn holds_before(workspace: &Workspace, to: &Place<'_>, arguments: &Deploy) -> Result<()> {
    let name = &to.environment.environment;
    let Some(from) = &to.environment.promoted_from else {
        bail!(
            "nothing is promoted to `{name}`: it does not say from where\nhint: add `promoted_from: ENVIRONMENT` to environments/{name}.yaml"
        );
    };
    let environment = workspace.environment(from, to.service)?;
    let url = address(environment)?;
    let place = Place { environment, url: &url, ..*to };
    let (mut run, mut failed) = (None, Vec::new());
    let problem = place.look(&mut run, &mut failed, arguments)?;
    let Some(problem) = problem else {
        output::line(to.context, Tone::Good, "Verified", &format!("in `{from}`"));
        return Ok(());
    };
    Err(Stopped {
        exit: Exit::ClaimFailed,
        message: format!("nothing is promoted to `{name}`: in `{from}`, {problem}"),
    }
    .into())
}

/// The checks that P0 claims ask for.
fn p0_checks(service: &LoadedService, environment: &Environment) -> Checks {
    let wanted = Wanted { features: true, loads: false, inside: false };
    let mut checks = plan::checks(&service.service, environment, wanted, &[]);
    let is_p0 = |claim: &String| {
        service.service.claims.get(claim).is_some_and(|claim| claim.severity == Severity::P0)
    };
    let (p0, others): (Vec<_>, Vec<_>) =
        checks.features.into_iter().partition(|check| check.claims.iter().any(is_p0));
    let reason = "a deployment checks P0 claims";
    checks.left_out.extend(others.into_iter().map(|other| LeftOut {
        check: other.check,
        reason: reason.to_owned(),
        by_choice: true,
    }));
    Checks { features: p0, ..checks }
}
