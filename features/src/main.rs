//! The command line of the acceptance checks.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use proofline_features::chaos::{self, Ability};
use proofline_features::failure::Failure;
use proofline_features::plan::{PlanError, Target};
use proofline_features::writer::Progress;
use proofline_features::{catalogue, command, front, lms, proxy};
use proofline_spec::exit::Exit;
use serde::Serialize;

/// Checks over HTTP that a running service does what its spec claims.
///
/// Reads a plan, runs its features, and writes one evidence document per feature into the output folder.
/// Secrets are read from the environment variables that the plan names.
#[derive(Debug, Parser)]
#[command(name = "proofline-features", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The plan, a JSON file.
    #[arg(long, value_name = "FILE", required = true)]
    plan: Option<PathBuf>,
    /// The folder for evidence.
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make accounts and print their headers as JSON, for a load test.
    Accounts {
        /// The plan, a JSON file.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// How many accounts.
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// The tier that each gets.
        #[arg(long)]
        tier: Option<String>,
    },
    /// Break things at random under load, as a seed decides, and check what must hold afterwards.
    ///
    /// What only the caller can do is asked for on standard output, a line each, and answered on standard input.
    Chaos(Chaos),
    /// List what the running service could not deliver, or replay it, and print that as JSON.
    DeadLetters {
        /// The plan, a JSON file.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// Replay the one with this id.
        #[arg(long, value_name = "ID", conflicts_with = "replay_all")]
        replay: Option<String>,
        /// Replay all that were not replayed yet.
        #[arg(long)]
        replay_all: bool,
    },
    /// Stand in front of a service with TLS, and beside that take plain HTTP, until standard input ends.
    ///
    /// Prints one line of JSON: the ports of `localhost`.
    Front {
        /// Where the service is, such as `127.0.0.1:8080`.
        #[arg(long, value_name = "ADDRESS")]
        behind: SocketAddr,
        /// How it is told over what a request came.
        #[arg(long, value_enum, default_value = "header")]
        telling: front::Telling,
        /// The file that the authority's certificate is written to.
        #[arg(long, value_name = "FILE")]
        authority: PathBuf,
    },
    /// Ask the running service what it is and print that as JSON.
    Identify {
        /// The plan, a JSON file.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
    },
    /// Stand between a service and the servers of its stores, and disturb connections on demand, until standard input ends.
    ///
    /// Prints one line of JSON: where it is told what to do, and where to connect to for each link.
    Proxy {
        /// What a store is called, and where its server is, such as `redis=127.0.0.1:6379`.
        #[arg(long = "link", value_name = "NAME=ADDRESS", value_parser = link, required = true)]
        links: Vec<(String, String)>,
    },
    /// Turn an emergency switch of the running service, look whether it is turned, and print that as JSON.
    Switch {
        /// The plan, a JSON file.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// The switch, such as `read_only`.
        #[arg(value_name = "NAME")]
        name: String,
        /// Turn it off.
        #[arg(long)]
        off: bool,
    },
    /// Check the texts of the catalogue.
    Lint,
    /// List the features of the catalogue.
    List,
    /// Stand in for every service that the service under test calls, and answer as checks say.
    Provider {
        /// The spec of the service under test.
        #[arg(long, value_name = "FILE")]
        spec: PathBuf,
        /// The address of this machine that it listens at; containers do not reach its own.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
        at: IpAddr,
        /// The seed of what is left to chance.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Print a fresh RSA key (PKCS #8, base64), as the secret of a service that is started for checks.
    SigningKey,
}

#[derive(Debug, Args)]
struct Chaos {
    /// The plan, a JSON file.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The folder for evidence.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What decides everything that breaks.
    #[arg(long)]
    seed: u64,
    /// The first round after the calm one.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many rounds.
    #[arg(long)]
    rounds: Option<u64>,
    /// For how many seconds rounds are begun.
    #[arg(long)]
    seconds: Option<u64>,
    /// What may break: faults, kill, end, freeze:STORE, kill:STORE, link:STORE.
    #[arg(long)]
    can: Vec<Ability>,
}

#[expect(clippy::disallowed_methods, reason = "the one place where the process environment enters")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success }.into();
        }
    };
    match Box::pin(run(cli)).await {
        Ok(exit) => exit,
        Err(Stop(exit, message)) => {
            complain(&message);
            exit
        }
    }
    .into()
}

/// Why a command came to nothing: how it ends, and what is said.
struct Stop(Exit, String);

impl From<PlanError> for Stop {
    fn from(error: PlanError) -> Self {
        Self(Exit::Usage, error.to_string())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let exit = match failure {
            // What was asked for is not there.
            Failure::NotApplicable(_) => Exit::Usage,
            Failure::Wrong(_) | Failure::Broken(_) => Exit::CouldNotFindOut,
        };
        Self(exit, failure.to_string())
    }
}

