//! Builds what a run needs with cargo, in one call, and says where the programs are.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::said;
use super::workspace::LoadedService;
use crate::context::Context;
use crate::output::Progress;

/// The profile of everything that is measured or measures.
const PROFILE: &str = "release";

/// Something that can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program<'a> {
    /// The generated service.
    Service(&'a LoadedService),
    /// The acceptance features.
    Features,
    /// The load tests.
    Loadtest,
    /// The measurement of constant time.
    ConstantTime,
}

impl PartialEq for LoadedService {
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder
    }
}

impl Eq for LoadedService {}

impl Program<'_> {
    fn arguments(self) -> Vec<String> {
        match self {
            Self::Service(service) => {
                let name = &service.service.service.name;
                vec![format!("--package={name}"), format!("--bin={name}")]
            }
            Self::Features => {
                vec!["--package=proofline-features".into(), "--bin=proofline-features".into()]
            }
            Self::Loadtest => {
                vec!["--package=proofline-loadtest".into(), "--bin=proofline-loadtest".into()]
            }
            Self::ConstantTime => {
                vec!["--package=proofline-runtime".into(), "--bin=constant_time".into()]
            }
        }
    }

    /// Where cargo puts it.
    pub(crate) fn path(self, context: &Context) -> PathBuf {
        let folder = context.target.join(PROFILE);
        match self {
            Self::Service(service) => folder.join(&service.service.service.name),
            Self::Features => folder.join("proofline-features"),
            Self::Loadtest => folder.join("proofline-loadtest"),
            Self::ConstantTime => folder.join("constant_time"),
        }
    }
}

/// Builds programs in one call, so that what they share is built once; cargo's own output is shown when it fails.
pub(crate) fn build(context: &Context, programs: &[Program<'_>]) -> Result<()> {
    let _progress = Progress::start(context, "Building", &names(programs));
    let arguments: Vec<String> = programs.iter().flat_map(|program| program.arguments()).collect();
    cargo(context, &arguments)
}

fn cargo(context: &Context, arguments: &[String]) -> Result<()> {
    let mut command = command(context);
    command.args(arguments);
    said::must(context, &mut command, &format!("cargo build {}", arguments.join(" "))).map(drop)
}

/// Cargo, building what stands at the root.
pub(crate) fn command(context: &Context) -> Command {
    let mut command = Command::new(&context.cargo);
    command
        .current_dir(&context.root)
        .args(["build", "--locked", "--color=never"])
        .arg(format!("--profile={PROFILE}"));
    if let Some(build) = &context.build {
        command.env("CARGO_BUILD_BUILD_DIR", build);
        command.arg("--target-dir").arg(&context.target);
    }
    command
}

/// Where cargo puts a program that is built for a target that is named.
pub(crate) fn for_target(context: &Context, target: &str, name: &str) -> PathBuf {
    context.target.join(target).join(PROFILE).join(name)
}

/// Builds programs of a copy of the workspace. What the copy does not change is taken from the workspace's own
/// build, and nothing of the copy gets there: `marked` makes cargo tell them apart.
pub(crate) fn build_copy(copy: &Context, programs: &[Program<'_>]) -> Result<()> {
    let _progress =
        Progress::start(copy, "Building", &format!("{} with every mutant", names(programs)));
    let arguments: Vec<String> = programs.iter().flat_map(|program| program.arguments()).collect();
    cargo(copy, &arguments)
}

/// What a copy's manifest says so that its `package`, and all that depends on it, is another one for cargo than the
/// workspace's own, although both are built in the same folder.
pub(crate) fn marked(package: &str) -> String {
    format!("\n[profile.{PROFILE}.package.{package}]\ncodegen-units = 17\n")
}

fn names(programs: &[Program<'_>]) -> String {
    let name = |program: &Program<'_>| match program {
        Program::Service(service) => service.service.service.name.clone(),
        Program::Features => "the acceptance features".to_owned(),
        Program::Loadtest => "the load tests".to_owned(),
        Program::ConstantTime => "the measurement of constant time".to_owned(),
    };
    programs.iter().map(name).collect::<Vec<_>>().join(", ")
}
