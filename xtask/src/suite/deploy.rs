//! Suites in which the tools of the trade judge generated deployment files.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::program;
use super::rust::missing;
use super::table::Outcome;
use super::tool::{self, Tool};
use super::wrangler;
use crate::context::Context;
use crate::run::alerts::ASKED;
use crate::run::pipelines::{self, Kind};

/// Every generated file of this name.
fn files(context: &Context, name: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(context.root.join("runtime/services"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("deploy").join(name))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

/// Runs a tool on every file; a file that no tool looked at is no success.
fn judge(
    context: &Context,
    name: &str,
    tool: Tool,
    arguments: impl Fn(&Path) -> Vec<String>,
    also_bad: impl Fn(&str) -> bool,
) -> Result<Outcome> {
    let Some(path) = tool::find(context, tool) else { return Ok(missing(tool.name)) };
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    for file in files(context, name) {
        let said = program::run(context, &path, |command| {
            command.args(arguments(&file));
        })?;
        if said.success && !also_bad(&said.all()) {
            outcome.passed += 1;
        } else {
            outcome.failed += 1;
            outcome.output.push_str(&format!(
                "{} on {}:\n{}\n",
                tool.name,
                file.display(),
                said.all()
            ));
        }
    }
    Ok(outcome)
}

fn both(one: Outcome, two: &Outcome) -> Outcome {
    Outcome {
        passed: one.passed + two.passed,
        failed: one.failed + two.failed,
        skipped: one.skipped + two.skipped,
        output: one.output + &two.output,
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn openapi(context: &Context, _: bool) -> Result<Outcome> {
    let ruleset = text(&context.root.join(".ci/spectral.yaml"));
    let one = judge(
        context,
        "openapi.json",
        tool::SPECTRAL,
        |file| {
            vec![
                "lint".into(),
                "--ruleset".into(),
                ruleset.clone(),
                "--fail-severity=warn".into(),
                text(file),
            ]
        },
        |_| false,
    )?;
    let two = judge(
        context,
        "openapi.json",
        tool::REDOCLY,
        |file| vec!["lint".into(), "--extends=spec".into(), text(file)],
        |_| false,
    )?;
    Ok(both(one, &two))
}

pub(super) fn wrangler(context: &Context, _: bool) -> Result<Outcome> {
    let schema = text(&context.tools.join("lib/wrangler-schema"));
    let one = judge(
        context,
        "wrangler.jsonc",
        tool::CHECK_JSONSCHEMA,
        |file| {
            vec![
                "--force-filetype".into(),
                "json5".into(),
                "--schemafile".into(),
                schema.clone(),
                text(file),
            ]
        },
        |_| false,
    )?;
    let two = dry_run(context)?;
    if tool::find(context, tool::WRANGLER).is_none() {
        return Ok(both(one, &two));
    }
    Ok(both(both(one, &two), &wrangler::compare(context)?))
}

/// Exports what the worker's entry point exports.
const STAND_IN: &str = "\
import { DurableObject } from 'cloudflare:workers';
export class RateLimiter extends DurableObject {}
export class Room extends DurableObject {}
export default { fetch() { return new Response('stand-in'); }, queue() {}, scheduled() {} };
";

/// `wrangler deploy --dry-run` with a stand-in for the worker, as this stage builds none. Any warning is a failure.
fn dry_run(context: &Context) -> Result<Outcome> {
    let Some(path) = tool::find(context, tool::WRANGLER) else { return Ok(missing("wrangler")) };
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    for file in files(context, "wrangler.jsonc") {
        let config = std::fs::read_to_string(&file)?;
        let main = serde_json::from_str::<serde_json::Value>(&wrangler::without_comments(&config))?;
        let mut environments = vec![None];
        environments
            .extend(main["env"].as_object().into_iter().flat_map(|e| e.keys().cloned().map(Some)));
        for environment in environments {
            let folder = tempfile::tempdir()?;
            let worker = folder.path().join("worker.mjs");
            proofline_generator::tree::write_atomically(&worker, STAND_IN.as_bytes())?;
            let said = program::run(context, &path, |command| {
                command.args(["deploy", "--dry-run", "--outdir"]).arg(folder.path().join("out"));
                command.arg("--config").arg(&file).arg(&worker);
                command.arg("--env").arg(environment.as_deref().unwrap_or(""));
            })?;
            if said.success && !said.all().contains("WARNING") {
                outcome.passed += 1;
            } else {
                outcome.failed += 1;
                let name = environment.unwrap_or_else(|| "the top level".to_owned());
                outcome.output.push_str(&format!(
                    "wrangler on {} ({name}):\n{}\n",
                    file.display(),
                    said.all()
                ));
            }
        }
    }
    Ok(outcome)
}

pub(super) fn compose(context: &Context, _: bool) -> Result<Outcome> {
    let one = judge(
        context,
        "compose.yaml",
        tool::CHECK_JSONSCHEMA,
        |file| vec!["--builtin-schema".into(), "vendor.compose-spec".into(), text(file)],
        |_| false,
    )?;
    let two = config(context)?;
    Ok(both(one, &two))
}

/// `docker compose config` with every variable of the example set, and refused without them.
fn config(context: &Context) -> Result<Outcome> {
    let Some(path) = tool::find(context, tool::COMPOSE) else {
        return Ok(missing("docker-compose"));
    };
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    for file in files(context, "compose.yaml") {
        let example = std::fs::read_to_string(file.with_file_name(".env.example"))?;
        let set: Vec<(String, String)> = example
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| {
                let value = if value.is_empty() { "set-for-this-test" } else { value };
                (name.to_owned(), value.to_owned())
            })
            .collect();
        let replicas = file.with_file_name("compose.replicas.yaml");
        let cases = [(set.clone(), true, None), (Vec::new(), false, None)];
        // Only together with the file that it changes.
        let behind = replicas.is_file().then_some((set, true, Some(&replicas)));
        for (variables, wanted, more) in cases.into_iter().chain(behind) {
            let said = program::run(context, &path, |command| {
                command.arg("-f").arg(&file);
                command.args(more.iter().flat_map(|more| [Path::new("-f"), more.as_path()]));
                command.args(["config", "--quiet"]);
                command.envs(variables);
            })?;
            if said.success == wanted {
                outcome.passed += 1;
            } else {
                outcome.failed += 1;
                let wish = if wanted { "should accept" } else { "should miss the secrets of" };
                outcome.output.push_str(&format!(
                    "docker compose {wish} {}:\n{}\n",
                    file.display(),
                    said.all()
                ));
            }
        }
    }
    Ok(outcome)
}

pub(super) fn dockerfile(context: &Context, _: bool) -> Result<Outcome> {
    judge(context, "Dockerfile", tool::HADOLINT, |file| vec![text(file)], |_| false)
}

/// Prometheus reads the rules, and its own tests of rules show each alert firing and staying silent.
pub(super) fn prometheus(context: &Context, _: bool) -> Result<Outcome> {
    let [one, two] = ASKED.map(|(verb, file, _)| {
        let arguments = |file: &Path| vec![verb.into(), "rules".into(), text(file)];
        judge(context, &format!("prometheus/{file}"), tool::PROMTOOL, arguments, |_| false)
    });
    Ok(both(one?, &two?))
}

/// What is wrong with a workflow that no linter should accept: a job that is not there, a key and a context that no
/// version knows.
const BROKEN: [(&str, &str); 3] = [
    ("    - staging\n", "    - nowhere\n"),
    ("    timeout-minutes: ", "    timeout-in-minutes: "),
    ("${{ github.run_id }}", "${{ github.run_identity }}"),
];

/// The linter and our own rules accept every generated workflow, and the linter refuses what is broken on purpose.
pub(super) fn workflows(context: &Context, _: bool) -> Result<Outcome> {
    let Some(linter) = tool::find(context, tool::ACTIONLINT) else {
        return Ok(missing(tool::ACTIONLINT.name));
    };
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    for file in pipelines::files(&context.root, None) {
        let (kind, steps) = pipelines::judge(context, &linter, &file)?;
        let wrong: Vec<String> = steps
            .iter()
            .filter(|step| step.passed == Some(false))
            .map(|step| format!("{}: {}", step.text, step.message.clone().unwrap_or_default()))
            .collect();
        let output = format!("{}:\n{}\n", file.display(), wrong.join("\n"));
        outcome.add(&Outcome::one(wrong.is_empty(), output));
        if kind == Kind::Promotion {
            outcome.add(&refused(context, &linter, &file)?);
        }
    }
    Ok(outcome)
}

fn refused(context: &Context, linter: &Path, file: &Path) -> Result<Outcome> {
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    let text = std::fs::read_to_string(file)?;
    let folder = tempfile::tempdir()?;
    let broken = folder.path().join("broken.yml");
    for (from, to) in BROKEN {
        let changed = text.replacen(from, to, 1);
        proofline_generator::tree::write_atomically(&broken, changed.as_bytes())?;
        let (_, steps) = pipelines::judge(context, linter, &broken)?;
        let noticed = changed != text && steps.first().is_some_and(|s| s.passed == Some(false));
        let output = format!("actionlint accepts {} with `{}`\n", file.display(), to.trim());
        outcome.add(&Outcome::one(noticed, output));
    }
    Ok(outcome)
}