async fn run(cli: Cli) -> Result<Exit, Stop> {
    match cli.command {
        None => Box::pin(verify(cli.plan.unwrap_or_default(), cli.out.unwrap_or_default())).await,
        Some(Command::Accounts { plan, count, tier }) => {
            let headers = command::accounts(target(&plan)?, count, tier.as_deref()).await?;
            Ok(tell(&headers))
        }
        Some(Command::Chaos(arguments)) => Box::pin(break_things(arguments)).await,
        Some(Command::DeadLetters { plan, replay, replay_all }) => {
            let wanted = match replay {
                Some(id) => command::Wanted::Replay(id),
                None if replay_all => command::Wanted::ReplayAll,
                None => command::Wanted::List,
            };
            let token = variable(TOKEN);
            let letters = command::dead_letters(target(&plan)?, &wanted, token.as_deref()).await?;
            Ok(tell(&letters))
        }
        Some(Command::Switch { plan, name, off }) => {
            let token = variable(TOKEN);
            let turned = command::switch(target(&plan)?, &name, !off, token.as_deref()).await?;
            Ok(tell(&turned))
        }
        Some(Command::Identify { plan }) => Ok(tell(&command::identify(&target(&plan)?).await?)),
        Some(Command::Front { behind, telling, authority }) => {
            let started = front::start(behind, telling, &authority).await;
            stay(&started.map_err(|error| Stop(Exit::CouldNotFindOut, error))?).await
        }
        Some(Command::Proxy { links }) => {
            let started = proxy::start(&links).await;
            stay(&started.map_err(|error| Stop(Exit::CouldNotFindOut, error.to_string()))?).await
        }
        Some(Command::Lint) => Ok(lint()),
        Some(Command::List) => {
            for (name, text) in catalogue::TEXTS {
                let title =
                    catalogue::parse(name, text).map(|feature| feature.name).unwrap_or_default();
                say(&format!("{name:<34} {title}"));
            }
            Ok(Exit::Success)
        }
        Some(Command::SigningKey) => {
            say(&lms::fresh_private_key()?);
            Ok(Exit::Success)
        }
        Some(Command::Provider { spec, at, seed }) => provider(&spec, at, seed).await,
    }
}

/// The service under test, as the plan says.
fn target(plan: &Path) -> Result<Target, Stop> {
    Ok(command::target(plan, &variable)?)
}

/// What was found out, in a line of JSON.
fn tell(found: &impl Serialize) -> Exit {
    say(&serde_json::to_string(found).unwrap_or_default());
    Exit::Success
}

/// Says where it listens in a line of JSON, and answers until it is stopped.
async fn provider(spec: &Path, at: IpAddr, seed: u64) -> Result<Exit, Stop> {
    let listening = |address| say(&format!(r#"{{"address":"{address}"}}"#));
    match command::provider(spec, at, seed, listening).await {
        Ok(()) => Ok(Exit::Success),
        Err(error) => Err(Stop(Exit::CouldNotFindOut, error)),
    }
}

async fn verify(plan: PathBuf, out: PathBuf) -> Result<Exit, Stop> {
    Ok(command::verify(target(&plan)?, &out, Progress::new, interrupted()).await?)
}

async fn break_things(arguments: Chaos) -> Result<Exit, Stop> {
    let target = target(&arguments.plan)?;
    let options = chaos::Options {
        seed: arguments.seed,
        from: arguments.from,
        rounds: arguments.rounds,
        time: arguments.seconds.map(std::time::Duration::from_secs),
        abilities: arguments.can,
    };
    let tell = |line: &str| {
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    Ok(Box::pin(chaos::run(target, options, &arguments.out, tell, interrupted())).await?)
}

/// The token of somebody who may see dead letters and turn switches, where the environment's credentials name nobody.
const TOKEN: &str = "PROOFLINE_ADMIN_TOKEN";

fn link(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').map(|(name, to)| (name.to_owned(), to.to_owned()));
    parts.ok_or_else(|| "it is NAME=ADDRESS".to_owned())
}

/// Says what was started, and lets it run until whoever started us is gone.
async fn stay(started: &impl Serialize) -> Result<Exit, Stop> {
    let exit = tell(started);
    let (mut input, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
    // Whoever started us is gone when nothing more comes.
    let over = tokio::io::copy(&mut input, &mut nowhere);
    tokio::select! {
        _ = over => {}
        () = interrupted() => {}
    }
    Ok(exit)
}

fn lint() -> Exit {
    let problems = catalogue::lint_all();
    for problem in &problems {
        complain(problem);
    }
    if problems.is_empty() { Exit::Success } else { Exit::Usage }
}

/// Ends at Ctrl-C or SIGTERM.
async fn interrupted() {
    let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
