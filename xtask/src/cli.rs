//! Every command and option, in one place.

pub(crate) mod evidence;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use proofline_spec::unit::Duration;

/// Declare a backend once, generate it, prove what you claim about it.
///
/// A spec in `spec/services/<name>/service.yaml` says what a service offers and what is claimed about it.
/// `generate` turns it into a service, `verify` and `load` check the claims against a running one, and `report`
/// shows what the evidence says. `ready` does all of that.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true,
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Whether output is coloured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// The workspace; found from the current folder without it.
    #[arg(long, global = true, value_name = "FOLDER", hide_short_help = true)]
    pub(crate) root: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    what was asked holds
  1    the service is wrong: a claim failed
  2    the command or the spec is wrong
  3    it could not be found out: an environment was unreachable or did not start
  4    generated files are stale
  5    nothing failed, but not everything was verified
  130  interrupted";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate, build, start, verify, load, stop and report: is the service ready?
    Ready(Ready),
    /// Check specs and environments, and say everything that is wrong with them.
    Check(Check),
    /// Write the service, its deployment files and the schemas from the spec.
    Generate(Generate),
    /// Build a service and run it here until Ctrl-C.
    Serve(Serve),
    /// Run the acceptance features of a service's claims against an environment.
    Verify(Verify),
    /// Break the service in every way that `features/mutants` says, and see each claim fail for the right reason.
    Prove(Prove),
    /// Run the load tests of a service's claims against an environment that permits it.
    Load(Run),
    /// Break things at random under load, as a seed decides, and check that nothing is lost or doubled.
    Chaos(Chaos),
    /// Deploy a service to an environment on Workers, verify it there, and roll back when a P0 claim fails.
    Deploy(Deploy),
    /// Let the version of before take all requests again, in an environment on Workers.
    Rollback(Rollback),
    /// Compute verdicts from the newest evidence and write the report. Runs nothing.
    Report(Report),
    /// List, show, compare, check, sign, export and remove runs of checks.
    Evidence(evidence::Evidence),
    /// Show what has no claim: parts of the spec, and entries of catalogues that others keep. Runs nothing.
    Coverage(Coverage),
    /// Show what the spec says otherwise than at the last release, and what of it breaks clients. Runs nothing.
    Diff(Diff),
    /// Compare what two environments answered to the same requests. Runs nothing.
    Parity(Parity),
    /// List what a running service could not deliver, or replay it, by the routes that its spec declares.
    DeadLetters(DeadLetters),
    /// Turn the maintenance page on or off, without a deployment, and look whether it is there.
    Maintenance(Turn),
    /// Turn read-only mode on or off, without a deployment, and look whether changes are refused.
    ReadOnly(Turn),
    /// Back up the store that `serve` keeps on this machine, and read the backup back.
    Backup(Backup),
    /// Restore a backup into a new folder, and compare every row.
    Restore(Restore),
    /// Measure the generated service beside what people would pick instead, in one run on this machine.
    Bench(Bench),
    /// Show when scheduled tasks run next. Runs nothing.
    Schedule(Schedule),
    /// Explain a diagnostic's code, such as PL0101.
    Explain(Explain),
    /// Run every test of this workspace.
    Test(Test),
    /// Check or install the tools that a target needs.
    Setup(Setup),
    /// Print a completion script for a shell.
    Completions(Completions),
}

/// Which service, which environment.
#[derive(Debug, Clone, Args)]
pub(crate) struct Selection {
    /// The service: a folder below spec/services. The only one there is, or `luna`, without it.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// The environment: a file below environments.
    #[arg(long, short, value_name = "NAME", default_value = "local")]
    pub(crate) env: String,
}

