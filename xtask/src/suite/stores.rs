//! The servers that stores are on, for real: each is started in a temporary folder and stopped again.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use proofline_generator::sql::{self, plan};
use proofline_spec::evidence::CheckOutcome;

use super::d1;
use super::rust::{self, missing};
use super::table::Outcome;
use super::tool;
use crate::context::Context;
use crate::run::process::Process;
use crate::run::workspace::Workspace;
use crate::run::{plans, said};

/// How long a server may take to answer, and to stop.
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(3);
/// The user `nobody`: a server of databases does not run as root.
const NOBODY: u32 = 65534;

/// The runtime's tests that need a server.
pub(super) fn stores(context: &Context, _: bool) -> Result<Outcome> {
    let (Some(init), Some(server)) =
        (tool::find(context, tool::INITDB), tool::find(context, tool::POSTGRES))
    else {
        return Ok(missing("postgres"));
    };
    let Some(redis_server) = tool::find(context, tool::REDIS) else {
        return Ok(missing("redis-server"));
    };
    let Some(s3s) = tool::find(context, tool::S3S) else { return Ok(missing("s3s-fs")) };
    // Whom the server runs as may not see the folder of our tools.
    let (init, server) = (init.canonicalize()?, server.canonicalize()?);
    if tool::find(context, tool::WRANGLER).is_none() {
        return Ok(missing("wrangler"));
    }
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let (mut postgres, url) = start(folder.path(), &init, &server)?;
    let outcome = d1::with(context, |d1, ledger| {
        rust::ignored(
            context,
            &["--package=proofline-runtime", "--features=postgres", "--test=engines"],
            &[
                ("PROOFLINE_TEST_POSTGRES_URL", &url),
                ("PROOFLINE_TEST_D1_URL", d1),
                ("PROOFLINE_TEST_D1_LEDGER", &ledger.to_string_lossy()),
            ],
        )
    });
    let plans = plans(context, &server, &url);
    postgres.stop()?;
    let mut outcome = outcome?;
    outcome.add(&plans?);
    outcome.add(&redis(context)?);
    outcome.add(&bucket(context, &s3s)?);
    let programs = server.parent().unwrap_or(Path::new("."));
    outcome.add(&luna(context, programs, &redis_server)?);
    Ok(outcome)
}

/// Luna with both: each test starts its own, freezes and kills them under load, restarts replicas. One after
/// the other, so that the load of one is no disturbance of the next.
fn luna(context: &Context, postgres: &Path, redis: &Path) -> Result<Outcome> {
    let text = |path: &Path| path.display().to_string();
    let (postgres, redis) = (text(postgres), text(redis));
    let variables = [
        ("PROOFLINE_TEST_POSTGRES", postgres.as_str()),
        ("PROOFLINE_TEST_REDIS", redis.as_str()),
        ("RUST_TEST_THREADS", "1"),
    ];
    rust::ignored(context, &["--package=luna-rag-backend", "--test=stores"], &variables)
}

/// The plans of every service's queries on the server: none reads a whole table without saying so.
fn plans(context: &Context, server: &Path, url: &str) -> Result<Outcome> {
    let psql = server.with_file_name("psql");
    let workspace = Workspace::load(context, None)?;
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    for service in &workspace.services {
        let spec = &service.service;
        if !sql::postgres::is_wanted(spec) {
            continue;
        }
        let script = plan::ask(spec, &service.migrations, &service.prepared, plans::SCRATCH);
        let mut command = Command::new(&psql);
        command.args(["--quiet", "--set=ON_ERROR_STOP=1", url]);
        let said = said::call(context, &mut command, Some(&script))?;
        let found = if said.success { plan::read(spec, &said.stdout) } else { Err(said.all()) };
        let judged = found.map(|found| plans::judge("Postgres", &found, spec.queries.len()));
        outcome.add(&match judged {
            Ok((found, summary)) => Outcome::one(found == CheckOutcome::Passed, summary),
            Err(error) => Outcome::one(false, error),
        });
    }
    Ok(outcome)
}

/// Each of these tests starts, stops and freezes a Redis of its own; one after the other, since they wait for
/// what takes as long as the machine needs.
fn redis(context: &Context) -> Result<Outcome> {
    let runtime = ["--package=proofline-runtime", "--features=postgres,redis"];
    let sample = [&["build", "--locked", "--quiet", "--example=sample"], &runtime[..]].concat();
    let built = rust::cargo(context, &sample, &[])?;
    if !built.success {
        return Ok(Outcome::one(false, built.all()));
    }
    let which = [&runtime[..], &["--test=redis"]].concat();
    rust::ignored(context, &which, &[("RUST_TEST_THREADS", "1")])
}

/// Files in a folder and in a bucket: each test starts a server of its own. One after the other, since they look at
/// what the process holds in memory.
fn bucket(context: &Context, server: &Path) -> Result<Outcome> {
    let which = ["--package=proofline-runtime", "--features=s3", "--test=files"];
    rust::ignored(
        context,
        &which,
        &[("PROOFLINE_S3S", &server.to_string_lossy()), ("RUST_TEST_THREADS", "1")],
    )
}

/// A server with an empty cluster, and where it is.
fn start(folder: &Path, init: &Path, server: &Path) -> Result<(Process, String)> {
    let is_root = folder.metadata()?.uid() == 0;
    if is_root {
        chown(folder, Some(NOBODY), Some(NOBODY))?;
    }
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let data = folder.join("data");
    let made = command(init)
        .arg("--pgdata")
        .arg(&data)
        .args(["--username=proofline", "--auth=trust", "--encoding=UTF8", "--no-sync"])
        .output()
        .with_context(|| format!("cannot start {}", init.display()))?;
    if !made.status.success() {
        bail!("initdb: {}", String::from_utf8_lossy(&made.stderr));
    }
    // Free a moment ago; nobody else is told of it.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let log = folder.join("log");
    let file = File::options().write(true).create_new(true).open(&log)?;
    let mut process = Process::spawn(
        command(server)
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", "", "-F"])
            .stdout(file.try_clone()?)
            .stderr(file),
        STOP,
    )?;
    let ready = |said: &str| said.contains("ready to accept connections").then_some(());
    until_it_says(&mut process, &log, "postgres", ready)?;
    Ok((process, format!("postgres://proofline@127.0.0.1:{port}/postgres")))
}

/// Waits for what a server says in its log once it listens.
pub(super) fn until_it_says<T>(
    process: &mut Process,
    log: &Path,
    name: &str,
    find: impl Fn(&str) -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + START;
    loop {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        if let Some(found) = find(&said) {
            return Ok(found);
        }
        if process.try_wait()?.is_some() || Instant::now() > deadline {
            bail!("{name} does not start:\n{said}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
