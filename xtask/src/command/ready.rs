//! `ready`: the main job. Generates, builds, starts, verifies, loads, stops, judges and reports.

use anyhow::Result;
use proofline_spec::exit::Exit;

use super::report::{self, Claims, Shown};
use super::{check, generate};
use crate::cli::{Format, Ready};
use crate::context::{Context, Stopped};
use crate::output;
use crate::run::evidence::keys::SigningKey;
use crate::run::plan::{self, Wanted};
use crate::run::session;

pub(super) fn run(context: &Context, arguments: &Ready) -> Result<Exit> {
    let result = ready(context, arguments);
    if arguments.run.format == Format::Json
        && let Err(error) = &result
    {
        // Whoever reads JSON gets an object even when nothing could be found out.
        output::stdout(&format!("{:#}\n", report::nothing_found(&format!("{error:#}"))));
    }
    result
}

fn ready(context: &Context, arguments: &Ready) -> Result<Exit> {
    let signer = SigningKey::chosen(context, arguments.signing.sign_key.as_deref())?;
    let arguments = &arguments.run;
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    let tree = workspace.tree()?;
    let Some(changes) = generate::changes(context, &tree) else { return Ok(Exit::Usage) };
    generate::write(context, &tree, &changes)?;
    let wanted = Wanted { features: true, loads: true, inside: true };
    let checks = plan::checks(&service.service, environment, wanted, &[]);
    let generated = session::generated_digest(&tree, service);
    let finished = session::run(context, service, environment, &checks, generated)?;
    let run = finished.folder.file_name().and_then(|name| name.to_str());
    let found = session::read_run(context, service, environment, generated, run)?;
    let shown = Shown { format: arguments.format, claims: Claims::All, signer: signer.as_ref() };
    let exit = report::write(context, service, environment, &found, &shown)?;
    if finished.interrupted {
        return Err(Stopped::interrupted());
    }
    Ok(exit)
}
