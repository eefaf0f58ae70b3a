//! What a worker asks of Workers AI and Vectorize: the real code, in the platform's own runtime, beside objects with
//! the same methods, as neither service is there locally.

use anyhow::Result;
use proofline_generator::tree::write_atomically;

use super::program;
use super::table::Outcome;
use crate::context::Context;
use crate::run::workspace::Workspace;
use crate::workers::build;
use crate::workers::tools::{QUIET, Tools};

/// The script that runs the worker and looks at what it asks and answers.
const SCRIPT: &str = include_str!("../../tools/search.mjs");
/// The service that searches.
const SERVICE: &str = "atomic-guide";

/// Builds the worker, and runs it beside the stand-ins.
pub(super) fn beside_stand_ins(context: &Context) -> Result<Outcome> {
    let workspace = Workspace::load(context, Some(SERVICE))?;
    let service = workspace.service(Some(SERVICE))?;
    let tools = Tools::find(context)?;
    let worker = build::build(context, &tools, service)?;
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let script = folder.path().join("search.mjs");
    write_atomically(&script, SCRIPT.as_bytes())?;
    let root = &context.root;
    let said = program::run(context, &tools.wrangler.node, |command| {
        command.arg(&script).arg(&tools.wrangler.script);
        command.arg(root.join("runtime/services").join(SERVICE).join("deploy/wrangler.jsonc"));
        command.arg(&worker.folder);
        command.arg(root.join("spec/services").join(SERVICE).join("migrations"));
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.envs(QUIET.iter().copied()).env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    })?;
    Ok(Outcome::one(said.success, said.all()))
}
