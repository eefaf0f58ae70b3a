//! Whether a secret is where none may be: in a file of the service, in what its files were once, in what a run wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence, StepEvidence};
use serde::Deserialize;
use serde_json::json;

use super::probe::{self, Probe};
use super::said;
use super::start::Started;
use super::workspace::LoadedService;
use crate::context::{Context, Stopped};
use crate::suite::program;
use crate::suite::tool::{self, SECRETLINT};

/// What is looked at: files, history, what the run wrote.
const PLANNED: usize = 3;
/// So many files are given to the linter at once; more may be too long for a command line.
const AT_ONCE: usize = 500;

/// What the linter says of a file; never what it found there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linted {
    file_path: PathBuf,
    messages: Vec<Found>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: String,
    loc: Location,
}

#[derive(Debug, Deserialize)]
struct Location {
    start: Start,
}

#[derive(Debug, Deserialize)]
struct Start {
    line: u64,
}

/// Looks everywhere.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    started: Option<&Started>,
    evidence: &Path,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Secrets);
    let Some(linter) = tool::find(context, SECRETLINT) else {
        let why = format!("secretlint is not installed: {}", SECRETLINT.install);
        return Ok(probe.undecided(why, PLANNED));
    };
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let lint = Lint::new(context, &linter, folder.path())?;
    let files = files(context, service)?;
    let commits = history(context, service, &folder.path().join("history"))?;
    if files.is_empty() || commits.is_empty() {
        return Ok(probe.undecided("there is no history of the service", PLANNED));
    }
    let planted = folder.path().join("planted.txt");
    write_atomically(&planted, planted_text().as_bytes())?;
    let control = lint.look(&[planted])?;
    let control = || {
        let found = control.len() >= PLANTED;
        let seen = format!("{} of {PLANTED}", counted(control.len(), "secret"));
        probe::step(
            "When secrets that open nothing are planted, then they are found",
            found,
            Some(seen),
        )
    };
    let is_clean = |found: &[String]| {
        let seen = if found.is_empty() { "nothing".to_owned() } else { found.join("; ") };
        probe::step("Then no secret is found", found.is_empty(), Some(seen))
    };
    let looked = |what: String| probe::step(format!("When {what} are looked at"), true, None);
    let scenario = |name: &str, steps: Vec<StepEvidence>| {
        probe::scenario(name.to_owned(), format!("spec/services/{}", service.folder), steps)
    };
    let mut scenarios = vec![
        scenario(
            "Files of the service, written and generated",
            vec![looked(counted(files.len(), "file")), is_clean(&lint.look(&files)?), control()],
        ),
        scenario(
            "What its files were once",
            vec![
                looked(counted(commits.len(), "commit")),
                is_clean(&lint.look(&commits)?),
                control(),
            ],
        ),
    ];
    if let Some(started) = started {
        scenarios.push(of_run(service, started, evidence, &files, folder.path())?);
    }
    let judged = judge(&scenarios, files.len(), commits.len());
    Ok(probe.end(judged, (PLANNED, scenarios.len()), scenarios, None))
}

fn judge(scenarios: &[ScenarioEvidence], files: usize, commits: usize) -> (CheckOutcome, String) {
    let looked = format!("{}, {}", counted(files, "file"), counted(commits, "commit"));
    match probe::first_failure(scenarios) {
        Some(why) => (CheckOutcome::Failed, why),
        None if scenarios.len() < PLANNED => {
            let why = format!("no secret in {looked}; the values of what runs are not known here");
            (CheckOutcome::Inconclusive(why.clone()), why)
        }
        None => (
            CheckOutcome::Passed,
            format!("no secret in {looked}, the log and the evidence of this run"),
        ),
    }
}

/// The values that this run was started with, in the files of the service, in the log and in the evidence.
fn of_run(
    service: &LoadedService,
    started: &Started,
    evidence: &Path,
    files: &[PathBuf],
    scratch: &Path,
) -> Result<ScenarioEvidence> {
    let names = service.service.config.secrets.keys();
    let values: Vec<(&String, &str)> =
        names.filter_map(|name| Some((name, started.variable(name)?))).collect();
    let mut looked = files.to_vec();
    looked.push(started.log.clone());
    below(evidence, &mut looked)?;
    let mut found = Vec::new();
    for file in &looked {
        found.extend(with_values(file, &values)?);
    }
    let known = scratch.join("known.txt");
    let text: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
    write_atomically(&known, text.join("\n").as_bytes())?;
    let control = with_values(&known, &values)?.len();
    let steps = vec![
        probe::step(
            format!(
                "When {} are looked for in {}",
                counted(values.len(), "value"),
                counted(looked.len(), "file")
            ),
            true,
            None,
        ),
        probe::step(
            "Then none of them is there",
            found.is_empty(),
            Some(if found.is_empty() { "nothing".to_owned() } else { found.join("; ") }),
        ),
        probe::step(
            "When a file has all of them, then all are found",
            control == values.len(),
            Some(format!("{control} of {}", values.len())),
        ),
    ];
    let place = evidence.display().to_string();
    Ok(probe::scenario("Secrets of this run in what it wrote".to_owned(), place, steps))
}

