//! Whether a run is of what is here now: this spec, this version, this code, this environment; and whether its verdicts
//! follow from its evidence.

use anyhow::Result;
use proofline_generator::tree::Tree;

use super::integrity::MANIFEST;
use super::runs::Place;
use super::trouble::Trouble;
use crate::run::session;
use crate::run::workspace::Workspace;

/// What does not fit. Says nothing about files that are not as they were: that is for `integrity`.
pub(crate) fn of_run(workspace: &Workspace, place: &Place) -> Result<Vec<Trouble>> {
    let again = format!(
        "make evidence of what is here: `cargo xtask verify --env {} --service {}`",
        place.environment, place.service
    );
    let unknown = |what: &str, name: &str| {
        vec![Trouble::new(MANIFEST, format!("there is no {what} `{name}` here"), again.as_str())]
    };
    let Some(service) = workspace.services.iter().find(|known| known.folder == place.service)
    else {
        return Ok(unknown("service", &place.service));
    };
    let environments = &workspace.environments;
    let Some(environment) = environments.iter().find(|e| e.environment == place.environment) else {
        return Ok(unknown("environment", &place.environment));
    };
    let tree: Tree = workspace.tree()?;
    let generated = session::generated_digest(&tree, service);
    let found = super::read(&place.folder, service, environment, generated)?;
    if let Some(reason) = found.foreign {
        return Ok(vec![Trouble::new(MANIFEST, reason, again)]);
    }
    Ok(found.unlike.into_iter().collect())
}
