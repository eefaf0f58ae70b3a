//! The history as Markdown.

use std::fmt::Write as _;

use super::super::markdown::{plain, table};
use super::super::text::{micros, millis, moment};
use super::data::{HistoryData, RunRow};

/// The document.
pub(super) fn render(data: &HistoryData) -> String {
    let mut md = String::new();
    let _ = writeln!(md, "# History of {} on {}\n", plain(&data.service), plain(&data.environment));
    let _ = writeln!(md, "{} runs. Made {}.", data.runs.len(), plain(&moment(&data.when)));
    runs(&mut md, data);
    flaky(&mut md, data);
    slowest(&mut md, data);
    drift(&mut md, data);
    let _ = writeln!(md, "\n## Runs left out\n");
    for left in &data.left_out {
        let _ = writeln!(md, "- {}: {}", plain(&left.run), plain(&left.reason));
    }
    if data.left_out.is_empty() {
        let _ = writeln!(md, "None: every run's files are as they were written.");
    }
    md
}

fn runs(md: &mut String, data: &HistoryData) {
    let _ = writeln!(md, "\n## Readiness over time\n");
    let header = [
        "no.",
        "run",
        "begun",
        "version",
        "commit",
        "verdict",
        "score",
        "verified",
        "failed",
        "unverified",
        "waived",
        "checks",
        "note",
    ];
    let row = |(number, run): (usize, &RunRow)| {
        let dash = || "–".to_owned();
        let mut cells = vec![
            number.to_string(),
            run.run.clone(),
            moment(&run.started_at),
            run.version.clone(),
            commit(run),
            run.verdict.map_or("not kept", |verdict| verdict.name()).to_owned(),
            run.percent.map_or_else(dash, |percent| format!("{percent} %")),
        ];
        cells.extend(match run.counts {
            Some(c) => {
                [c.verified, c.failed, c.unverified, c.waived].map(|count| count.to_string())
            }
            None => [dash(), dash(), dash(), dash()],
        });
        cells.push(format!("{} of {}", run.checks, run.checks + run.left_out));
        cells.push(note(run).to_owned());
        cells
    };
    table(md, &header, (1..).zip(&data.runs).map(row));
    let moved = data.runs.iter().flat_map(|run| run.moved.iter().map(move |moved| (run, moved)));
    for (at, (run, moved)) in moved.enumerate() {
        if at == 0 {
            let _ = writeln!(md, "\n### Claims that moved from one whole run to the next\n");
        }
        let before = moved.before.map_or("new", |verdict| verdict.name());
        let after = moved.after.map_or("gone", |verdict| verdict.name());
        let _ = writeln!(md, "- {}: {} {before} to {after}", plain(&run.run), plain(&moved.name));
    }
}

fn commit(run: &RunRow) -> String {
    let changed = if run.dirty { ", changed" } else { "" };
    let short = |commit: &String| commit.chars().take(12).collect::<String>();
    run.commit.as_ref().map_or_else(|| "none".to_owned(), short) + changed
}

const fn note(run: &RunRow) -> &'static str {
    if run.interrupted {
        "interrupted"
    } else if run.partial {
        "only some checks were asked for"
    } else {
        "whole"
    }
}

fn flaky(md: &mut String, data: &HistoryData) {
    let compared = data.compared;
    let _ = writeln!(md, "\n## Flaky\n");
    let _ = writeln!(
        md,
        "{} runs were compared, in {} groups of one commit, spec and code, without changes that are not committed. {} runs could not be.\n",
        compared.runs, compared.groups, compared.unknown
    );
    if data.flaky.is_empty() {
        let nothing = "Nothing is known: no commit, spec and code was checked twice.";
        let _ = writeln!(md, "{}", if compared.groups == 0 { nothing } else { "None was found." });
        return;
    }
    let rows = data.flaky.iter().map(|flaky| {
        let seen = |seen: &proofline_spec::evidence::Seen| {
            format!("{} in {}: {}", seen.outcome, seen.runs.len(), seen.runs.join(", "))
        };
        let seen: Vec<String> = flaky.seen.iter().map(seen).collect();
        let short = flaky.commit.chars().take(12).collect();
        vec![flaky.kind.clone(), flaky.name.clone(), short, seen.join("; ")]
    });
    table(md, &["what", "name", "commit", "seen"], rows);
}

fn slowest(md: &mut String, data: &HistoryData) {
    let _ = writeln!(md, "\n## Slowest checks\n");
    let rows = data.slowest.iter().map(|check| {
        let [median, longest, newest] =
            [check.median_ms, check.longest_ms, check.newest_ms].map(millis);
        vec![check.check.to_string(), check.runs.to_string(), median, longest, newest]
    });
    table(md, &["check", "runs", "median", "longest", "newest"], rows);
}

fn drift(md: &mut String, data: &HistoryData) {
    let _ = writeln!(md, "\n## Latency over runs\n");
    if data.drift.is_empty() {
        let _ = writeln!(md, "No run has a load test.");
        return;
    }
    let rows = data.drift.iter().flat_map(|drift| {
        drift.trends.iter().map(move |row| {
            let [least, most] = row.range_us.map(micros);
            vec![
                drift.check.to_string(),
                row.percentile.clone(),
                row.trend.name().to_owned(),
                drift.points.len().to_string(),
                micros(row.oldest_us),
                micros(row.newest_us),
                least,
                most,
            ]
        })
    });
    let header = ["load test", "percentile", "trend", "runs", "oldest", "newest", "least", "most"];
    table(md, &header, rows);
}
