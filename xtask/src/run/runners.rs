//! Calls the runners: a plan goes in as a file, evidence comes out as files, secrets go by environment variable.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, Plan};
use proofline_spec::exit::Exit;
use serde_json::Value;

use super::build::Program;
use super::probe::Probe;
use super::process::Process;
use crate::context::{Context, Stopped};

/// How long a runner may take to write what it has when it is stopped.
const GRACE: Duration = Duration::from_secs(15);

/// What the service says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Identity {
    /// Its version.
    pub(crate) version: Option<String>,
    /// The digest of the spec that it was generated from.
    pub(crate) spec_digest: Option<String>,
    /// What stands in for services of its platform that are not there, by binding.
    #[serde(default)]
    pub(crate) substitutes: BTreeMap<String, String>,
}

/// Runs a runner until it ends. Failed claims are evidence, not an error of the call.
pub(crate) fn run(
    context: &Context,
    program: Program<'_>,
    plan: &Path,
    out: &Path,
    secrets: &BTreeMap<String, String>,
) -> Result<()> {
    let mut command = command(context, program, plan, out, secrets);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = spawn(context, program, &mut command)?;
    let status = child.wait(context)?;
    judge(context, program, status)
}

/// Runs a runner that may ask for what only we can do with what we started.
pub(crate) fn run_with(
    context: &Context,
    program: Program<'_>,
    (plan, out): (&Path, &Path),
    secrets: &BTreeMap<String, String>,
    grant: impl FnOnce(&mut Process) -> Result<ExitStatus>,
) -> Result<()> {
    let mut command = command(context, program, plan, out, secrets);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = spawn(context, program, &mut command)?;
    let status = grant(&mut child)?;
    judge(context, program, status)
}

fn command(
    context: &Context,
    program: Program<'_>,
    plan: &Path,
    out: &Path,
    secrets: &BTreeMap<String, String>,
) -> Command {
    let mut command = Command::new(program.path(context));
    command.current_dir(&context.root).envs(secrets);
    command.arg("--plan").arg(plan).arg("--out").arg(out);
    if context.quiet {
        command.stderr(Stdio::null());
    }
    command
}

fn spawn(context: &Context, program: Program<'_>, command: &mut Command) -> Result<Process> {
    Process::spawn(command, GRACE)
        .with_context(|| format!("cannot start {}", program.path(context).display()))
}

fn judge(context: &Context, program: Program<'_>, status: ExitStatus) -> Result<()> {
    let path = program.path(context);
    let expected = [Exit::Success, Exit::ClaimFailed, Exit::NotVerified, Exit::Interrupted];
    let code = status.code();
    if expected.iter().any(|exit| code == Some(i32::from(exit.code()))) || context.interrupted() {
        return Ok(());
    }
    Err(Stopped::could_not_find_out(format!("{} ended with {status}", path.display())))
}

/// Runs a subcommand of the features runner that prints JSON.
pub(crate) fn ask(
    context: &Context,
    arguments: &[&str],
    plan: &Path,
    secrets: &BTreeMap<String, String>,
) -> Result<Value> {
    let path = Program::Features.path(context);
    let output = Command::new(&path)
        .current_dir(&context.root)
        .arg(arguments[0])
        .arg("--plan")
        .arg(plan)
        .args(&arguments[1..])
        .envs(secrets)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start {}", path.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        // The error that it becomes here says so itself.
        let said = said.strip_prefix("error: ").unwrap_or(said).to_owned();
        let unknown = i32::from(Exit::CouldNotFindOut.code());
        if output.status.code() == Some(unknown) {
            return Err(Stopped::could_not_find_out(said));
        }
        bail!("{said}");
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Asks the running service who it is.
pub(crate) fn identify(
    context: &Context,
    plan: &Path,
    secrets: &BTreeMap<String, String>,
) -> Identity {
    // A service that does not say is not an error: the report says that it does not.
    ask(context, &["identify"], plan, secrets)
        .and_then(|value| Ok(serde_json::from_value(value)?))
        .unwrap_or_default()
}

/// Makes principals for a load test, and keeps them in a file that only we can read.
pub(crate) fn principals(
    context: &Context,
    plan: &Plan,
    plan_file: &Path,
    folder: &Path,
    secrets: &BTreeMap<String, String>,
    tier: Option<&str>,
) -> Result<std::path::PathBuf> {
    let mut arguments = vec!["accounts", "--count", "20"];
    arguments.extend(tier.iter().flat_map(|tier| ["--tier", tier]));
    let value = ask(context, &arguments, plan_file, secrets)
        .with_context(|| format!("no accounts could be made at {}", plan.url))?;
    let file = folder.join("principals.json");
    write_private(&file, value.to_string().as_bytes())?;
    Ok(file)
}

/// What each principal of such a file is known by; nothing of those that were not made for it.
pub(crate) fn known_by(principals: &Path) -> Result<Vec<Vec<String>>> {
    #[derive(serde::Deserialize)]
    struct Made {
        known_by: Vec<String>,
    }
    let text = std::fs::read_to_string(principals)
        .with_context(|| format!("cannot read {}", principals.display()))?;
    let made: Vec<Made> = serde_json::from_str(&text).context("no list of principals")?;
    let known = made.into_iter().map(|made| made.known_by);
    Ok(known.filter(|known| !known.is_empty()).collect())
}

/// Writes a file that only we can read; the folder is removed at the end of the run.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(())
}

/// Runs the measurement of constant time and turns what it prints into evidence.
pub(crate) fn constant_time(context: &Context) -> Result<CheckEvidence> {
    let path = Program::ConstantTime.path(context);
    let probe = Probe::begin(ProbeName::ConstantTime);
    let output = Command::new(&path)
        .envs(&context.extra)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", path.display()))?;
    let details: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} printed no JSON ({})", path.display(), output.status))?;
    let reason = details["reason"].as_str().unwrap_or("no reason was given").to_owned();
    let outcome = match details["outcome"].as_str() {
        Some("passed") => CheckOutcome::Passed,
        Some("failed") => CheckOutcome::Failed,
        _ => CheckOutcome::Inconclusive(reason.clone()),
    };
    let subjects = details["results"].as_array().map_or(0, Vec::len);
    Ok(probe.end((outcome, reason), (subjects, subjects), Vec::new(), Some(details)))
}
