//! `report`: verdicts from evidence, and the pages that show them. Runs nothing and needs no network.

mod documents;
mod elsewhere;
mod history;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_generator::report::{self, ReportData, ReportInput};
use proofline_generator::tree::write_atomically;
use proofline_spec::document::Environment;
use proofline_spec::evidence::{CheckId, ClaimVerdict, Manifest, Overall, Readiness, Verdict};
use proofline_spec::exit::Exit;
use serde_json::{Value, json};

use super::{bench, check};
use crate::cli::evidence::Trust;
use crate::cli::{Format, Report};
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};
use crate::run::evidence::keys::{PUBLIC_VARIABLE, PublicKey, SigningKey};
use crate::run::evidence::{self, Evidence, signature, sums};
use crate::run::git;
use crate::run::mutants;
use crate::run::release;
use crate::run::session;
use crate::run::whole;
use crate::run::workspace::LoadedService;

/// How many unverified and failed claims the summary names.
const NAMED: usize = 40;

pub(super) fn run(context: &Context, arguments: &Report) -> Result<Exit> {
    let selection = &arguments.run.selection;
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(selection.service.as_deref())?;
    let environment = workspace.environment(&selection.env, service)?;
    let generated = session::generated_digest(&workspace.tree()?, service);
    if arguments.history {
        return history::run(context, service, environment, generated, arguments);
    }
    if arguments.documents {
        return documents::run(context, service, environment, generated, arguments);
    }
    let run = arguments.run_id.as_deref();
    let signer = SigningKey::chosen(context, arguments.signing.sign_key.as_deref())?;
    let found = session::read_run(context, service, environment, generated, run)?;
    if arguments.verify_signature
        && let Some(refused) = refused(context, &found, &arguments.trust)?
    {
        if arguments.run.format == Format::Json {
            output::stdout(&format!("{:#}\n", nothing_found(&refused)));
        }
        return Err(Stopped::could_not_find_out(refused));
    }
    let format = arguments.run.format;
    let beside = signer.is_none().then(|| beside(&found)).flatten();
    let folder = beside.clone().unwrap_or_else(|| found.folder.join("report"));
    let shown = Shown { format, claims: Claims::All, signer: signer.as_ref() };
    let exit = write_to(context, service, environment, &found, &shown, &folder)?;
    if let Some(folder) = beside {
        let text = format!(
            "the run is signed, so its folder stays as it is, and the report in {} is not signed; \
             `cargo xtask report --sign-key FILE --run-id {}` makes one that is part of the run",
            relative(&context.root, &folder),
            found.manifest.run
        );
        output::line(context, Tone::Warn, "Note", &text);
    }
    signature::sign_with(context, &found.folder, signer.as_ref())?;
    Ok(exit)
}

/// Where the report of a signed run goes: beside it, as a file that is not signed would break the signature.
fn beside(found: &Evidence) -> Option<PathBuf> {
    std::fs::symlink_metadata(found.folder.join(signature::FILE)).ok()?;
    Some(found.folder.parent()?.join(evidence::REPORTS).join(found.folder.file_name()?))
}

/// The keys whose signatures are believed, at least one.
fn believed(context: &Context, trust: &Trust) -> Result<Vec<PublicKey>> {
    let keys = PublicKey::chosen(context, &trust.key)?;
    if keys.is_empty() {
        bail!(
            "no key was named to verify the signature with\nhint: `--key FILE`, or the variable {PUBLIC_VARIABLE}"
        );
    }
    Ok(keys)
}

/// Why no report is made of evidence that nobody who is believed has signed.
fn refused(context: &Context, found: &Evidence, trust: &Trust) -> Result<Option<String>> {
    let keys = believed(context, trust)?;
    let whole = found.integrity(&keys);
    // The report that was there is about to be made anew.
    let mut causes: Vec<String> = whole
        .troubles
        .iter()
        .filter(|trouble| !trouble.is_of_report())
        .map(ToString::to_string)
        .chain(found.foreign.clone())
        .collect();
    if causes.is_empty() {
        return Ok(None);
    }
    causes.insert(0, format!("no report is made of {}", found.folder.display()));
    Ok(Some(causes.join("\n")))
}

