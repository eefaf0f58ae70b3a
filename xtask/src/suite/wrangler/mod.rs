//! What the spec says beside what wrangler's own parser understood, in every environment and field by field.

mod change;
mod compare;
mod expected;
mod week;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_generator::emit::wrangler as emitter;
use proofline_generator::{Input, sql, tree};
use proofline_spec::document::{Binding, Environment, Service};
use proofline_spec::evidence::Digest;
use proofline_spec::load;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::program;
use super::table::Outcome;
use crate::context::{Context, Stopped};
use crate::run::workspace::Workspace;
use crate::workers::tools::Wrangler;
use expected::{Subject, on_workers};

/// Asks wrangler.
const READ: &str = include_str!("read.mjs");
/// A service that has everything that can be said for Workers.
const EVERYTHING: &str = "spec/tests/accepted/on-workers";

/// Compares every service that is generated for Workers, and one that has everything.
pub(super) fn compare(context: &Context) -> Result<Outcome> {
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    let workspace = Workspace::load(context, None)?;
    for service in &workspace.services {
        let file = context.root.join(emitter::path(&service.folder));
        if !file.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&file)?;
        let config = serde_json::from_str(&without_comments(&text))?;
        let environments = on_workers(&service.folder, &service.service, &workspace.environments);
        let base = context.root.join("spec/services").join(&service.folder);
        let subject = Subject {
            service: &service.service,
            folder: &service.folder,
            buries: buries(&service.service, &base),
            environments,
        };
        judge(context, &subject, &config, &mut outcome)?;
    }
    everything(context, &mut outcome)?;
    Ok(outcome)
}

/// The same with a service of the tests, which is generated here only.
fn everything(context: &Context, outcome: &mut Outcome) -> Result<()> {
    let folder = context.root.join(EVERYTHING);
    if !folder.is_dir() {
        return Ok(());
    }
    let service = load::load_service(&folder.join("service.yaml"));
    let service: Service = service.document.context("the service of the tests cannot be read")?;
    let files = load::find_environments(&folder)?;
    let environments: Vec<Environment> =
        files.iter().filter_map(|file| load::load_environment(file).document).collect();
    let migrations = sql::read_migrations(&service, &folder)?;
    let input = Input {
        folder: "shop",
        service: &service,
        migrations: &migrations,
        prepared: &BTreeMap::new(),
        environments: &environments,
        digest: Digest::of(b""),
    };
    let config = match emitter::config(&input) {
        Ok(config) => config,
        Err(error) => bail!("the generator could not write wrangler.jsonc: {error}"),
    };
    let here = on_workers("shop", &service, &environments);
    judge(
        context,
        &Subject {
            service: &service,
            folder: "shop",
            buries: buries(&service, &folder),
            environments: here,
        },
        &config,
        outcome,
    )
}

/// Whether a migration of the first database says so.
fn buries(service: &Service, base: &Path) -> bool {
    let folder = service.bindings.values().find_map(|binding| match binding {
        Binding::Sql { migrations, .. } => Some(base.join(migrations)),
        _ => None,
    });
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    files.flatten().any(|file| {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        text.to_lowercase().contains("create table dead_letters")
    })
}

/// Every environment as it is, and then with each value changed, which has to be noticed.
fn judge(
    context: &Context,
    subject: &Subject<'_>,
    config: &Value,
    outcome: &mut Outcome,
) -> Result<()> {
    let mut environments = vec![None];
    environments.extend(subject.environments.iter().copied().map(Some));
    let mut reader = Reader::new(context)?;
    let empty = reader.add(&empty(), None);
    let whole: Vec<Asked<'_>> = environments
        .iter()
        .map(|environment| (*environment, reader.add(config, *environment)))
        .collect();
    let mut changes = Vec::new();
    for changed in change::all(config) {
        let only = changed.environment.as_deref();
        let asked: Vec<Asked<'_>> = environments
            .iter()
            .copied()
            .filter(|e| only.is_none_or(|only| e.is_some_and(|e| e.environment == only)))
            .map(|environment| (environment, reader.add(&changed.config, environment)))
            .collect();
        changes.push((changed.what, asked));
    }
    let answers = reader.read()?;
    let baseline = answers[empty].config.clone().unwrap_or_default();
    let verdict =
        |(environment, job): Asked<'_>| Verdict::of(subject, environment, &baseline, &answers[job]);
    let mut namespaces = Vec::new();
    for asked in whole {
        let verdict = verdict(asked);
        namespaces.extend(verdict.namespaces);
        note(subject, asked.0, &verdict.wrong, outcome);
    }
    let mut problems = counted_together(namespaces);
    if changes.is_empty() {
        problems.push("there was nothing to change".to_owned());
    }
    for (what, asked) in changes {
        if asked.into_iter().all(|asked| verdict(asked).wrong.is_empty()) {
            problems.push(format!("nobody notices: {what}"));
        }
    }
    note(subject, None, &problems, outcome);
    Ok(())
}

/// An environment, or the top level, and the place of the answer about it.
type Asked<'e> = (Option<&'e Environment>, usize);

