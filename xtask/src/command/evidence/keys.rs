//! `evidence keygen` and `evidence sign`: who stands for a run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_spec::evidence::Verdicts;
use proofline_spec::exit::Exit;

use super::super::check;
use super::wanted;
use crate::cli::evidence::{Keygen, Sign};
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};
use crate::run::evidence::fit;
use crate::run::evidence::keys::{KEY_VARIABLE, SigningKey};
use crate::run::evidence::runs;
use crate::run::evidence::signature;

/// Where a key is kept below the user's folder of configurations.
const KEPT: &str = "proofline/signing-key.pem";

pub(super) fn generate(context: &Context, arguments: &Keygen) -> Result<Exit> {
    let path = match &arguments.out {
        Some(path) => context.root.join(path),
        None => usual(context)?,
    };
    outside(context, &path)?;
    let key = SigningKey::create(&path)?;
    output::stdout(&key.public().to_pem());
    output::line(
        context,
        Tone::Good,
        "Made",
        &format!("{}, which only you may read", path.display()),
    );
    let text = format!("{}; what is on standard output is for whoever checks", key.public().id());
    output::line(context, Tone::Plain, "Public key", &text);
    Ok(Exit::Success)
}

/// Where a key is kept when nobody says where.
fn usual(context: &Context) -> Result<PathBuf> {
    if let Some(path) = context.variable(KEY_VARIABLE) {
        return Ok(context.root.join(path));
    }
    let home = || context.variable("HOME").map(|home| Path::new(&home).join(".config"));
    let folder = context.variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let folder = folder.context("there is no home folder\nhint: say where with `--out FILE`")?;
    Ok(folder.join(KEPT))
}

/// A key inside of the repository would be committed one day.
fn outside(context: &Context, path: &Path) -> Result<()> {
    let existing = path.ancestors().find_map(|folder| folder.canonicalize().ok());
    let root = context.root.canonicalize().unwrap_or_else(|_| context.root.clone());
    if existing.is_some_and(|folder| folder.starts_with(root)) {
        bail!(
            "{} is inside of the repository, where a private key must not be\nhint: name a file elsewhere with `--out FILE`",
            path.display()
        );
    }
    Ok(())
}

pub(super) fn sign(context: &Context, arguments: &Sign) -> Result<Exit> {
    let key = SigningKey::chosen(context, arguments.signing.sign_key.as_deref())?;
    let key = key.with_context(|| {
        format!("no key was named\nhint: `--sign-key FILE`, or the variable {KEY_VARIABLE}; `cargo xtask evidence keygen` makes one")
    })?;
    let place = runs::find(context, arguments.run.as_deref(), wanted(&arguments.filter))?;
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    // A run of something else may be signed where it is kept; one that was changed may not.
    let troubles = fit::of_run(&workspace, &place)?;
    if let Some(trouble) = troubles.iter().find(|trouble| trouble.place == Verdicts::FILE) {
        let text = format!("the run is not as it ended, so it is not signed: {trouble}");
        return Err(Stopped::could_not_find_out(text));
    }
    signature::sign_with(context, &place.folder, Some(&key))?;
    Ok(Exit::Success)
}