/// Which claims the summary for people names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claims {
    /// All that are not verified.
    All,
    /// Those that a check of this run has evidence of.
    Checked,
}

/// How a report is told, and who signs it.
pub(super) struct Shown<'a> {
    pub(super) format: Format,
    pub(super) claims: Claims,
    /// The key that the run is signed with once the report is part of it.
    pub(super) signer: Option<&'a SigningKey>,
}

/// Makes the report of a run that has just ended, as a part of it, and signs the whole.
pub(super) fn write(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    found: &Evidence,
    shown: &Shown<'_>,
) -> Result<Exit> {
    let folder = found.folder.join("report");
    let exit = write_to(context, service, environment, found, shown, &folder)?;
    signature::sign_with(context, &found.folder, shown.signer)?;
    Ok(exit)
}

/// Computes, renders, writes and prints; the exit code says what the evidence says.
fn write_to(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    found: &Evidence,
    shown: &Shown<'_>,
    folder: &Path,
) -> Result<Exit> {
    let readiness = found.judge(service, &Context::today());
    let mut problems = found.problems.clone();
    let bench = bench::newest(context).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let (mutants, unread) = mutants::newest(&context.root, service, &environment.environment)?;
    problems.extend(unread);
    let release = release::last(&context.root, &service.folder, &environment.environment)
        .unwrap_or_else(|error| {
            problems.push(format!("what the last release was cannot be told: {error:#}"));
            None
        });
    let previous = previous(context, service, environment, &found.manifest);
    let named = || signature::named_key(&found.folder);
    let signed_by = shown.signer.map(|key| key.public().id().to_owned()).or_else(named);
    let rendered = report::render(&ReportInput {
        service: &service.service,
        spec_path: &format!("spec/services/{}/service.yaml", service.folder),
        places: &service.places,
        environment,
        manifest: &found.manifest,
        signed_by: signed_by.as_deref(),
        evidence: &found.checks,
        readiness: &readiness,
        previous: previous.as_ref(),
        problems: &problems,
        parity: whole::with_another_target(context, service, environment, found).as_ref(),
        bench: bench.as_ref(),
        mutants: mutants.as_ref(),
        release: release.as_ref(),
        elsewhere: &elsewhere::look(context, service, &environment.environment),
        now: &Context::now(),
        commits: &commits(&context.root),
    })?;
    let json = format!("{:#}\n", rendered.json);
    let sarif = format!("{:#}\n", rendered.sarif);
    let files = [
        ("html", "report.html", &rendered.html),
        ("markdown", "report.md", &rendered.markdown),
        ("json", "report.json", &json),
        ("junit", "junit.xml", &rendered.junit),
        ("sarif", "report.sarif", &sarif),
        ("announcement", "announcement.txt", &rendered.announcement),
    ];
    let sums = sums::text(files.iter().map(|(_, name, text)| (*name, text.as_str())));
    let paths = keep(context, folder, &files)?;
    write_atomically(&folder.join(sums::NAME), sums.as_bytes())?;
    match shown.format {
        Format::Json => {
            let mut object = rendered.json;
            object["report"] = Value::Object(paths);
            output::stdout(&format!("{object:#}\n"));
        }
        Format::Text => summary(
            context,
            &readiness,
            found,
            shown.claims,
            &relative(&context.root, &folder.join("report.html")),
        ),
    }
    Ok(exit_of(&readiness))
}

/// A failed claim is 1; anything else that is not verified is 5.
pub(super) fn exit_of(readiness: &Readiness) -> Exit {
    if readiness.overall == Overall::Ready || readiness.overall == Overall::ReadyWithWaivers {
        return Exit::Success;
    }
    if readiness.counts.failed > 0 { Exit::ClaimFailed } else { Exit::NotVerified }
}

