//! `parity`: what two environments answered to the same requests, compared. Runs nothing.

use anyhow::{Result, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{self, Deviation, Part};
use proofline_spec::exit::Exit;

use super::check;
use crate::cli::{Format, Parity};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::{session, whole};

pub(super) fn run(context: &Context, arguments: &Parity) -> Result<Exit> {
    let selection = &arguments.run.selection;
    if selection.env == arguments.with {
        bail!("`{}` cannot be compared with itself\nhint: name another environment", selection.env);
    }
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(selection.service.as_deref())?;
    let base = workspace.environment(&selection.env, service)?;
    let other = workspace.environment(&arguments.with, service)?;
    let generated = session::generated_digest(&workspace.tree()?, service);
    let features = whole::features(&service.service, &arguments.only)?;
    let mut runs = [
        whole::required(context, service, base, generated, &features)?,
        whole::required(context, service, other, generated, &features)?,
    ];
    for run in &mut runs {
        run.checks.retain(|check, _| features.contains(check));
    }
    let mut parity = whole::parity(service, [(base, &runs[0]), (other, &runs[1])]);
    if !arguments.only.is_empty() {
        // The features that were not compared may show them.
        parity.unseen.clear();
    }
    match arguments.run.format {
        Format::Json => output::stdout(&format!("{:#}\n", serde_json::to_value(&parity)?)),
        Format::Text => {
            output::stdout(&table(&parity));
            summary(context, &parity);
        }
    }
    Ok(exit(&parity))
}

fn exit(parity: &evidence::Parity) -> Exit {
    if parity.undeclared().next().is_some() {
        Exit::ClaimFailed
    } else if parity.requests == 0 {
        Exit::CouldNotFindOut
    } else {
        Exit::Success
    }
}

fn summary(context: &Context, parity: &evidence::Parity) {
    for unseen in &parity.unseen {
        let text = format!("the spec declares a difference that was not seen: {unseen}");
        output::line(context, Tone::Warn, "Unseen", &text);
    }
    let undeclared = parity.undeclared().count();
    let text = format!(
        "{} and {} compared; {}, {undeclared} of them undeclared",
        counted(parity.scenarios, "scenario"),
        counted(parity.requests, "request"),
        counted(parity.deviations.len(), "difference"),
    );
    let tone = if undeclared == 0 && parity.requests > 0 { Tone::Good } else { Tone::Bad };
    output::line(context, tone, "Parity", &text);
}

const fn part(part: Part) -> &'static str {
    match part {
        Part::Scenario => "scenario",
        Part::Request => "request",
        Part::Status => "status",
        Part::Problem => "problem",
        Part::Header => "header",
        Part::Body => "body",
    }
}

/// One block for each difference: a table of long texts does not fit a screen.
fn table(parity: &evidence::Parity) -> String {
    let [base, other] = &parity.environments;
    let width = base.len().max(other.len()).max("declared".len());
    let block = |deviation: &Deviation| {
        let declared = deviation.because.as_deref().unwrap_or("no: this fails");
        let name =
            if deviation.name.is_empty() { String::new() } else { format!(" {}", deviation.name) };
        let rows = [
            (base.as_str(), deviation.values[0].as_str()),
            (other.as_str(), deviation.values[1].as_str()),
            (
                "seen",
                &format!(
                    "{} times, first in {}: {}",
                    deviation.times, deviation.feature, deviation.example
                ),
            ),
            ("declared", declared),
        ];
        let rows = rows.map(|(name, value)| format!("  {name:<width$}  {value}\n"));
        format!("{}{name}\n{}", part(deviation.part), rows.concat())
    };
    parity.deviations.iter().map(block).collect::<Vec<_>>().join("\n")
}