/// A configuration that says nothing.
fn empty() -> Value {
    json!({ "name": "x", "main": "../build/worker/shim.mjs", "compatibility_date": "2026-01-01" })
}

fn counted_together(mut namespaces: Vec<String>) -> Vec<String> {
    let all = namespaces.len();
    namespaces.sort();
    namespaces.dedup();
    if namespaces.len() == all {
        return Vec::new();
    }
    vec!["two rate limits are counted together".to_owned()]
}

fn note(
    subject: &Subject<'_>,
    environment: Option<&Environment>,
    problems: &[String],
    outcome: &mut Outcome,
) {
    if problems.is_empty() {
        outcome.passed += 1;
        return;
    }
    outcome.failed += 1;
    let name = environment.map_or("the top level", |e| e.environment.as_str());
    outcome.output.push_str(&format!(
        "wrangler.jsonc of {} ({name}):\n  {}\n",
        subject.folder,
        problems.join("\n  ")
    ));
}

/// What is wrong with one environment.
struct Verdict {
    wrong: Vec<String>,
    namespaces: Vec<String>,
}

impl Verdict {
    fn of(
        subject: &Subject<'_>,
        environment: Option<&Environment>,
        baseline: &Value,
        answer: &Answer,
    ) -> Self {
        let mut wrong: Vec<String> =
            answer.warnings.iter().map(|text| format!("wrangler warns: {text}")).collect();
        wrong.extend(answer.error.iter().map(|text| format!("wrangler refuses it: {text}")));
        let Some(mut found) = answer.config.clone() else {
            return Self { wrong, namespaces: Vec::new() };
        };
        let namespaces = compare::take_namespaces(&mut found);
        // What the spec says nothing about is as it is in a configuration that says nothing.
        let mut expected = baseline.clone();
        let said = subject.expected(environment, &found["triggers"]["crons"]);
        if let (Value::Object(expected), Value::Object(said)) = (&mut expected, said) {
            expected.extend(said);
        }
        wrong.extend(compare::differences(&found, &expected));
        Self { wrong, namespaces }
    }
}

/// A configuration that wrangler is to read.
#[derive(Serialize)]
struct Job {
    config: Value,
    env: String,
}

/// What wrangler understood.
#[derive(Deserialize)]
struct Answer {
    config: Option<Value>,
    error: Option<String>,
    warnings: Vec<String>,
}

/// Collects configurations and has them all read at once.
struct Reader<'c> {
    context: &'c Context,
    folder: tempfile::TempDir,
    jobs: Vec<Job>,
}

impl<'c> Reader<'c> {
    fn new(context: &'c Context) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
        Ok(Self { context, folder, jobs: Vec::new() })
    }

    /// Its place among the answers.
    fn add(&mut self, config: &Value, environment: Option<&Environment>) -> usize {
        let place = self.jobs.len();
        // An empty name is the top level, said on purpose.
        let env = environment.map(|e| e.environment.clone()).unwrap_or_default();
        self.jobs.push(Job { config: config.clone(), env });
        place
    }

    fn read(self) -> Result<Vec<Answer>> {
        let (node, cli) = programs(self.context)?;
        let script = self.folder.path().join("read.mjs");
        let jobs = self.folder.path().join("jobs.json");
        tree::write_atomically(&script, READ.as_bytes())?;
        tree::write_atomically(&jobs, serde_json::to_string(&self.jobs)?.as_bytes())?;
        let said = program::run(self.context, &node, |command| {
            command.arg(&script).arg(cli).arg(&jobs);
        })?;
        if !said.success {
            return Err(Stopped::could_not_find_out(format!(
                "wrangler cannot be asked what it understood:\n{}",
                said.all()
            )));
        }
        let mut answers: Vec<Answer> = serde_json::from_str(&said.stdout)?;
        for config in answers.iter_mut().filter_map(|answer| answer.config.as_mut()) {
            without_places(config, self.folder.path());
        }
        Ok(answers)
    }
}

/// Paths are of the temporary folder; what matters is where they are from the service's.
fn without_places(config: &mut Value, folder: &Path) {
    let Value::Object(members) = config else { return };
    members.shift_remove("configPath");
    members.shift_remove("userConfigPath");
    let main = members.get("main").and_then(Value::as_str).map(PathBuf::from);
    if let Some(main) = main
        && let Ok(relative) = main.strip_prefix(folder)
    {
        members.insert("main".to_owned(), relative.display().to_string().into());
    }
}

/// Node, and wrangler as a library.
fn programs(context: &Context) -> Result<(PathBuf, PathBuf)> {
    let wrangler = Wrangler::find(context).map_err(|missing| {
        let text = format!("{}: {}; {}", missing.name, missing.why, missing.fix);
        Stopped::could_not_find_out(text)
    })?;
    let package = wrangler.script.parent().and_then(Path::parent);
    let cli = package.map(|package| package.join("wrangler-dist/cli.js"));
    match cli.filter(|cli| cli.is_file()) {
        Some(cli) => Ok((wrangler.node, cli)),
        None => bail!("{} is not wrangler as it was", wrangler.script.display()),
    }
}

/// Our own files only have comments on lines of their own.
pub(super) fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}
