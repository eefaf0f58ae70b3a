//! The table of emitters: one file each, one artefact each.

mod assets;
mod compose;
mod dockerfile;
mod dotenv;
mod kubernetes;
mod openapi;
pub mod pipeline;
mod prometheus;
mod rust;
mod scaffold;
pub mod wrangler;

use proofline_spec::document::{Switches, Target};

use crate::Input;
use crate::tree::{MARK, Tree};

/// Adds an artefact to a tree.
pub struct Emitter {
    /// The artefact's name.
    pub name: &'static str,
    /// Whether a service has it.
    pub enabled: fn(&Input<'_>) -> bool,
    /// Adds it.
    pub emit: fn(&Input<'_>, &mut Tree) -> Result<(), BoxError>,
}

/// Why an emitter gave up: always a bug of the generator, as its input was checked.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An emitter failed on a spec that every check accepted.
#[derive(Debug, thiserror::Error)]
#[error("the generator could not write {emitter}: {source}; this is a defect of the generator")]
pub struct EmitError {
    /// The emitter's name.
    pub emitter: &'static str,
    /// What went wrong.
    pub source: BoxError,
}

/// Every emitter, in the order in which artefacts are made.
pub const EMITTERS: &[Emitter] = &[
    Emitter { name: "src/generated", enabled: |_| true, emit: rust::emit },
    Emitter { name: "assets.json", enabled: |_| true, emit: assets::emit },
    Emitter { name: "openapi.json", enabled: |_| true, emit: openapi::emit },
    Emitter { name: ".env.example", enabled: |_| true, emit: dotenv::emit },
    Emitter {
        name: "Dockerfile",
        enabled: |i| i.targets(Target::Container),
        emit: dockerfile::emit,
    },
    Emitter {
        name: "compose.yaml",
        enabled: |i| i.targets(Target::Container),
        emit: compose::emit,
    },
    Emitter {
        name: "kubernetes",
        enabled: |i| i.targets(Target::Container),
        emit: kubernetes::emit,
    },
    Emitter {
        name: "prometheus",
        enabled: |i| !i.service.alerts.is_empty(),
        emit: prometheus::emit,
    },
    Emitter {
        name: "wrangler.jsonc",
        enabled: |i| i.targets(Target::Workers),
        emit: wrangler::emit,
    },
    Emitter { name: "workflows", enabled: |i| i.targets(Target::Workers), emit: pipeline::emit },
];

/// The first line of a generated file, without the comment sign: what made it from what, and by which command.
pub(crate) fn banner(input: &Input<'_>) -> String {
    format!("{MARK} from {} (digest {}). Do not edit.", input.spec_path(), input.digest.short())
}

/// The variables by which the service's emergency switches are on from the start, and what each is for.
pub(crate) fn switches(input: &Input<'_>) -> Vec<(&'static str, &'static str)> {
    let switches = input.service.switches.iter().flat_map(Switches::all);
    switches
        .map(|(name, _)| match name {
            "read_only" => ("READ_ONLY", "on: nothing is changed as long as the service runs."),
            _ => ("MAINTENANCE", "on: nothing is answered but health as long as the service runs."),
        })
        .collect()
}

/// JSON with two spaces, and a line end at the end.
pub(crate) fn pretty_json(value: &serde_json::Value) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}
