//! Start-up with missing and malformed configuration.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::Target;
use proofline_spec::evidence::ConfigurationCheck;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Arguments, steps};
use crate::failure::{Failure, Findings, Seen};
use crate::world::World;

/// Nobody waits longer for a service to start or to give up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "the service starts with a complete configuration" => starts;
        then "it does not start without any one of what it requires, and names it" => each_missing;
        then "it does not start with any one value malformed, and names it" => each_malformed;
        then "it names everything that is missing at once" => all_at_once;
        then "what it says holds no secret" => no_secret;
    }
}

struct Ended {
    code: Option<i32>,
    said: String,
    listened: bool,
}

pub(super) fn configuration(world: &World) -> Result<ConfigurationCheck, Failure> {
    let run = world.run()?;
    run.target
        .plan
        .configuration
        .clone()
        .ok_or_else(|| Failure::broken("no further instance may be started"))
}

/// Starts an instance with a database of its own in a folder; one that is there is used.
pub(super) fn spawn(
    check: &ConfigurationCheck,
    folder: &std::path::Path,
    variables: &BTreeMap<String, String>,
) -> Result<Child, Failure> {
    let mut command = Command::new(&check.program);
    command.env_clear().envs(variables).env("PORT", "0").env("HOST", "127.0.0.1");
    if variables.get("DATABASE_URL").is_none_or(|url| url.starts_with("sqlite:")) {
        command
            .env("DATABASE_URL", format!("sqlite:{}", folder.join("configuration.db").display()));
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::Broken(format!("`{}` cannot be started: {error}", check.program)))
}

/// Tells an instance to end. It is never killed instead: what we started may only stand for what runs elsewhere.
pub(super) async fn tell_to_end(child: &Child) -> Result<(), Failure> {
    let id = child.id().ok_or_else(|| Failure::wrong("the instance ended by itself"))?;
    let told = Command::new("kill").arg("-TERM").arg(id.to_string()).status().await;
    let told = told.map_err(|error| Failure::Broken(error.to_string()))?;
    if !told.success() {
        return Err(Failure::broken("the instance cannot be told to end"));
    }
    Ok(())
}

/// Runs until it listens (then it is stopped) or ends by itself.
async fn attempt(
    check: &ConfigurationCheck,
    variables: &BTreeMap<String, String>,
) -> Result<Ended, Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::Broken(format!("no folder: {error}")))?;
    let mut child = spawn(check, folder.path(), variables)?;
    let stdout = child.stdout.take().ok_or_else(|| Failure::broken("no output"))?;
    let mut stderr = child.stderr.take().ok_or_else(|| Failure::broken("no output"))?;
    let errors = tokio::spawn(async move {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text).await;
        text
    });
    let mut lines = BufReader::new(stdout).lines();
    let mut said = String::new();
    let mut listened = false;
    let reading = async {
        while let Ok(Some(line)) = lines.next_line().await {
            listened = line.contains("listening");
            said.push_str(&line);
            said.push('\n');
            if listened {
                break;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, reading).await.is_err() {
        return Err(Failure::wrong("the service neither listens nor ends"));
    }
    if listened {
        tell_to_end(&child).await?;
    }
    let status = tokio::time::timeout(PATIENCE, child.wait()).await;
    let status = status.map_err(|_| Failure::wrong("the service does not end"))?;
    let status = status.map_err(|error| Failure::Broken(error.to_string()))?;
    said.push_str(&errors.await.unwrap_or_default());
    Ok(Ended { code: status.code(), said, listened })
}

async fn starts(world: &mut World, _: Arguments) -> Seen {
    let check = configuration(world)?;
    let ended = attempt(&check, &check.variables).await?;
    if !ended.listened {
        return Err(Failure::Wrong(format!(
            "it ended with {:?}: {}",
            ended.code,
            short(&ended.said)
        )));
    }
    Ok("it listens".to_owned())
}

fn short(text: &str) -> String {
    text.chars().take(600).collect()
}

/// What must be there: secrets that are not optional, and variables without a default or another source.
fn required(world: &World) -> Result<Vec<String>, Failure> {
    let run = world.run()?;
    let config = &run.target.service.config;
    let secrets =
        config.secrets.iter().filter(|(_, secret)| !secret.optional).map(|(name, _)| name.clone());
    let vars = config
        .vars
        .iter()
        .filter(|(_, var)| var.default.is_none() && var.from.is_none())
        .map(|(name, _)| name.clone());
    Ok(secrets.chain(vars).collect())
}

fn refused(ended: &Ended, names: &[String]) -> Result<(), Failure> {
    if ended.listened || ended.code == Some(0) {
        return Err(Failure::wrong("the service started all the same"));
    }
    let unnamed: Vec<&String> =
        names.iter().filter(|name| !ended.said.contains(name.as_str())).collect();
    if unnamed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Wrong(format!("{unnamed:?} are not named: {}", short(&ended.said))))
    }
}

