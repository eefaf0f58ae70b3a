//! `rollback`: the version of before takes all requests again.

use anyhow::Result;
use proofline_spec::exit::Exit;

use super::{check, deploy};
use crate::cli::Rollback;
use crate::context::Context;
use crate::output::{self, Tone};
use crate::workers::deploy::Deployment;

pub(super) fn run(context: &Context, arguments: &Rollback) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    deploy::address(environment)?;
    let wrangler = deploy::wrangler(context)?;
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let deployment = Deployment::new(context, service, environment, &wrangler, scratch.path())?;
    let (from, to) = deployment.return_to(arguments.version.as_deref())?;
    let text = format!("from version {from} to {to}; migrations stay applied");
    output::line(context, Tone::Good, "Rolled back", &text);
    Ok(Exit::Success)
}
