//! Judges generated Kubernetes manifests as kustomize builds them: by the schemas of Kubernetes, and by rules of our own.

mod object;
mod rules;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_spec::document::{Service, Target};

use super::program;
use super::rust::missing;
use super::table::Outcome;
use super::tool;
use crate::context::Context;
use crate::run::workspace::Workspace;
use object::Object;

/// The oldest Kubernetes that knows everything in the manifests, and the newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.30.0", "1.37.0"];

/// What the validator must refuse, or its silence says nothing: a text where a number belongs, an unknown key.
const REFUSED: [(&str, &str); 2] = [
    ("a text where a number belongs", "spec:\n  replicas: two\n"),
    ("a key that does not exist", "spec:\n  replicsa: 2\n"),
];

pub(super) fn run(context: &Context, _: bool) -> Result<Outcome> {
    let (Some(kubectl), Some(validator)) =
        (tool::find(context, tool::KUBECTL), tool::find(context, tool::KUBERNETES_VALIDATE))
    else {
        return Ok(missing("kubectl and kubernetes-validate"));
    };
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    controls(context, &validator, &mut outcome)?;
    let workspace = Workspace::load(context, None)?;
    for loaded in &workspace.services {
        if !loaded.service.targets.contains(&Target::Container) {
            continue;
        }
        let folder = context.root.join("runtime/services").join(&loaded.folder);
        let folders = kustomizations(&folder.join("deploy/kubernetes"))?;
        let named = format!("{}: a folder to apply", loaded.folder);
        record(&mut outcome, !folders.is_empty(), &named, "there is none");
        for folder in folders {
            judge(context, &kubectl, &validator, &folder, &loaded.service, &mut outcome)?;
        }
    }
    Ok(outcome)
}

fn record(outcome: &mut Outcome, good: bool, what: &str, why: &str) {
    if good {
        outcome.passed += 1;
    } else {
        outcome.failed += 1;
        outcome.output.push_str(&format!("{what}:\n{why}\n"));
    }
}

/// The validator refuses what is wrong.
fn controls(context: &Context, validator: &Path, outcome: &mut Outcome) -> Result<()> {
    for (what, wrong) in REFUSED {
        let text =
            format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: control}}\n{wrong}");
        let said = validate(context, validator, &text, VERSIONS[0])?;
        let why = "the validator accepts it, so it would accept anything";
        record(outcome, said.is_some(), what, why);
    }
    Ok(())
}

/// Every folder that can be applied: those with a `kustomization.yaml`.
fn kustomizations(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name == "kustomization.yaml") {
                found.insert(folder.clone());
            }
        }
    }
    Ok(found)
}

fn judge(
    context: &Context,
    kubectl: &Path,
    validator: &Path,
    folder: &Path,
    service: &Service,
    outcome: &mut Outcome,
) -> Result<()> {
    let shown = folder.strip_prefix(&context.root).unwrap_or(folder).display().to_string();
    let built = program::run(context, kubectl, |command| {
        command.arg("kustomize").arg(folder);
    })?;
    record(outcome, built.success, &format!("kustomize of {shown}"), &built.all());
    if !built.success {
        return Ok(());
    }
    for version in VERSIONS {
        let said = validate(context, validator, &built.stdout, version)?;
        let what = format!("Kubernetes {version} on {shown}");
        record(outcome, said.is_none(), &what, &said.unwrap_or_default());
    }
    let objects = object::read(&built.stdout).with_context(|| format!("cannot read {shown}"))?;
    for (rule, check) in rules::RULES {
        let faults = check(&objects, service);
        record(outcome, faults.is_empty(), &format!("{shown}: {rule}"), &faults.join("\n"));
    }
    Ok(())
}

/// What the validator says against these manifests, if anything.
fn validate(
    context: &Context,
    validator: &Path,
    manifests: &str,
    version: &str,
) -> Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("manifests.yaml");
    proofline_generator::tree::write_atomically(&file, manifests.as_bytes())?;
    let said = program::run(context, validator, |command| {
        command.args(["--strict", "--quiet", "-k", version]).arg(&file);
    })?;
    Ok((!said.success).then(|| said.all()))
}

/// The objects of a kind.
fn of_kind<'a>(objects: &'a [Object], kind: &'a str) -> impl Iterator<Item = &'a Object> {
    objects.iter().filter(move |object| object.kind() == kind)
}
