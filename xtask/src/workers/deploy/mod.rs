//! A deployment, step by step: resources, secrets, migrations, the worker itself; each step is recorded.

mod record;
mod resources;
mod secrets;
mod versions;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use proofline_generator::emit::wrangler::with_ids;
use proofline_spec::document::{Environment, LockedIds};

use super::tools::Wrangler;
use super::wrangler::{self, Call};
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};
use crate::run::workspace::LoadedService;

pub(crate) use record::{Outcome, Record, deployed, write as write_record};
pub(crate) use secrets::Secrets;

/// Names of the variables by which wrangler comes to an account.
const ACCOUNT: [&str; 2] = ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"];
/// Where the vendor's interface is, when it is not where it always is.
const BASE_URL: &str = "CLOUDFLARE_API_BASE_URL";

/// What a deployment is of, and by what it is done.
#[derive(Debug)]
pub(crate) struct Deployment<'a> {
    context: &'a Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    call: Call<'a>,
}

impl<'a> Deployment<'a> {
    /// Prepares a deployment, with everything that wrangler writes below `folder`.
    pub(crate) fn new(
        context: &'a Context,
        service: &'a LoadedService,
        environment: &'a Environment,
        wrangler: &'a Wrangler,
        folder: &'a Path,
    ) -> Result<Self> {
        let mut given = Vec::new();
        for name in ACCOUNT.into_iter().chain([BASE_URL]) {
            match context.variable(name) {
                Some(value) => given.push((name, value)),
                None if ACCOUNT.contains(&name) => bail!(
                    "{name} is not set\nhint: set {} to a token that may edit Workers, and to the account's id",
                    ACCOUNT.join(" and ")
                ),
                None => {}
            }
        }
        let call = Call::new(context, wrangler, environment, folder)?.with(given);
        Ok(Self { context, service, environment, call })
    }

    /// Does one step, says so, and notes how long it took.
    fn step<T>(
        &self,
        record: &mut Record,
        verb: &str,
        what: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if self.context.interrupted() {
            return Err(Stopped::interrupted());
        }
        let begun = Instant::now();
        let done = work()?;
        record.step(verb, what, begun.elapsed());
        output::line(self.context, Tone::Good, verb, what);
        Ok(done)
    }

    /// The version that is deployed now, if there is one.
    pub(crate) fn current(&self, record: &mut Record) -> Result<Option<String>> {
        self.configure(None)?;
        let version = versions::current(&self.call)?;
        record.previous_version.clone_from(&version);
        Ok(version)
    }

    /// Everything that must be there before a version is: resources, migrations, secrets.
    pub(crate) fn prepare(
        &self,
        ids: &LockedIds,
        secrets: &Secrets,
        record: &mut Record,
    ) -> Result<()> {
        let missing = secrets.missing(&self.call, record.previous_version.is_some())?;
        let values = secrets.values(self.context, self.environment, &missing)?;
        let ids = self.resources(ids, record)?;
        self.configure(Some(&ids))?;
        for database in wrangler::databases(self.service) {
            self.step(record, "Migrated", database, || {
                let arguments = ["d1", "migrations", "apply", database, "--remote"];
                let doing = format!("apply the migrations of `{database}`");
                self.call.run(self.call.command(&arguments), None, &doing)
            })?;
        }
        if !missing.is_empty() {
            let names = missing.join(", ");
            self.step(record, "Set", &format!("secrets {names}"), || values.put(&self.call))?;
            record.secrets_set = missing;
        }
        Ok(())
    }

    /// The new version, which takes all requests at once.
    pub(crate) fn deploy(&self, record: &mut Record) -> Result<()> {
        let (worker, message) = (self.worker(), record.message());
        let version =
            self.step(record, "Deployed", &worker, || versions::deploy(&self.call, &message))?;
        record.version = Some(version);
        Ok(())
    }

