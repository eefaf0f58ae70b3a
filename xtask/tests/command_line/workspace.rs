//! A small workspace in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use proofline_generator::tree::write_atomically;
use tempfile::TempDir;

/// A service that is only described: nothing is generated for it.
pub(crate) const DESCRIBED: &str = "\
proofline: v1
service: {name: tiny, version: 1.0.0, summary: A tiny service}
targets: []
limits: {ip: {by: client_ip, rate: 60/min}}
defaults: {limits: [ip]}
routes:
  GET /hello: {auth: none, op: {custom: hello}, returns: {204: none}}
claims:
  SEC-HEADERS: {severity: P0, statement: Every answer has the headers., proven_by: [{feature: security/headers}]}
";

const LOCAL: &str = "proofline: v1\nenvironment: local\nservices: [tiny]\ntarget: native\nurl: http://127.0.0.1:1\n";

/// A workspace.
pub(crate) struct Workspace {
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workspace {
    /// A workspace with one service `tiny`.
    pub(crate) fn with(spec: &str) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        workspace.write("Cargo.toml", "[workspace]\n");
        workspace.write("spec/services/tiny/service.yaml", spec);
        workspace.write("environments/local.yaml", LOCAL);
        workspace.write("features/catalogue/security/headers.feature", "Feature: headers\n");
        workspace
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: &str) {
        write_atomically(&self.path(relative), text.as_bytes()).unwrap();
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Runs a command in this workspace.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        run_in(self.folder.path(), arguments)
    }
}

/// Runs a command in a folder.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the command starts");
    Done {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
