//! Whether a secret is where none may be: in a file of the service, in what its files were once, in what a run wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence, StepEvidence};
use regex::Regex;
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
    source_content_type: String,
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
    if git(context, &["rev-parse", "--is-shallow-repository"], &[])?.trim() != "false" {
        return Ok(probe.undecided("the whole history of the repository is not here", PLANNED));
    }
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let lint = Lint::new(context, service, &linter, folder.path())?;
    let files = files(context, service)?;
    let commits = history(context, service, &folder.path().join("history"))?;
    if files.is_empty() || commits.is_empty() {
        return Ok(probe.undecided("there is no history of the service", PLANNED));
    }
    let planted = folder.path().join("planted.txt");
    let (text, count) = planted_text(service);
    write_atomically(&planted, text.as_bytes())?;
    let control = lint.look(&[planted])?.len();
    let control = || {
        let seen = format!("{control} of {count}");
        let text = "When secrets that open nothing are planted, then they are found";
        probe::step(text, control >= count, Some(seen))
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
    if let Some(found) =
        started.map(|started| of_run(started, evidence, &files, folder.path())).transpose()?
    {
        scenarios.extend(found);
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

/// The values that this run was started with, in the files of the service, in the log and in the evidence; nothing where
/// there are none.
fn of_run(
    started: &Started,
    evidence: &Path,
    files: &[PathBuf],
    scratch: &Path,
) -> Result<Option<ScenarioEvidence>> {
    let values: Vec<(&String, &str)> = started.secrets().collect();
    if values.is_empty() {
        return Ok(None);
    }
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
    Ok(Some(probe::scenario("Secrets of this run in what it wrote".to_owned(), place, steps)))
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
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = git(context, &list, &places(service))?;
    let paths = listed.split('\0').filter(|name| !name.is_empty());
    Ok(paths.map(|name| context.root.join(name)).filter(|path| path.is_file()).collect())
}

/// A file for each change of each commit, on whatever branch it was, with the lines that it added.
fn history(context: &Context, service: &LoadedService, folder: &Path) -> Result<Vec<PathBuf>> {
    const MARK: &str = "\u{1}commit ";
    let format = format!("--format={MARK}%H");
    let log = [
        "-c",
        "log.showRoot=true",
        "log",
        "--all",
        "--full-history",
        "-m",
        "--patch",
        "--text",
        "--no-textconv",
        "--no-color",
        "--no-ext-diff",
        &format,
    ];
    let said = git(context, &log, &places(service))?;
    let mut changes = Vec::new();
    for part in said.split(MARK).skip(1) {
        let (commit, patch) = part.split_once('\n').unwrap_or((part, ""));
        // A merge has a change for each of its parents.
        let file = folder.join(format!("{}-{}.txt", commit.trim(), changes.len()));
        write_atomically(&file, added(patch).join("\n").as_bytes())?;
        changes.push(file);
    }
    Ok(changes)
}

/// The lines that a patch adds; its headers are none.
fn added(patch: &str) -> Vec<&str> {
    let mut in_header = true;
    let mut lines = Vec::new();
    for line in patch.lines() {
        if line.starts_with("diff --git ") {
            in_header = true;
        } else if line.starts_with("@@") {
            in_header = false;
        } else if let Some(line) = line.strip_prefix('+').filter(|_| !in_header) {
            lines.push(line);
        }
    }
    lines
}

fn git(context: &Context, arguments: &[&str], places: &[String]) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(&context.root).args(arguments);
    if !places.is_empty() {
        command.arg("--").args(places);
    }
    let said = said::data(context, &mut command, None)?;
    // Without a repository there is no history.
    Ok(if said.success { said.stdout } else { String::new() })
}

/// Secrets that open nothing, put together here so that no file holds them, and how many there are: of vendors, and each
/// of the service's own.
fn planted_text(service: &LoadedService) -> (String, usize) {
    let digits = "1234567890";
    let letters = "abcdefghijklmnopqrstuvwx";
    let mut lines = vec![
        format!("token = \"xoxb-{digits}-{digits}12-{letters}\""),
        format!("store = postgres://{}:{}@db.example/x", "admin", "hunter-and-gatherer"),
    ];
    lines.extend(service.service.config.secrets.keys().map(|name| format!("{name}={letters}")));
    let count = lines.len();
    (lines.join("\n"), count)
}

/// The places in a text where a secret of this name is given a value; what refers to one, or leaves it empty, gives none.
fn given(name: &str) -> Result<Regex> {
    let name = regex::escape(name);
    Ok(Regex::new(&format!(r#"\b{name}["']?[ \t]*[:=][ \t]*["']?[^\s"',;${{}}<>\[\]()]{{8,}}"#))?)
}

/// The linter with its rules, and what it cannot know: what the service calls its secrets.
struct Lint<'a> {
    context: &'a Context,
    linter: &'a Path,
    rules: PathBuf,
    ignored: PathBuf,
    own: Vec<(&'a String, Regex)>,
}

impl<'a> Lint<'a> {
    fn new(
        context: &'a Context,
        service: &'a LoadedService,
        linter: &'a Path,
        folder: &Path,
    ) -> Result<Self> {
        let (rules, ignored) = (folder.join("rules.json"), folder.join("ignored"));
        let preset = json!({"rules": [{"id": "@secretlint/secretlint-rule-preset-recommend"}]});
        write_atomically(&rules, preset.to_string().as_bytes())?;
        write_atomically(&ignored, b"")?;
        let names = service.service.config.secrets.keys();
        let own = names.map(|name| Ok((name, given(name)?))).collect::<Result<_>>()?;
        Ok(Self { context, linter, rules, ignored, own })
    }

    /// Where something looks like a secret: the place and why.
    fn look(&self, files: &[PathBuf]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for files in files.chunks(AT_ONCE) {
            let said = program::run(self.context, self.linter, |command| {
                command.args(["--format", "json", "--no-color", "--secretlintrc"]).arg(&self.rules);
                // Nothing is left out because a file says so, and names are names.
                command.args(["--no-gitignore", "--no-glob", "--secretlintignore"]);
                command.arg(&self.ignored).args(files);
            })?;
            let broken = || Stopped::could_not_find_out("secretlint came to no end".to_owned());
            if !matches!(said.code, Some(0 | 1)) {
                return Err(broken());
            }
            let linted: Vec<Linted> = serde_json::from_str(&said.stdout).map_err(|_| broken())?;
            for file in files {
                let seen = linted.iter().find(|one| one.file_path == *file);
                if seen.is_none_or(|one| one.source_content_type != "text") {
                    let text = format!("secretlint did not read {}", self.name(file));
                    return Err(Stopped::could_not_find_out(text));
                }
                found.extend(self.own(file)?);
            }
            for one in linted {
                let name = self.name(&one.file_path);
                found.extend(one.messages.iter().map(|message| {
                    format!("{name}:{} ({})", message.loc.start.line, message.rule_id)
                }));
            }
        }
        Ok(found)
    }

    /// Values of the service's own secrets, and words that tell the linter to look away.
    fn own(&self, file: &Path) -> Result<Vec<String>> {
        let text =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let text = String::from_utf8_lossy(&text);
        let name = self.name(file);
        let mut found = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let given = self.own.iter().filter(|(_, value)| value.is_match(line));
            found.extend(given.map(|(secret, _)| format!("{name}:{number} (a value of {secret})")));
            if line.contains(concat!("secretlint", "-disable")) {
                found.push(format!("{name}:{number} (the linter is told to look away)"));
            }
        }
        Ok(found)
    }

    /// What a file is called; one in a folder of ours by what it stands for.
    fn name(&self, file: &Path) -> String {
        let path = file.strip_prefix(&self.context.root).unwrap_or(file);
        let name = if path.is_absolute() { path.file_name().map(Path::new) } else { Some(path) };
        name.unwrap_or(path).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_of_a_secret_is_told_from_what_only_names_it() {
        let value = given("JWT_SECRET").unwrap();
        let letters = "abcdefgh12345678";
        for text in [
            format!("JWT_SECRET={letters}"),
            format!("  \"JWT_SECRET\": \"{letters}\","),
            format!("JWT_SECRET: {letters}"),
            format!("export JWT_SECRET='{letters}'"),
        ] {
            assert!(value.is_match(&text), "{text}");
        }
        for text in [
            "JWT_SECRET: {min_bytes: 32, description: Signs the session tokens.}",
            "JWT_SECRET=",
            "JWT_SECRET: ${{ secrets.JWT_SECRET }}",
            "JWT_SECRET=<at least 32 bytes>",
            "secret: JWT_SECRET",
            "MY_JWT_SECRET_NAME=abcdefgh12345678",
        ] {
            assert!(!value.is_match(text), "{text}");
        }
    }

    #[test]
    fn what_a_patch_adds_is_all_that_is_read_of_it() {
        let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-old\n+new\n+++ not a header\n same\n";
        assert_eq!(added(patch), ["new", "++ not a header"]);
    }
}
