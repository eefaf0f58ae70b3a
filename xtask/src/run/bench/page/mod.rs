//! How fast a report opens in a real browser: one of 500 claims beside one of 40. A figure, never a test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use proofline_spec::evidence::median;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::{Context, Stopped};
use crate::run::{browser, said};

/// Claims of the reports that are measured; the first is what the others are compared with.
const CLAIMS: [u32; 2] = [40, 500];

/// What the browser does.
const SCRIPT: &str = include_str!("load.mjs");

/// One opening, in milliseconds from the start of the navigation.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Opened {
    painted: f64,
    loaded: f64,
}

/// How fast a report opens.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Page {
    /// Its claims.
    claims: u32,
    /// The size of its file in bytes.
    bytes: u64,
    /// How often it was opened.
    rounds: usize,
    /// The median time until something is seen, in milliseconds.
    painted_ms: f64,
    /// The median time until everything is there, in milliseconds.
    loaded_ms: f64,
    /// The slowest time until everything was there and something was seen, in milliseconds.
    slowest_ms: f64,
    /// The median time by that of the first report.
    ratio: f64,
}

/// When something was seen and everything was there.
fn both(opened: &Opened) -> f64 {
    opened.painted.max(opened.loaded)
}

/// Makes reports of made-up evidence and opens them in turns.
pub(crate) fn run(context: &Context, rounds: usize) -> Result<Vec<Page>> {
    let folder = tempfile::tempdir()?;
    let mut paths: Vec<(u32, PathBuf)> = Vec::new();
    for claims in CLAIMS {
        paths.push((claims, made_up(context, folder.path(), claims)?));
    }
    let pages: Vec<&PathBuf> = paths.iter().map(|(_, path)| path).collect();
    let input = json!({ "pages": pages, "rounds": rounds });
    let found: BTreeMap<PathBuf, Vec<Opened>> =
        browser::ask(context, SCRIPT, input)?.map_err(Stopped::could_not_find_out)?;
    let mut measured: Vec<Page> = Vec::new();
    for (claims, path) in &paths {
        let opened = found.get(path).map(Vec::as_slice).unwrap_or_default();
        if opened.is_empty() {
            bail!("the browser says nothing of {}", path.display());
        }
        let of = |pick: fn(&Opened) -> f64| median(opened.iter().map(pick)).unwrap_or_default();
        let first = measured.first().map(|first| first.painted_ms.max(first.loaded_ms));
        let whole = of(both);
        measured.push(Page {
            claims: *claims,
            bytes: std::fs::metadata(path)?.len(),
            rounds: opened.len(),
            painted_ms: of(|opened| opened.painted),
            loaded_ms: of(|opened| opened.loaded),
            slowest_ms: opened.iter().map(both).fold(0.0, f64::max),
            ratio: whole / first.unwrap_or(whole),
        });
    }
    Ok(measured)
}

/// The page of a report with so many claims.
fn made_up(context: &Context, folder: &Path, claims: u32) -> Result<PathBuf> {
    let folder = folder.join(claims.to_string());
    let mut command = Command::new(&context.cargo);
    command
        .current_dir(&context.root)
        .args(["run", "--quiet", "--locked", "--package", "proofline-generator"])
        .args(["--example", "report_demo", "--"])
        .arg(&folder)
        .args(["--claims", &claims.to_string()]);
    let said = said::call(context, &mut command, None).context("cannot make a report")?;
    if !said.success {
        bail!("no report of {claims} claims was made: {}", said.last_lines(5));
    }
    Ok(folder.join("report.html"))
}

/// What was measured, for people.
pub(crate) fn table(pages: &[Page]) -> String {
    let mut text = String::from(
        "| claims | KiB | seen, ms | whole, ms | slowest, ms | by the first |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for page in pages {
        text.push_str(&format!(
            "| {} | {} | {:.0} | {:.0} | {:.0} | {:.2} |\n",
            page.claims,
            page.bytes / 1024,
            page.painted_ms,
            page.loaded_ms,
            page.slowest_ms,
            page.ratio
        ));
    }
    text
}
