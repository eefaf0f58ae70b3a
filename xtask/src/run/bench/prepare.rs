//! Builds the peers: each from its own folder below `loadtest/peers`, pinned by its own lock file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use proofline_generator::tree::{self, write_atomically};
use proofline_spec::evidence::BenchSize;

use super::measure::{Machine, Server};
use super::peer::{Kind, Peer};
use super::token::SECRET;
use super::workerd;
use crate::context::{Context, Stopped};
use crate::output::Progress;
use crate::run::said;
use crate::run::workspace::Workspace;

/// Where the peers are.
const PEERS: &str = "loadtest/peers";
/// Our service among them.
const OURS: &str = "proofline";
const OUR_NAME: &str = "chain";

/// A peer that can be started.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What is started.
    pub(super) program: PathBuf,
    /// The folder that it is started in.
    pub(super) folder: PathBuf,
    /// How large it is, where what is uploaded counts.
    pub(super) size: Option<BenchSize>,
    arguments: Vec<OsString>,
    /// For workerd: its configuration, which names the port.
    workerd: Option<workerd::Config>,
}

impl Prepared {
    fn new(program: PathBuf, folder: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self { program, folder: folder.to_owned(), size: None, arguments, workerd: None }
    }

    /// Starts it and waits for its first answer.
    pub(super) fn start(&self, machine: &Machine) -> Result<Server> {
        Server::start(machine, self)
    }

    /// What it is started with.
    pub(super) fn arguments(&self, port: u16) -> Result<Vec<OsString>> {
        match &self.workerd {
            Some(config) => config.arguments(port),
            None => Ok(self.arguments.clone()),
        }
    }

    /// Its environment.
    pub(super) fn variables(&self, port: u16) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::from([
            ("PORT".to_owned(), port.to_string()),
            ("HOST".to_owned(), "127.0.0.1".to_owned()),
            ("JWT_SECRET".to_owned(), SECRET.to_owned()),
        ]);
        if let Some(path) = self.program.parent() {
            variables.insert("PATH".to_owned(), path.display().to_string());
        }
        variables
    }
}

/// Builds a peer.
pub(super) fn prepare(context: &Context, peer: Peer) -> Result<Prepared> {
    let _progress = Progress::start(context, "Building", peer.title);
    let peers = context.root.join(PEERS);
    match peer.kind {
        Kind::OurProgram => {
            let root = peers.join(OURS);
            generate(context, &root)?;
            cargo(context, &root)
                .map(|target| Prepared::new(target.join(OUR_NAME), &root, &["serve"]))
        }
        Kind::Cargo(folder, name) => {
            let root = peers.join(folder);
            cargo(context, &root).map(|target| Prepared::new(target.join(name), &root, &[]))
        }
        Kind::Node(folder, entry) => {
            let root = peers.join(folder);
            npm(context, &root)?;
            Ok(Prepared::new(node(context)?, &root, &[entry]))
        }
        Kind::OurWorker => {
            let root = peers.join(OURS);
            let inner = generate(context, &root)?;
            workerd::ours(context, &inner, OUR_NAME).map(|config| on_workerd(config, &root))
        }
        Kind::Wasm(folder, name) => {
            let root = peers.join(folder);
            workerd::by_hand(context, &root, name).map(|config| on_workerd(config, &root))
        }
        Kind::Bundle(folder, entry) => {
            let root = peers.join(folder);
            npm(context, &root)?;
            workerd::bundle(context, &root, entry).map(|config| on_workerd(config, &root))
        }
    }
}

fn on_workerd(config: workerd::Config, folder: &Path) -> Prepared {
    let mut prepared = Prepared::new(config.program.clone(), folder, &[]);
    prepared.size = Some(config.size);
    prepared.workerd = Some(config);
    prepared
}

/// Writes our service from its spec, into its own folder.
fn generate(context: &Context, root: &Path) -> Result<Context> {
    let inner = context.within(root, context.target.join("bench"));
    let workspace = Workspace::load(&inner, Some(OUR_NAME))?;
    if let Some(wrong) = workspace.diagnostics.first() {
        bail!("the benchmark's own spec is wrong: {wrong:?}");
    }
    let changes = workspace.tree()?.changes(root).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the benchmark's service cannot be written: {}", texts.join("; "))
    })?;
    tree::apply(root, &changes)?;
    // The versions that the services of this workspace are built with.
    let lock = std::fs::read(context.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    write_atomically(&root.join("Cargo.lock"), &lock)?;
    // It names more than is needed here, which `--locked` would refuse.
    let mut command = Command::new(&context.cargo);
    command.args(["update", "--workspace", "--manifest-path"]).arg(root.join("Cargo.toml"));
    call(context, &mut command)?;
    Ok(inner)
}

/// Builds a workspace of its own in release; says where its programs are.
fn cargo(context: &Context, root: &Path) -> Result<PathBuf> {
    let target = context.target.join("bench");
    let mut command = Command::new(&context.cargo);
    command
        .args(["build", "--release", "--locked", "--color=never", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target);
    call(context, &mut command)?;
    Ok(target.join("release"))
}

/// Installs what a package's lock file names, once for each of its versions.
fn npm(context: &Context, root: &Path) -> Result<()> {
    let lock = std::fs::read(root.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", root.display()))?;
    let stamp = root.join("node_modules/.proofline-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.current_dir(root).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
    call(context, &mut command)?;
    // npm may reorder the lock; what was asked for is what counts.
    write_atomically(&root.join("package-lock.json"), &lock)?;
    write_atomically(&stamp, &lock)?;
    Ok(())
}

/// The Node of the tools, which is new enough, or that of the path.
pub(super) fn node(context: &Context) -> Result<PathBuf> {
    let own = context.tools.join("node22/node");
    let of_path = std::env::split_paths(&context.path).map(|folder| folder.join("node"));
    std::iter::once(own)
        .chain(of_path)
        .find(|path| path.is_file())
        .ok_or_else(|| Stopped::could_not_find_out("there is no Node; `.ci/install` installs one"))
}

/// Runs a command to its end; what it said is shown only when it failed.
pub(super) fn call(context: &Context, command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let said = said::call(context, command, None)?;
    if !said.success {
        let text = format!("`{name}` failed:\n{}", said.last_lines(60));
        return Err(Stopped::could_not_find_out(text));
    }
    Ok(())
}
