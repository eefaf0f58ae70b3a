//! `evidence verify`: whether a run is what was written, and of what is here now.

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::exit::Exit;
use serde_json::json;

use super::super::check;
use super::list::short;
use super::{print_json, wanted};
use crate::cli::Format;
use crate::cli::evidence::Verify;
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::evidence::integrity::{self, Integrity};
use crate::run::evidence::keys::PublicKey;
use crate::run::evidence::runs::{self, Place};
use crate::run::evidence::trouble::Trouble;
use crate::run::evidence::{self, fit};

pub(super) fn run(context: &Context, arguments: &Verify) -> Result<Exit> {
    let keys = PublicKey::chosen(context, &arguments.trust.key)?;
    let one = &arguments.one;
    let place = runs::find(context, one.run.as_deref(), wanted(&one.filter))?;
    let mut whole = integrity::check(&place.folder, &keys)?;
    if !arguments.files_only && evidence::read_manifest(&place.folder).is_ok() {
        let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
        whole.troubles.extend(fit::of_run(&workspace, &place)?);
    }
    match one.format {
        Format::Json => print_json(&json!({
            "run": place.run,
            "environment": place.environment,
            "service": place.service,
            "holds": whole.troubles.is_empty(),
            "files": whole.files,
            "signed_by": whole.keyid,
            "signature_checked": whole.checked,
            "troubles": whole.troubles,
        }))?,
        Format::Text => say(context, &place, &whole),
    }
    Ok(if whole.troubles.is_empty() { Exit::Success } else { Exit::CouldNotFindOut })
}

fn say(context: &Context, place: &Place, whole: &Integrity) {
    let folder = place.folder.strip_prefix(&context.root).unwrap_or(&place.folder).display();
    for Trouble { place, cause, fix } in &whole.troubles {
        output::line(context, Tone::Bad, "Refused", &format!("{folder}/{place}: {cause}"));
        output::line(context, Tone::Plain, "", &format!("hint: {fix}"));
    }
    let signature = match (&whole.keyid, whole.checked) {
        (Some(id), true) => format!("signed by {}", short(id)),
        (Some(id), false) => {
            format!(
                "its signature names the key {}, and no `--key` was given to check it",
                short(id)
            )
        }
        (None, _) => "not signed".to_owned(),
    };
    let files = counted(whole.files, "file");
    if whole.troubles.is_empty() {
        let tone = if whole.checked { Tone::Good } else { Tone::Warn };
        output::line(context, tone, "Holds", &format!("{}: {files}, {signature}", place.run));
    } else {
        let troubles = counted(whole.troubles.len(), "trouble");
        output::line(
            context,
            Tone::Bad,
            "Refused",
            &format!("{}: {troubles} in {files}", place.run),
        );
    }
}
