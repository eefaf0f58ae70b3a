//! What is built: the service as it is released, which knows nothing of mutants, and a copy that is all of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::Environment;
use proofline_spec::evidence::WorkerSize;

use super::host::Host;
use super::{Mutants, copy, schemata};
use crate::containers::engine::Engine;
use crate::containers::image;
use crate::context::Context;
use crate::run::build::{self, Program};
use crate::run::session;
use crate::run::workspace::LoadedService;
use crate::workers;

/// Both, built.
pub(super) struct Built {
    /// The process in the copy.
    pub(super) copy: Context,
    /// The size of the worker with every mutant, where it is one.
    pub(super) worker: Option<WorkerSize>,
    /// Files of the service as it is released.
    pub(super) released: Vec<String>,
}

/// Builds both, once for all mutants.
pub(super) fn build(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    mutants: &Mutants,
) -> Result<Built> {
    let host = Host::of(environment)?;
    session::prepare(context, service, environment)?;
    if host == Host::Container && !image::is_made_here(&Engine::find(context)?) {
        bail!(
            "the engine runs images of another machine, and a mutant cannot be put into one\n\
             hint: --env local for what does not need containers"
        );
    }
    let released = released(&files(context, service, host)?)?;
    let copy = copy::make(context, mutants)?;
    build::build_copy(&copy, &session::programs(service, environment))?;
    let worker = match host {
        Host::Native | Host::Container => None,
        // In a folder of its own, with what it depends on: a worker's file has the same name in both, and one that is
        // there already would be taken for the other.
        Host::Worker => {
            let tools = workers::tools::Tools::find(context)?;
            Some(workers::build::build(&copy, &tools, service)?.size)
        }
    };
    for path in files(&copy, service, host)? {
        if !holds(&path, schemata::VARIABLE)? {
            bail!("{} has no mutant in it; nothing could be shown with it", path.display());
        }
    }
    Ok(Built { copy, worker, released })
}

/// What runs of the service: its program, or the worker's module and its entry point.
fn files(context: &Context, service: &LoadedService, host: Host) -> Result<Vec<PathBuf>> {
    match host {
        Host::Native => Ok(vec![Program::Service(service).path(context)]),
        Host::Container => Ok(vec![image::compile(context, service)?]),
        Host::Worker => workers::build::existing(context, service).map(|worker| worker.programs()),
    }
}

/// Names of the files as they are released; none may know anything of mutants.
fn released(paths: &[PathBuf]) -> Result<Vec<String>> {
    for path in paths {
        if holds(path, schemata::VARIABLE)? {
            bail!(
                "{} holds `{}`: what is released has a trace of mutants\nhint: remove it, and build it again",
                path.display(),
                schemata::VARIABLE
            );
        }
    }
    Ok(paths.iter().map(|path| path.display().to_string()).collect())
}

/// Whether a file has a text in it.
fn holds(path: &Path, text: &str) -> Result<bool> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_is_refused_with_a_trace_of_mutants() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shim.mjs");
        let put = |text: &str| {
            proofline_generator::tree::write_atomically(&path, text.as_bytes()).unwrap();
        };
        put("export default {};");
        let names = released(std::slice::from_ref(&path)).unwrap();
        assert_eq!(names, [path.display().to_string()]);
        put(schemata::ENTRY);
        let error = released(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(error.contains("trace of mutants") && error.contains("hint:"), "{error}");
    }
}