/// Which of the values a file has, by their names.
fn with_values(file: &Path, values: &[(&String, &str)]) -> Result<Vec<String>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let there = values.iter().filter(|(_, value)| text.contains(value));
    Ok(there.map(|(name, _)| format!("the value of {name} in {}", file.display())).collect())
}

/// Every file below a folder.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Where the files of a service are.
fn places(service: &LoadedService) -> Vec<String> {
    let folder = &service.folder;
    vec![
        format!("spec/services/{folder}"),
        "spec/services/common.yaml".to_owned(),
        format!("runtime/services/{folder}"),
        "environments".to_owned(),
        format!(".github/workflows/{folder}-*"),
    ]
}

/// What is or would be committed of the service.
fn files(context: &Context, service: &LoadedService) -> Result<Vec<PathBuf>> {
    let listed =
        git(context, &["ls-files", "--cached", "--others", "--exclude-standard"], service)?;
    let paths = listed.lines().map(|line| context.root.join(line));
    Ok(paths.filter(|path| path.is_file()).collect())
}

/// A file for each commit, with the lines that it added.
fn history(context: &Context, service: &LoadedService, folder: &Path) -> Result<Vec<PathBuf>> {
    const MARK: &str = "\u{1}commit ";
    let format = format!("--format={MARK}%H");
    let said = git(context, &["log", "--patch", "--no-color", "--no-ext-diff", &format], service)?;
    let mut commits = Vec::new();
    for part in said.split(MARK).skip(1) {
        let (commit, patch) = part.split_once('\n').unwrap_or((part, ""));
        let added = patch.lines().filter(|line| !line.starts_with("+++"));
        let added: Vec<&str> = added.filter_map(|line| line.strip_prefix('+')).collect();
        let file = folder.join(format!("{}.txt", commit.trim()));
        write_atomically(&file, added.join("\n").as_bytes())?;
        commits.push(file);
    }
    Ok(commits)
}

fn git(context: &Context, arguments: &[&str], service: &LoadedService) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(&context.root).args(arguments).arg("--").args(places(service));
    let said = said::data(context, &mut command, None)?;
    // Without a repository there is no history.
    Ok(if said.success { said.stdout } else { String::new() })
}

/// How many secrets are planted.
const PLANTED: usize = 2;

/// Secrets that open nothing, put together here so that no file holds them.
fn planted_text() -> String {
    let digits = "1234567890";
    let letters = "abcdefghijklmnopqrstuvwx";
    format!(
        "token = \"xoxb-{digits}-{digits}12-{letters}\"\nstore = postgres://{}:{}@db.example/x\n",
        "admin", "hunter-and-gatherer"
    )
}

/// The linter with its rules.
struct Lint<'a> {
    context: &'a Context,
    linter: &'a Path,
    rules: PathBuf,
}

impl<'a> Lint<'a> {
    fn new(context: &'a Context, linter: &'a Path, folder: &Path) -> Result<Self> {
        let rules = folder.join("rules.json");
        let preset = json!({"rules": [{"id": "@secretlint/secretlint-rule-preset-recommend"}]});
        write_atomically(&rules, preset.to_string().as_bytes())?;
        Ok(Self { context, linter, rules })
    }

    /// Where something looks like a secret: the place and the rule.
    fn look(&self, files: &[PathBuf]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for files in files.chunks(AT_ONCE) {
            let said = program::run(self.context, self.linter, |command| {
                command.args(["--format", "json", "--no-color", "--secretlintrc"]).arg(&self.rules);
                // Names are names, not patterns.
                command.arg("--no-glob").args(files);
            })?;
            let linted: Vec<Linted> = serde_json::from_str(&said.stdout).map_err(|_| {
                Stopped::could_not_find_out(format!(
                    "secretlint came to no end: {}",
                    said.stderr.trim()
                ))
            })?;
            for one in linted {
                let path = one.file_path.strip_prefix(&self.context.root).unwrap_or(&one.file_path);
                // What is looked at in a folder of ours is called by what it stands for.
                let name =
                    if path.is_absolute() { path.file_name().map(Path::new) } else { Some(path) };
                let name = name.unwrap_or(path).display().to_string();
                found.extend(one.messages.iter().map(|message| {
                    format!("{name}:{} ({})", message.loc.start.line, message.rule_id)
                }));
            }
        }
        Ok(found)
    }
}