fn summary(context: &Context, readiness: &Readiness, found: &Evidence, claims: Claims, path: &str) {
    let concerned = |claim: &&ClaimVerdict| {
        claims == Claims::All || claim.evidence.iter().any(|check| found.checks.contains_key(check))
    };
    for problem in &found.problems {
        output::line(context, Tone::Warn, "Evidence", problem);
    }
    let mut named = 0;
    for verdict in [Verdict::Failed, Verdict::Unverified, Verdict::Waived] {
        for claim in
            readiness.claims.iter().filter(|claim| claim.verdict == verdict).filter(concerned)
        {
            named += 1;
            if named > NAMED {
                continue;
            }
            let (tone, verb) = match verdict {
                Verdict::Failed => (Tone::Bad, "Failed"),
                Verdict::Waived => (Tone::Warn, "Waived"),
                Verdict::Unverified | Verdict::Verified => (Tone::Warn, "Unverified"),
            };
            let reason = claim.reason.lines().next().unwrap_or_default();
            output::line(
                context,
                tone,
                verb,
                &format!("{} {}: {reason}", claim.severity, claim.id),
            );
        }
    }
    if named > NAMED {
        output::line(
            context,
            Tone::Plain,
            "",
            &format!("and {} more in the report", named - NAMED),
        );
    }
    let text = format!(
        "{}: {}; score {} of 100",
        readiness.overall.name(),
        readiness.counts,
        readiness.score.percent(),
    );
    let tone = match readiness.overall {
        Overall::Ready => Tone::Good,
        Overall::ReadyWithWaivers => Tone::Warn,
        Overall::NotReady => Tone::Bad,
    };
    output::line(context, tone, "Verdict", &text);
    output::line(context, Tone::Plain, "Report", path);
}

/// The report of the run before this one that was asked for as much: another one's score says nothing of this one's.
fn previous(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    manifest: &Manifest,
) -> Option<ReportData> {
    let name = &environment.environment;
    let not_asked = |manifest: &Manifest| -> BTreeSet<CheckId> {
        let left = manifest.left_out.iter().filter(|left| left.by_choice);
        left.map(|left| left.check.clone()).collect()
    };
    let here = not_asked(manifest);
    evidence::runs(&context.root, name, &service.folder)
        .into_iter()
        .filter(|known| known.as_str() < manifest.run.as_str())
        .find_map(|known| {
            let folder = evidence::runs_folder(&context.root, name, &service.folder);
            let then = evidence::read_manifest(&folder.join(&known)).ok()?;
            if !not_asked(&then).is_subset(&here) {
                return None;
            }
            serde_json::from_slice(&evidence::report_of(&folder, &known)?).ok()
        })
}

/// The newest commits, one line each.
fn commits(root: &Path) -> Vec<String> {
    let log = git::ask(root, &["log", "--max-count=10", "--format=%h %s"]).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// What is printed as JSON when a run ended before it could say anything about a claim.
pub(super) fn nothing_found(reason: &str) -> Value {
    json!({ "verdict": Overall::NotReady.name(), "reason": reason, "counts": null, "score": null, "claims": [], "report": {} })
}

/// Writes a report's files, each of a kind and with a name: the path of each kind.
fn keep(
    context: &Context,
    folder: &Path,
    files: &[(&str, &str, &String)],
) -> Result<serde_json::Map<String, Value>> {
    let is_link = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    if is_link(folder) {
        let shown = folder.display();
        bail!("{shown} is a link, and is not followed\nhint: remove it; the report is made anew");
    }
    let mut paths = serde_json::Map::new();
    for (kind, name, text) in files {
        let path = folder.join(name);
        write_atomically(&path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
        paths.insert((*kind).to_owned(), relative(&context.root, &path).into());
    }
    Ok(paths)
}
