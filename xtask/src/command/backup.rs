//! `backup` and `restore`: the store that `serve` keeps on this machine, into a folder and out of it again.

use anyhow::{Result, bail};
use proofline_spec::document::{Environment, NativeStores, Start};
use proofline_spec::exit::Exit;

use super::{check, serve};
use crate::cli::{Backup, Restore};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::backup::{self, Manifest};

pub(super) fn take(context: &Context, arguments: &Backup) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    require_files(environment)?;
    let store = match &arguments.data {
        Some(data) => data.clone(),
        None => serve::usual(context, service, environment),
    };
    let now = Context::now();
    let folder = arguments.to.clone().unwrap_or_else(|| {
        let stamp: String = now.chars().filter(char::is_ascii_digit).take(17).collect();
        let name = &environment.environment;
        context.root.join("backups").join(name).join(&service.folder).join(stamp)
    });
    let names = (service.folder.as_str(), environment.environment.as_str());
    let manifest = backup::take(&store, &folder, Manifest::new(names, service.digest, now))?;
    let text = format!("{} to {}, and read back", manifest.describe(), folder.display());
    output::line(context, Tone::Good, "Backed up", &text);
    Ok(Exit::Success)
}

pub(super) fn restore(context: &Context, arguments: &Restore) -> Result<Exit> {
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let to = match &arguments.to {
        Some(to) => to.clone(),
        None if arguments.verify => scratch.path().join("restored"),
        None => bail!("say where to with --to, or --verify to only try it"),
    };
    let (manifest, differences) = backup::restore(&arguments.from, &to)?;
    for difference in &differences {
        output::line(context, Tone::Bad, "Differs", difference);
    }
    if !differences.is_empty() {
        return Ok(Exit::ClaimFailed);
    }
    let what = format!(
        "`{}` in `{}` of {}: {}, every row compared",
        manifest.service,
        manifest.environment,
        manifest.taken_at,
        manifest.describe()
    );
    let verb = if arguments.to.is_some() { "Restored" } else { "Verified" };
    output::line(context, Tone::Good, verb, &what);
    Ok(Exit::Success)
}

/// Only stores that are files on this machine; nobody's deployed data is read or written.
fn require_files(environment: &Environment) -> Result<()> {
    let name = &environment.environment;
    match &environment.start {
        Some(Start::Workers(_)) => Ok(()),
        Some(Start::Native(start)) if start.stores == NativeStores::Embedded => Ok(()),
        Some(Start::Command(_)) => {
            bail!("nobody says where the program of `{name}` keeps its data")
        }
        Some(_) => bail!(
            "the database of `{name}` is on a server\nhint: `pg_dump` and `pg_restore` take and restore its backups"
        ),
        None => bail!(
            "`{name}` is not on this machine\nhint: the platform keeps its own history of databases: `wrangler d1 time-travel`"
        ),
    }
}
