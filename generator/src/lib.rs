//! Turns a checked spec into a service, its deployment files and its report. No network, no clock.
//!
//! [`generate`] fills a [`tree::Tree`] in memory through the table of emitters ([`emit`]); what is done with the
//! tree (show, compare, write) is the caller's. [`report`] renders verdicts and evidence.

pub mod emit;
pub mod report;
pub mod sql;
pub mod tree;
mod view;

pub use view::names::names_that_clash;

use std::collections::BTreeMap;

use proofline_spec::document::{Environment, Service, Target};
use proofline_spec::evidence::Digest;

/// Everything that is known when a service is generated.
#[derive(Debug)]
pub struct Input<'a> {
    /// Name of the folder below `spec/services/`.
    pub folder: &'a str,
    /// The checked spec.
    pub service: &'a Service,
    /// Migrations by binding, in order.
    pub migrations: &'a BTreeMap<String, Vec<sql::Migration>>,
    /// Queries as the database sees them.
    pub prepared: &'a BTreeMap<String, sql::Prepared>,
    /// Every environment; not each of them has this service.
    pub environments: &'a [Environment],
    /// Digest of the spec and its migrations.
    pub digest: Digest,
}

impl<'a> Input<'a> {
    /// Environments that the service runs in.
    pub fn environments_of_service(&self) -> impl Iterator<Item = &'a Environment> + use<'a> {
        let folder = self.folder;
        self.environments.iter().filter(move |environment| {
            environment.services.is_empty()
                || environment.services.iter().any(|name| name == folder)
        })
    }

    /// Whether the service is generated for `target`.
    pub fn targets(&self, target: Target) -> bool {
        self.service.targets.contains(&target)
    }

    /// Where the service's crate is, relative to the workspace.
    pub fn crate_folder(&self) -> String {
        format!("runtime/services/{}", self.folder)
    }

    /// The spec's file, relative to the workspace.
    pub fn spec_path(&self) -> String {
        format!("spec/services/{}/service.yaml", self.folder)
    }
}

/// Every file of a service; nothing when it has no targets.
pub fn generate(input: &Input<'_>) -> Result<tree::Tree, emit::EmitError> {
    let mut tree = tree::Tree::new();
    if input.service.targets.is_empty() {
        return Ok(tree);
    }
    let folder = input.crate_folder();
    tree.own_folder(format!("{folder}/src/generated"));
    tree.own_folder(format!("{folder}/deploy"));
    tree.own_marked(emit::pipeline::FOLDER, format!("{} from {} ", tree::MARK, input.spec_path()));
    for emitter in emit::EMITTERS {
        if (emitter.enabled)(input) {
            (emitter.emit)(input, &mut tree)
                .map_err(|source| emit::EmitError { emitter: emitter.name, source })?;
        }
    }
    Ok(tree)
}
