//! `evidence show`: one run in full: verdicts, checks, the steps that failed, digests.

use anyhow::Result;
use proofline_spec::evidence::{
    CheckEvidence, Digest, Manifest, ScenarioEvidence, Verdict, Verdicts,
};
use proofline_spec::exit::Exit;
use serde_json::{Value, json};

use super::list::commit;
use super::{is_good, is_trouble, print_json, wanted};
use crate::cli::Format;
use crate::cli::evidence::One;
use crate::context::Context;
use crate::output::{self, columns};
use crate::run::evidence::integrity;
use crate::run::evidence::runs::{self, Place, Recorded};
use crate::run::evidence::signature;

pub(super) fn run(context: &Context, arguments: &One) -> Result<Exit> {
    let place = runs::find(context, arguments.run.as_deref(), wanted(&arguments.filter))?;
    let recorded = place.read()?;
    let whole = integrity::check(&place.folder, &[])?;
    let troubles: Vec<String> = whole.troubles.iter().map(ToString::to_string).collect();
    match arguments.format {
        Format::Json => print_json(&object(&place, &recorded, &troubles))?,
        Format::Text => output::stdout(&text(&place, &recorded, &troubles)),
    }
    Ok(Exit::Success)
}

fn object(place: &Place, recorded: &Recorded, troubles: &[String]) -> Value {
    let failed = |check: &CheckEvidence| -> Vec<Value> {
        let scenarios = check.scenarios.iter().filter(|scenario| is_trouble(&scenario.outcome));
        let scenario = |scenario: &ScenarioEvidence| {
            json!({
                "scenario": scenario.name,
                "place": scenario.place,
                "outcome": scenario.outcome.name(),
                "reason": scenario.outcome.reason(),
                "steps": scenario.steps.iter().filter(|step| step.passed == Some(false)).collect::<Vec<_>>(),
            })
        };
        scenarios.map(scenario).collect()
    };
    let checks: Vec<Value> = recorded
        .checks
        .values()
        .map(|check| {
            json!({
                "check": check.check,
                "outcome": check.outcome.name(),
                "summary": check.summary,
                "planned": check.planned,
                "executed": check.executed,
                "duration_ms": check.duration_ms,
                "failed": failed(check),
            })
        })
        .collect();
    json!({
        "folder": place.folder,
        "manifest": recorded.manifest,
        "verdicts": recorded.verdicts,
        "checks": checks,
        "signed_by": signature::named_key(&place.folder),
        "troubles": troubles,
    })
}

fn text(place: &Place, recorded: &Recorded, troubles: &[String]) -> String {
    let mut text = facts(place, &recorded.manifest);
    if let Some(verdicts) = &recorded.verdicts {
        text.push_str(&claims(verdicts));
    }
    text.push_str("\nchecks\n");
    let row = |check: &CheckEvidence| {
        [
            format!("  {}", check.check),
            check.outcome.name().to_owned(),
            format!("{} of {}", check.executed, check.planned),
            format!("{} ms", check.duration_ms),
            if is_good(&check.outcome) { String::new() } else { first_line(&check.summary) },
        ]
    };
    let mut rows: Vec<[String; 5]> = recorded.checks.values().map(row).collect();
    rows.extend(recorded.manifest.left_out.iter().map(|left| {
        let dash = || "-".to_owned();
        [format!("  {}", left.check), "left out".to_owned(), dash(), dash(), left.reason.clone()]
    }));
    text.push_str(&columns(&rows));
    text.push_str(&failures(recorded));
    text.push_str("\ndigests\n");
    let digests =
        recorded.manifest.documents.iter().map(|entry| (entry.sha256, entry.path.as_str()));
    let verdicts = recorded.manifest.verdicts.map(|digest| (digest, Verdicts::FILE));
    for (digest, path) in verdicts.into_iter().chain(digests) {
        text.push_str(&format!("{digest}  {path}\n"));
    }
    if !troubles.is_empty() {
        text.push_str("\ntrouble\n");
        text.extend(
            troubles.iter().map(|trouble| format!("  {}\n", trouble.replace('\n', "\n    "))),
        );
    }
    text
}

fn facts(place: &Place, manifest: &Manifest) -> String {
    let digest =
        |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
    let signed = signature::named_key(&place.folder);
    let rows = [
        ("run", manifest.run.clone()),
        ("service", format!("{} {}", manifest.service, manifest.spec_version)),
        ("environment", format!("{} at {}", manifest.environment, manifest.url)),
        ("begun", manifest.started_at.clone()),
        ("ended", manifest.finished_at.clone()),
        ("commit", commit(manifest.commit.as_deref(), manifest.dirty)),
        ("spec", digest(Some(manifest.spec_digest))),
        ("generated", digest(manifest.generated_digest)),
        ("interrupted", if manifest.interrupted { "yes" } else { "no" }.to_owned()),
        (
            "signed",
            signed.map_or_else(|| "no".to_owned(), |id| format!("by the key {id}, not looked at")),
        ),
        ("folder", place.folder.display().to_string()),
    ];
    columns(&rows.map(|(name, value)| [name.to_owned(), value]))
}

/// The counts, and every claim that is not verified.
fn claims(verdicts: &Verdicts) -> String {
    let readiness = &verdicts.readiness;
    let mut text = format!(
        "\nverdict on {}: {}; {}; score {} of 100\n",
        verdicts.judged_on,
        readiness.overall.name(),
        readiness.counts,
        readiness.score.percent(),
    );
    let rows: Vec<[String; 3]> = readiness
        .claims
        .iter()
        .filter(|claim| claim.verdict != Verdict::Verified)
        .map(|claim| {
            let name = format!("  {} {}", claim.severity, claim.id);
            [name, claim.verdict.name().to_owned(), first_line(&claim.reason)]
        })
        .collect();
    text.push_str(&columns(&rows));
    text
}

/// The scenarios that failed, each with the step that does not hold.
fn failures(recorded: &Recorded) -> String {
    let mut text = String::new();
    for check in recorded.checks.values() {
        for scenario in check.scenarios.iter().filter(|scenario| is_trouble(&scenario.outcome)) {
            text.push_str(&format!(
                "\n{}: {} ({}, {})\n",
                check.check,
                scenario.name,
                scenario.outcome.name(),
                scenario.place
            ));
            for step in scenario.steps.iter().filter(|step| step.passed == Some(false)) {
                text.push_str(&format!("  {}\n", step.text));
                for line in step.message.iter().flat_map(|message| message.lines()) {
                    text.push_str(&format!("    {line}\n"));
                }
            }
        }
    }
    text
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
