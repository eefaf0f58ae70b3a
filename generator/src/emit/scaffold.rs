//! The files that cargo and people want, written once and people's from then on.

use proofline_spec::document::{Binding, Target};

use crate::tree::{Owner, Tree};
use crate::view::{names, prose};
use crate::{Input, sql};

/// Adds them; `handlers` is the text of the hand-written part.
pub(super) fn add(input: &Input<'_>, handlers: String, tree: &mut Tree) {
    let folder = input.crate_folder();
    let mut add = |file: &str, text: String| {
        tree.add(format!("{folder}/{file}"), Owner::People, text);
    };
    add("Cargo.toml", manifest(input));
    add("src/lib.rs", library(input));
    add("src/main.rs", program(input));
    add("src/handlers.rs", handlers);
}

fn manifest(input: &Input<'_>) -> String {
    let identity = &input.service.service;
    let summary = serde_json::Value::from(identity.summary.as_str()).to_string();
    let workers = if input.targets(Target::Workers) {
        "# WebAssembly on Cloudflare Workers.\nworkers = [\"proofline-runtime/workers\"]\n"
    } else {
        ""
    };
    // What replicas share: limits, at the least; and their database.
    let mut shared = String::new();
    if sql::postgres::is_wanted(input.service) {
        shared.push_str(", \"proofline-runtime/postgres\"");
    }
    if input.targets(Target::Container) {
        shared.push_str(", \"proofline-runtime/redis\"");
        let is_blob = |binding: &Binding| matches!(binding, Binding::Blob { .. });
        if input.service.bindings.values().any(is_blob) {
            shared.push_str(", \"proofline-runtime/s3\"");
        }
    }
    format!(
        "\
[package]
name = \"{name}\"
description = {summary}
version = \"{version}\"
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish = false

[features]
default = [\"native\"]
# A process on a machine or in a container.
native = [\"proofline-runtime/native\"{shared}]
{workers}
[[bin]]
name = \"{name}\"
path = \"src/main.rs\"
required-features = [\"native\"]

[dependencies]
proofline-runtime.workspace = true

[lints]
workspace = true
",
        name = identity.name,
        version = identity.version,
    )
}

fn library(input: &Input<'_>) -> String {
    let summary = prose::prose(input.service.service.summary.trim_end_matches('.'));
    let workers = if input.targets(Target::Workers) {
        "\n#[cfg(feature = \"workers\")]\nproofline_runtime::workers!(Generated(App));\n"
    } else {
        ""
    };
    format!(
        "\
//! {summary}.

#[rustfmt::skip]
pub mod generated;
pub mod handlers;

pub use generated::Generated;
pub use handlers::App;
{workers}"
    )
}

fn program(input: &Input<'_>) -> String {
    let library = names::snake(&input.service.service.name);
    format!(
        "\
//! The service as a process.

use std::process::ExitCode;

use {library}::{{App, Generated}};

fn main() -> ExitCode {{
    proofline_runtime::host::native::main(Generated(App))
}}
"
    )
}