async fn each_missing(world: &mut World, _: Arguments) -> Seen {
    let check = configuration(world)?;
    let mut findings = Findings::new();
    for name in required(world)? {
        for how in ["missing", "empty"] {
            let mut variables = check.variables.clone();
            variables.remove(&name);
            if how == "empty" {
                variables.insert(name.clone(), String::new());
            }
            let ended = attempt(&check, &variables).await?;
            findings.add(&format!("{name} {how}"), refused(&ended, std::slice::from_ref(&name)))?;
        }
    }
    findings.finish("nothing is required", |count| format!("{count} starts were refused"))
}

async fn each_malformed(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let check = configuration(world)?;
    let config = &run.target.service.config;
    let short = config.secrets.iter().filter_map(|(name, secret)| {
        Some((name.clone(), "x".repeat(usize::try_from(secret.min_bytes?).ok()?.checked_sub(1)?)))
    });
    let wrong = config.vars.iter().filter_map(|(name, var)| {
        let pattern = regex::Regex::new(var.pattern.as_deref()?).ok()?;
        ["!", "", "not valid"]
            .into_iter()
            .find(|text| !text.is_empty() && !pattern.is_match(text))
            .map(|text| (name.clone(), text.to_owned()))
    });
    // Where a worker listens is the platform's business.
    let listens = run.target.environment.target != Target::Workers;
    let host = [("PORT", "99999"), ("PORT", "none"), ("HOST", "not an address")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let host = host.into_iter().filter(|_| listens);
    let mut findings = Findings::new();
    for (name, value) in short.chain(wrong).chain(host) {
        let mut variables = check.variables.clone();
        variables.insert(name.clone(), value.clone());
        let ended = attempt_exactly(&check, &variables, &name).await?;
        findings
            .add(&format!("{name} is {value:?}"), refused(&ended, std::slice::from_ref(&name)))?;
    }
    findings.finish("no value can be malformed", |count| format!("{count} starts were refused"))
}

/// Where the port or the host itself is what is malformed, it must not be replaced.
async fn attempt_exactly(
    check: &ConfigurationCheck,
    variables: &BTreeMap<String, String>,
    name: &str,
) -> Result<Ended, Failure> {
    if name != "PORT" && name != "HOST" {
        return attempt(check, variables).await;
    }
    let value = variables.get(name).cloned().unwrap_or_default();
    attempt_through(&check.program, &format!("{name}={value}"), variables).await
}

async fn attempt_through(
    program: &str,
    assignment: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Ended, Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::Broken(format!("no folder: {error}")))?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(variables)
        .env("PORT", "0")
        .env("HOST", "127.0.0.1")
        .current_dir(folder.path())
        .kill_on_drop(true);
    if let Some((name, value)) = assignment.split_once('=') {
        command.env(name, value);
    }
    command.env(
        "DATABASE_URL",
        format!("sqlite:{}", folder.path().join("configuration.db").display()),
    );
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.map_err(|_| Failure::wrong("the service started all the same"))?;
    let output = output.map_err(|error| Failure::Broken(error.to_string()))?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Ended { code: output.status.code(), listened: said.contains("listening"), said })
}

async fn all_at_once(world: &mut World, _: Arguments) -> Seen {
    let check = configuration(world)?;
    let names = required(world)?;
    let variables = check
        .variables
        .iter()
        .filter(|(name, _)| !names.contains(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let ended = attempt(&check, &variables).await?;
    refused(&ended, &names)?;
    Ok(format!("exit code {:?}, all of {} named", ended.code, names.join(", ")))
}

async fn no_secret(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let check = configuration(world)?;
    let mut variables = check.variables.clone();
    let mut made_up = Vec::new();
    for (name, secret) in &run.target.service.config.secrets {
        if let Some(least) = secret.min_bytes.filter(|least| *least > 8) {
            let value: String = uuid::Uuid::new_v4()
                .simple()
                .to_string()
                .chars()
                .take(usize::try_from(least - 1).unwrap_or(8))
                .collect();
            variables.insert(name.clone(), value.clone());
            made_up.push(value);
        }
    }
    let ended = attempt(&check, &variables).await?;
    let known = check
        .variables
        .iter()
        .filter(|(name, _)| run.target.service.config.secrets.contains_key(*name))
        .map(|(_, value)| value);
    let found = made_up
        .iter()
        .chain(known)
        .filter(|value| value.len() >= 6)
        .any(|value| ended.said.contains(value.as_str()));
    if found {
        Err(Failure::wrong("what it says about its configuration holds a secret"))
    } else {
        Ok("no secret is told".to_owned())
    }
}
