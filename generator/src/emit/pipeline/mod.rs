//! `.github/workflows/`: for each environment to which versions are promoted, the pipeline that leads there, and a weekly
//! scan for what became unsafe meanwhile.
//!
//! The platform reads workflows in that one folder only, so they stand outside of the service's own `deploy/`; people's
//! workflows beside them are left alone.

mod production;
mod security;
mod step;

use proofline_spec::document::{Environment, Target};
use serde_json::{Value, json};

use crate::tree::{Owner, Tree};
use crate::{Input, emit};

/// The only folder in which workflows are found.
pub const FOLDER: &str = ".github/workflows";

/// Where a version comes from, and where it goes to.
#[derive(Debug, Clone, Copy)]
struct Way<'a> {
    from: &'a Environment,
    to: &'a Environment,
}

/// Every way of a service.
fn ways<'a>(input: &Input<'a>) -> Vec<Way<'a>> {
    let ways = input.environments_of_service().filter(|to| to.target == Target::Workers);
    ways.filter_map(|to| {
        let name = to.promoted_from.as_deref()?;
        let from = input.environments.iter().find(|from| from.environment == name)?;
        Some(Way { from, to })
    })
    .collect()
}

/// The workflows of a service that lead to this environment and that scan where versions are verified before.
fn paths(folder: &str, environment: &str) -> [String; 2] {
    let start = format!("{folder}-");
    let name = if environment.starts_with(&start) {
        environment.to_owned()
    } else {
        format!("{start}{environment}")
    };
    [format!("{FOLDER}/{name}.yml"), format!("{FOLDER}/{name}-security.yml")]
}

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    for way in ways(input) {
        let [promotion, scan] = paths(input.folder, &way.to.environment);
        let purpose = format!(
            "A commit on `main` goes to `{}`, and what holds there to `{}`.",
            way.from.environment, way.to.environment
        );
        add(input, tree, promotion, &purpose, &production::workflow(input, way))?;
        let purpose = format!("Once a week: what became unsafe in `{}`.", way.from.environment);
        add(input, tree, scan, &purpose, &security::workflow(input, way))?;
    }
    Ok(())
}

fn add(
    input: &Input<'_>,
    tree: &mut Tree,
    path: String,
    purpose: &str,
    workflow: &Value,
) -> Result<(), emit::BoxError> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: true, folded_wrap_chars: 200 };
    let mut yaml = serde_saphyr::to_string_with_options(workflow, options)?;
    for action in step::ACTIONS {
        // A commit says nothing to people.
        yaml = yaml.replace(action.commit, &format!("{} # {}", action.commit, action.version));
    }
    let text = format!("# {}\n# {purpose}\n{yaml}", emit::banner(input));
    tree.add(path, Owner::Generator, text);
    Ok(())
}

/// What every workflow begins with; a workflow may read the repository, and nothing else.
fn workflow(name: &str, group: &str, on: &Value, jobs: &Value) -> Value {
    json!({
        "name": name,
        "on": on,
        "permissions": {"contents": "read"},
        // A deployment that is under way is never cut off by the next one.
        "concurrency": {"group": group, "cancel-in-progress": false},
        "env": {"CARGO_TERM_COLOR": "never", "CARGO_INCREMENTAL": "0"},
        "defaults": {"run": {"shell": "bash"}},
        "jobs": jobs,
    })
}
