//! What the checks' program does with a service that runs somewhere already.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::build::{self, Program};
use super::workspace::Workspace;
use super::{runners, session};
use crate::cli::Elsewhere;
use crate::context::Context;

/// Has it do something; its answer.
pub(crate) fn ask(
    context: &Context,
    workspace: &Workspace,
    place: &Elsewhere,
    words: &[&str],
) -> Result<Value> {
    let service = workspace.service(place.selection.service.as_deref())?;
    let environment = workspace.environment(&place.selection.env, service)?;
    let Some(url) = place.url.as_deref().or(environment.url.as_deref()) else {
        bail!(
            "the environment `{}` has no `url`\nhint: say where the service is with --url",
            environment.environment
        );
    };
    build::build(context, &[Program::Features])?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plan.json");
    let plan = session::plan_at(service, environment, url);
    runners::write_private(&file, serde_json::to_string(&plan)?.as_bytes())?;
    runners::ask(context, words, &file, &BTreeMap::new())
}