/// Which service that runs already, and how to tell what it said.
#[derive(Debug, Clone, Args)]
pub(crate) struct Elsewhere {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Where the service is, unless the environment says it.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Who stands for what a run found.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Signing {
    /// Sign the run with this private key; the variable `PROOFLINE_SIGNING_KEY_FILE` names it without this.
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Ready {
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Only this service.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Also make the changes that fix what can be fixed without a person.
    #[arg(long)]
    pub(crate) fix: bool,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = DiagnosticFormat::Text)]
    pub(crate) format: DiagnosticFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Only this service.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Write nothing: show what would change, and exit 4 if anything would.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// The folder that keeps the database from one run to the next.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) run: Run,
    /// Show which checks would run and which would be left out, and stop.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Only these checks: features, such as `security/jwt`, or all of a category, such as `security`; or others, such as
    /// `probe/fuzz`.
    #[arg(long, value_name = "CHECK")]
    pub(crate) only: Vec<String>,
    /// Exit 5 when a claim that features prove is unverified, not only when one failed.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Run everything so many times, and compare: each time the verdicts must be the same; exit 1 or 5 when they are not.
    #[arg(long, value_name = "COUNT", conflicts_with = "plan", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) repeat: Option<u32>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) run: Run,
    /// Only these mutants, such as `jwt-alg-none`, or those that break a claim, such as `SEC-JWT`, or that a check must
    /// see, such as `security/jwt`.
    #[arg(long, value_name = "ID|CLAIM|CHECK")]
    pub(crate) only: Vec<String>,
    /// So many mutants at once, each with a service of its own; two for each processor without it. What is not caught is
    /// tried again alone.
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Run every check for each mutant, those that measure time excepted, and tell which others fail.
    #[arg(long)]
    pub(crate) all_checks: bool,
    /// For each claim, no more mutants once one of it is caught.
    #[arg(long)]
    pub(crate) one_each: bool,
    /// Exit 5 when a claim's check was never seen failing.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Chaos {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// What decides everything that breaks, and when; made up, and told, without it.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many rounds, after one in which nothing breaks.
    #[arg(long, conflicts_with = "time", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rounds: Option<u64>,
    /// How long rounds are begun, such as 60min.
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) time: Option<Duration>,
    /// The first round: with a seed and `--rounds 1`, one round is seen again.
    #[arg(long, default_value_t = 1, value_name = "ROUND")]
    pub(crate) from: u64,
    /// Only this breaks: faults, kill, end, or what a store can suffer, such as freeze:postgres; all that can without it.
    #[arg(long, value_name = "FAULT")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Build, bundle and check everything, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Deploy the worker that is built already, such as the one that was verified in another environment.
    #[arg(long)]
    pub(crate) built: bool,
    /// Only make what is missing and apply the migrations; upload nothing.
    #[arg(long, conflicts_with_all = ["dry_run", "promote"])]
    pub(crate) migrate: bool,
    /// Only if the P0 claims hold in the environment that this one is `promoted_from`: upload beside the old version,
    /// then let the new one take all requests.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) promote: bool,
    /// How long a promoted version is watched: its P0 claims are verified again and again until then.
    #[arg(long, value_name = "TIME", default_value = "2min", requires = "promote")]
    pub(crate) watch: Duration,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The version; the last other one that took all requests without it.
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) run: Run,
    /// The run; the newest one without it.
    #[arg(long, value_name = "RUN")]
    pub(crate) run_id: Option<String>,
    /// All runs together: readiness over time, what is flaky, what is slow, how latencies drift.
    #[arg(long, conflicts_with = "run_id")]
    pub(crate) history: bool,
    /// Only write the page in docs/original-documents: what hand-written documents say about the service, figure by
    /// figure, beside what the run shows. Exit 3 when no evidence is of the spec as it is.
    #[arg(long, conflicts_with = "history")]
    pub(crate) documents: bool,
    /// Refuse evidence that is not signed by the key of `--key`, or was changed since.
    #[arg(long)]
    pub(crate) verify_signature: bool,
    #[command(flatten)]
    pub(crate) trust: evidence::Trust,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    pub(crate) place: Elsewhere,
    #[command(subcommand)]
    pub(crate) action: DeadLettersAction,
}

/// The token of who may comes from the environment's `credentials`, or from the variable `PROOFLINE_ADMIN_TOKEN`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DeadLettersAction {
    /// List them, the newest first; never what the messages say.
    List,
    /// Put a message into its queue again; once.
    Replay {
        /// The dead letter's id.
        #[arg(value_name = "ID", conflicts_with = "all")]
        id: Option<String>,
        /// All that were not replayed yet.
        #[arg(long)]
        all: bool,
    },
}

