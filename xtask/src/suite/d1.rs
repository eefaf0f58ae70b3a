//! D1 in the platform's own runtime, with the awkward statements' migrations: for tests that are not in a worker.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use proofline_generator::tree::write_atomically;
use proofline_spec::document::Environment;
use serde_json::{Value, json};

use super::stores::until_it_says;
use crate::context::Context;
use crate::run::process::Process;
use crate::run::start::script;
use crate::workers::tools::Wrangler;
use crate::workers::wrangler::Call;

/// The worker, which passes batches on, and what it calls the database with: the runtime's own function.
const WORKER: &str = include_str!("../../tools/d1.mjs");
const GLUE: &str = include_str!("../../../runtime/src/host/workers/glue.mjs");
/// The migrations, as the generator's test keeps them.
const AWKWARD: &str = include_str!("../../../runtime/tests/engines/awkward.json");
/// The databases: one for each test that writes.
const DATABASES: [&str; 2] = ["AGREE", "BATCH"];
/// How long the runtime may take to stop.
const STOP: Duration = Duration::from_secs(3);

/// The database that a test kills the runtime over.
const LEDGER: &str = "LEDGER";

/// Runs something while the worker listens at the address that it gets; also with a program that starts another one,
/// with data of its own, for a test that kills it.
pub(super) fn with<T>(context: &Context, run: impl FnOnce(&str, &Path) -> Result<T>) -> Result<T> {
    let wrangler = Wrangler::find(context).map_err(|missing| anyhow!("{}", missing.why))?;
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let environment: Environment = serde_json::from_value(
        json!({"proofline": "v1", "environment": "engines", "target": "workers"}),
    )?;
    let call = Call::new(context, &wrangler, &environment, folder.path())?;
    let (worker, data) = (folder.path().join("worker"), folder.path().join("data"));
    write(folder.path(), &worker, &call)?;
    let own = folder.path().join("ledger");
    for (name, data) in DATABASES.map(|name| (name, &data)).into_iter().chain([(LEDGER, &own)]) {
        let command = call.migrate_here(name, data);
        call.run(command, None, &format!("apply the migrations of `{name}`"))?;
    }
    let program = script::of(folder.path(), &call.local(&worker, &own, 0)?)?;
    let log = folder.path().join("log");
    let mut command = call.local(&worker, &data, 0)?;
    let file = std::fs::File::options().write(true).create_new(true).open(&log)?;
    command.stdout(file.try_clone()?).stderr(file);
    let mut process = Process::spawn(&mut command, STOP).context("cannot start Node")?;
    let address = |said: &str| {
        said.lines().find_map(|line| line.strip_prefix("Ready on ")).map(str::to_owned)
    };
    let url = until_it_says(&mut process, &log, "the runtime of workers", address)?;
    let url = url.trim_end_matches('/');
    let result = run(url, &program);
    process.stop()?;
    result
}

fn write(folder: &Path, worker: &Path, call: &Call<'_>) -> Result<()> {
    let migrations = folder.join("migrations");
    for folder in [worker, &migrations] {
        std::fs::create_dir_all(folder)?;
    }
    let awkward: Value = serde_json::from_str(AWKWARD)?;
    for one in awkward["migrations"].as_array().into_iter().flatten() {
        let text = |name: &str| one[name].as_str().unwrap_or_default();
        write_atomically(&migrations.join(text("name")), text("sql").as_bytes())?;
    }
    write_atomically(&worker.join("shim.mjs"), WORKER.as_bytes())?;
    write_atomically(&worker.join("glue.mjs"), GLUE.as_bytes())?;
    let databases: Vec<Value> = DATABASES
        .iter()
        .chain([&LEDGER])
        .enumerate()
        .map(|(at, name)| {
            json!({
                "binding": name,
                "database_name": name,
                "database_id": format!("00000000-0000-4000-8000-{at:012}"),
                "migrations_dir": migrations,
            })
        })
        .collect();
    let configuration = json!({
        "name": "engines",
        "main": worker.join("shim.mjs"),
        "compatibility_date": "2026-01-01",
        "env": {"engines": {"d1_databases": databases}},
    });
    write_atomically(&call.configuration(), configuration.to_string().as_bytes())?;
    Ok(())
}
