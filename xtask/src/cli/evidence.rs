//! The options of `evidence`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use proofline_spec::unit::Duration;

use super::{Format, Signing};

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// What to do with runs of checks. Nothing is run.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List runs, the newest first, with their verdicts and whether they are signed.
    List(List),
    /// Show one run: its verdicts, its checks, the steps that failed, and the digests.
    Show(One),
    /// Show what is different between two runs: claims that moved, checks that came and went, latencies.
    Diff(Diff),
    /// Recompute every digest, the verdicts, and the signature when a key is given; exit 3 when anything does not hold.
    Verify(Verify),
    /// Make a key to sign runs with, and print its public key.
    Keygen(Keygen),
    /// Sign a run that was made before.
    Sign(Sign),
    /// Remove runs that are too many or too old; a dry run without `--apply`.
    Prune(Prune),
    /// Write a run as a document that other tools read.
    Export(Export),
}

/// Which runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct Filter {
    /// Only runs of this service.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Only runs in this environment.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) env: Option<String>,
}

/// Whose signatures are believed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Trust {
    /// A public key whose signature is believed; the variable `PROOFLINE_VERIFYING_KEY_FILE` names it without this.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The run, or the beginning of its name; the newest one without it.
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The run before.
    #[arg(value_name = "BEFORE")]
    pub(crate) before: String,
    /// The run after; the newest one of the same service and environment without it.
    #[arg(value_name = "AFTER")]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) one: One,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Look at the files alone, so that a run of another spec than the one that is here can be checked.
    #[arg(long)]
    pub(crate) files_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// Where the private key is written, outside of the repository; `proofline/signing-key.pem` below the user's folder
    /// of configurations, or what `PROOFLINE_SIGNING_KEY_FILE` names, without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The run, or the beginning of its name; the newest one without it.
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// The newest run of a service in an environment stays, as do the runs that verified its last two deployments, and those
/// that the newest report compares with.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Keep so many of the newest runs of each service in each environment.
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep: Option<usize>,
    /// Keep runs that ended more recently, such as 90d; with `--keep`, only what is neither goes.
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<Duration>,
    /// Remove what would be removed.
    #[arg(long)]
    pub(crate) apply: bool,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The run, or the beginning of its name; the newest one without it.
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The form of the document.
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Where the document is written; standard output without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// A form that other tools read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Declarations, version 1.6, as JSON.
    Cyclonedx,
}
