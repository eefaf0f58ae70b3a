//! `report --history`: all runs of a service in an environment together.

use anyhow::Result;
use proofline_generator::report::history::{self, HistoryInput, LeftOutRun};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::Environment;
use proofline_spec::evidence::{Digest, RunSummary};
use proofline_spec::exit::Exit;
use serde_json::Value;

use super::{believed, relative};
use crate::cli::{Format, Report};
use crate::context::Context;
use crate::output::{self, Progress, Tone};
use crate::run::evidence;
use crate::run::evidence::runs::{self, Place, Wanted};
use crate::run::workspace::LoadedService;

pub(super) fn run(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    arguments: &Report,
) -> Result<Exit> {
    let name = environment.environment.as_str();
    let keys =
        if arguments.verify_signature { believed(context, &arguments.trust)? } else { Vec::new() };
    let wanted = Wanted { service: Some(&service.folder), environment: Some(name) };
    let places = runs::all(&context.root, wanted);
    if places.is_empty() {
        return Err(runs::none(wanted));
    }
    let progress = Progress::start(context, "Reading", &counted(places.len(), "run"));
    let read = |place: &Place| -> Result<RunSummary, String> {
        let found = evidence::read(&place.folder, service, environment, generated)
            .map_err(|error| format!("{error:#}"))?;
        let whole = found.integrity(&keys);
        if let Some(trouble) = whole.troubles.iter().find(|trouble| !trouble.is_of_report()) {
            return Err(format!("`{}`: {}", trouble.place, trouble.cause));
        }
        // Runs of another spec count here, as each has kept its verdicts; runs of something else do not.
        if found.manifest.environment != name
            || found.manifest.service != service.service.service.name
        {
            return Err(found.foreign.unwrap_or_default());
        }
        if let Some(trouble) = found.doubt() {
            return Err(format!("`{}`: {}", trouble.place, trouble.cause));
        }
        Ok(found.summary(service))
    };
    let (mut summaries, mut left_out) = (Vec::new(), Vec::new());
    for place in &places {
        match read(place) {
            Ok(summary) => summaries.push(summary),
            Err(reason) => left_out.push(LeftOutRun { run: place.run.clone(), reason }),
        }
    }
    drop(progress);
    let rendered = history::render(&HistoryInput {
        service: &service.service.service.name,
        environment: name,
        runs: &summaries,
        left_out: &left_out,
        now: &Context::now(),
    })?;
    let folder = evidence::runs_folder(&context.root, name, &service.folder).join("history");
    let json = format!("{:#}\n", rendered.json);
    let files = [
        ("html", "history.html", &rendered.html),
        ("markdown", "history.md", &rendered.markdown),
        ("json", "history.json", &json),
    ];
    let paths = super::keep(context, &folder, &files)?;
    for left in &left_out {
        let text = format!("{}: {}", left.run, left.reason);
        output::line(context, Tone::Warn, "Left out", &text);
    }
    if arguments.run.format == Format::Json {
        let mut object = rendered.json;
        object["report"] = Value::Object(paths);
        output::stdout(&format!("{object:#}\n"));
    }
    let count = format!("{}, {} left out", counted(summaries.len(), "run"), left_out.len());
    output::line(context, Tone::Plain, "History", &count);
    let page = relative(&context.root, &folder.join("history.html"));
    output::line(context, Tone::Plain, "Report", &page);
    Ok(if summaries.is_empty() { Exit::CouldNotFindOut } else { Exit::Success })
}
