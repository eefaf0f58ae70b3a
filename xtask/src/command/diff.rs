//! `diff`: what the spec says otherwise than at the last release, and what of it breaks clients.

use anyhow::Result;
use proofline_generator::report::ReleaseChange;
use proofline_spec::exit::Exit;
use serde_json::json;

use super::check;
use crate::cli::{Diff, Format};
use crate::context::Context;
use crate::output;
use crate::run::release;

pub(super) fn run(context: &Context, arguments: &Diff) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    let last = match &arguments.since {
        Some(revision) => Some(release::at(&context.root, &service.folder, revision)?),
        None => release::last(&context.root, &service.folder, &environment.environment)?,
    };
    let change = last.map(|last| ReleaseChange::of(&last, &service.service));
    match (arguments.format, change) {
        (Format::Json, change) => {
            let name = &service.folder;
            output::stdout(&format!("{:#}\n", json!({ "service": name, "release": change })));
        }
        (Format::Text, Some(change)) => output::stdout(&change.markdown(str::to_owned)),
        (Format::Text, None) => output::stdout(&format!(
            "There is no last release of `{0}`: no tag `{0}-v<version>` or `v<version>`, and no deployment of another commit.\n\
             hint: `--since REVISION` compares with any tag, branch or commit\n",
            service.folder
        )),
    }
    Ok(Exit::Success)
}
