//! Where mutants run, and which files of the runtime are a part of that.

use anyhow::{Result, bail};
use proofline_spec::document::{Environment, Start};

/// Files of the native host only, by how their paths from `runtime/src` begin.
const NATIVE: [&str; 1] = ["host/native/"];
/// Files of the worker only.
const WORKERS: [&str; 2] = ["host/workers/", "host/d1.rs"];

/// What runs a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// A process of this machine.
    Native,
    /// The image, in a container of this machine.
    Container,
    /// A worker, in the platform's own runtime on this machine.
    Worker,
}

impl Host {
    /// What an environment starts; one that cannot be told which mutant it is is refused.
    pub(super) fn of(environment: &Environment) -> Result<Self> {
        match environment.start {
            Some(Start::Native(_)) => Ok(Self::Native),
            Some(Start::Compose(_)) => Ok(Self::Container),
            Some(Start::Workers(_)) => Ok(Self::Worker),
            _ => bail!(
                "mutants run where a process, a container or a worker of this machine can be told which one it is, and \
                 `{}` starts none\n\
                 hint: --env local, or --env workers-local for what runs as a worker only",
                environment.environment
            ),
        }
    }

    /// Whether a file of the runtime is part of it, by its path from `runtime/src`.
    pub(super) fn has(self, file: &str) -> bool {
        let others: &[&str] = match self {
            Self::Native | Self::Container => &WORKERS,
            Self::Worker => &NATIVE,
        };
        !others.iter().any(|start| file.starts_with(start))
    }

    /// Why a mutant of a file that is no part of it is not tried.
    pub(super) fn lacks(self, file: &str) -> String {
        let name = match self {
            Self::Native | Self::Container => "the native host",
            Self::Worker => "a worker",
        };
        format!("{}/{file} is no part of {name}", super::SOURCES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_host_are_no_part_of_the_other_and_all_others_are_of_both() {
        let of = |file: &str| (Host::Native.has(file), Host::Worker.has(file));
        assert_eq!(of("host/native/sqlite/connection.rs"), (true, false));
        assert_eq!(of("host/workers/queue.rs"), (false, true));
        assert_eq!(of("host/d1.rs"), (false, true));
        for both in ["chain.rs", "host/delivery.rs", "policy/auth/jwt.rs"] {
            assert_eq!(of(both), (true, true), "{both}");
        }
        let told = Host::Worker.lacks("host/native/server.rs");
        assert_eq!(told, "runtime/src/host/native/server.rs is no part of a worker");
    }

    #[test]
    fn every_beginning_is_one_of_files_that_there_are() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
        for start in NATIVE.iter().chain(&WORKERS) {
            assert!(root.join(start).exists(), "there is no {start}");
        }
    }
}