/// The token of who may comes from the environment's `credentials`, or from the variable `PROOFLINE_ADMIN_TOKEN`.
#[derive(Debug, Args)]
pub(crate) struct Turn {
    /// How it is to be.
    #[arg(value_enum)]
    pub(crate) to: OnOff,
    #[command(flatten)]
    pub(crate) place: Elsewhere,
}

/// How a switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    /// Requests are refused, as the switch says.
    On,
    /// They are not.
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The store, if it is not where `serve` keeps it.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<PathBuf>,
    /// The folder of the backup, which must be new; one below `backups` without it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder of the backup.
    #[arg(value_name = "BACKUP")]
    pub(crate) from: PathBuf,
    /// Where the store is to be, which must be new or empty.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: Option<PathBuf>,
    /// Only try it: restore into a temporary folder, compare, and remove that.
    #[arg(long, conflicts_with = "to")]
    pub(crate) verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Coverage {
    #[command(flatten)]
    pub(crate) run: Run,
    /// The run; the newest one without it.
    #[arg(long, value_name = "RUN")]
    pub(crate) run_id: Option<String>,
    /// Exit 5 when a part of the spec has no claim whose check looked at it.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Parity {
    #[command(flatten)]
    pub(crate) run: Run,
    /// The environment to compare with; its newest whole run is taken, and that of `--env`.
    #[arg(long, value_name = "NAME")]
    pub(crate) with: String,
    /// Only these features, of the newest runs that have all of them.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The tag, branch or commit to compare with; the last release without it: the highest tag `<service>-v<version>`,
    /// or else `v<version>`, or else what was deployed last.
    #[arg(long, value_name = "REVISION")]
    pub(crate) since: Option<String>,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Only programs of this machine, or only workers in workerd; both without it. Or else how fast a report opens.
    #[arg(long, value_enum)]
    pub(crate) target: Option<BenchTarget>,
    /// Only these peers.
    #[arg(long, value_name = "PEER")]
    pub(crate) only: Vec<String>,
    /// How often everything is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) rounds: u8,
    /// How long each route is measured in a round, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) seconds: u8,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What of the benchmark is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchTarget {
    /// Programs of this machine.
    Native,
    /// Workers, in workerd.
    Workers,
    /// The page of a report with 500 claims, in a browser.
    Report,
}

#[derive(Debug, Args)]
pub(crate) struct Schedule {
    /// Only this service.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// How many runs of each task are shown.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 3)]
    pub(crate) count: u8,
    /// The form of what is printed on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as PL0101; all codes are listed without it.
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Fail when this suite's tools are missing, instead of leaving it out; `all` requires every suite.
    #[arg(long, value_name = "NAME")]
    pub(crate) require: Vec<String>,
    /// Only these suites.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Rewrite the expected results that are kept in files.
    #[arg(long)]
    pub(crate) accept: bool,
    /// List the suites and their tools, and stop.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The target.
    #[arg(value_enum)]
    pub(crate) target: SetupTarget,
    /// Install nothing: only say what is there and what is missing.
    #[arg(long)]
    pub(crate) check: bool,
}

/// A target that needs tools of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetupTarget {
    /// Cloudflare Workers: a toolchain for WebAssembly, wasm-bindgen, Node and wrangler.
    Workers,
    /// Containers: an engine, compose, and the images that services run beside.
    Containers,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// The form in which diagnostics are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiagnosticFormat {
    /// For people.
    Text,
    /// A JSON array.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// Whether output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_consistent_and_every_option_is_explained() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            assert!(sub.get_about().is_some(), "{} has no help", sub.get_name());
            for argument in sub.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", sub.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn exit_codes_in_the_help_are_those_of_the_enum() {
        for exit in proofline_spec::exit::Exit::ALL {
            let line = format!("  {:<4} {}", exit.code(), exit.meaning());
            assert!(EXIT_CODES.lines().any(|l| l.starts_with(line.trim_end())), "{line}");
        }
    }
}