    /// The new version beside the old one, then all requests to it.
    pub(crate) fn promote(&self, record: &mut Record) -> Result<()> {
        let (worker, message) = (self.worker(), record.message());
        let version =
            self.step(record, "Uploaded", &worker, || versions::upload(&self.call, &message))?;
        record.version = Some(version.clone());
        self.step(record, "Promoted", &version, || versions::shift(&self.call, &version, &message))
    }

    fn worker(&self) -> String {
        self.environment.worker_name(&self.service.service.service.name)
    }

    fn resources(&self, ids: &LockedIds, record: &mut Record) -> Result<LockedIds> {
        let known = resources::Known::look(&self.call, self.service, self.environment)?;
        for resource in known.missing() {
            let what = format!("{} {}", resources::name(resource.kind), resource.name);
            self.step(record, "Created", &what, || resources::create(&self.call, resource))?;
            record.created.push(what);
        }
        for resource in known.to_settle() {
            let what = format!("queue {}", resource.name);
            self.step(record, "Settled", &what, || resources::settle(&self.call, resource))?;
        }
        let found = if known.missing().next().is_none() {
            known
        } else {
            resources::Known::look(&self.call, self.service, self.environment)?
        };
        let new = found.ids()?;
        for (database, id) in found.to_replicate() {
            let what = format!("read replicas of {}", database.name);
            self.step(record, "Settled", &what, || resources::replicate(&self.call, database, id))?;
        }
        resources::keep(self.context, self.environment, &self.service.folder, ids, &new)?;
        Ok(new)
    }

    fn configure(&self, ids: Option<&LockedIds>) -> Result<()> {
        let mut config = wrangler::generated(&self.context.root, self.service)?;
        if let Some(ids) = ids {
            config = with_ids(&config, &self.environment.environment, ids)?;
        }
        let to = self.call.configuration();
        wrangler::configure(self.context, self.service, self.environment, config, &to)
    }

    /// What wrangler makes of the configuration and the worker, without an account.
    pub(crate) fn dry_run(&self) -> Result<()> {
        self.configure(None)?;
        versions::dry_run(&self.call)
    }

    /// Brings the version of before back.
    pub(crate) fn roll_back(&self, record: &mut Record, why: &str) -> Result<()> {
        let previous = record.previous_version.clone().context(
            "there is no version to roll back to: this was the worker's first deployment",
        )?;
        let begun = Instant::now();
        versions::roll_back(&self.call, &previous, why)?;
        let took = begun.elapsed();
        record.step("Rolled back", &previous, took);
        let text = format!("to version {previous} in {:.1} s", took.as_secs_f64());
        output::line(self.context, Tone::Warn, "Rolled back", &text);
        Ok(())
    }

    /// Lets this version take all requests again, or the one before, and looks whether it does.
    pub(crate) fn return_to(&self, version: Option<&str>) -> Result<(String, String)> {
        self.configure(None)?;
        let now = versions::current(&self.call)?.context("there is no such worker there")?;
        let version = match version {
            Some(version) => version.to_owned(),
            None => versions::before(&self.call, &now)?
                .context("the platform knows of no other version that took requests before")?,
        };
        if version == now {
            bail!("version {version} takes all requests already");
        }
        versions::roll_back(&self.call, &version, "rolled back by hand")?;
        let found = versions::current(&self.call)?;
        if found.as_deref() == Some(version.as_str()) {
            return Ok((now, version));
        }
        Err(Stopped::could_not_find_out(format!(
            "version {version} should take all requests, but the platform names {}",
            found.unwrap_or_else(|| "none".to_owned())
        )))
    }
}

/// A deployment that only looks at what would be deployed needs no account.
pub(crate) fn without_account<'a>(
    context: &'a Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    wrangler: &'a Wrangler,
    folder: &'a Path,
) -> Result<Deployment<'a>> {
    let call = Call::new(context, wrangler, environment, folder)?;
    Ok(Deployment { context, service, environment, call })
}
