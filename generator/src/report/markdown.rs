//! The report as Markdown, in short.

use std::fmt::Write as _;

use proofline_spec::evidence::Verdict;

use super::coverage;
use super::data::{ClaimData, ReportData, RunData};
use super::mutants::NeverSeen;
use super::text::{listed, moment};

/// The document.
pub(super) fn render(data: &ReportData) -> String {
    let mut md = String::new();
    top(&mut md, data);
    numbers(&mut md, data);
    checklists(&mut md, data);
    for (verdict, title) in [
        (Verdict::Failed, "Failed"),
        (Verdict::Unverified, "Unverified"),
        (Verdict::Waived, "Waived"),
        (Verdict::Verified, "Verified"),
    ] {
        claims(&mut md, data, verdict, title);
    }
    mutants(&mut md, data);
    changes(&mut md, data);
    release(&mut md, data);
    capacity(&mut md, data);
    speed(&mut md, data);
    coverage::markdown(&mut md, &data.coverage);
    spec(&mut md, data);
    cost(&mut md, data);
    schedule(&mut md, data);
    provenance(&mut md, data);
    let _ = write!(md, "\n## Announcement\n\n");
    for line in data.announcement.lines() {
        let _ = writeln!(md, "> {}  ", plain(line));
    }
    md
}

fn top(md: &mut String, data: &ReportData) {
    let service = &data.service;
    let _ = writeln!(
        md,
        "# {} {}: {}\n",
        plain(&service.name),
        plain(&service.version),
        data.verdict.name()
    );
    let _ = writeln!(md, "{}\n", plain(&service.summary));
    let place = &data.environment;
    let _ = writeln!(
        md,
        "Environment: {} ({}, {}). Made {}.  \nRun {}, {} to {}.\n",
        plain(&place.name),
        plain(&place.target),
        plain(&place.url),
        plain(&moment(&data.when)),
        plain(&data.run.name),
        plain(&moment(&data.run.started_at)),
        plain(&moment(&data.run.finished_at))
    );
    let _ = writeln!(md, "{}\n", signature(&data.run));
    if !data.problems.is_empty() {
        let _ = writeln!(md, "**Trouble with the evidence:**\n");
        for problem in &data.problems {
            let _ = writeln!(md, "- {}", plain(problem));
        }
        md.push('\n');
    }
    let _ = writeln!(md, "{}: score {} %.{}\n", data.counts, data.score.percent, before(data));
    let (open, left) = super::top::open_claims(data);
    for found in &open {
        let _ = writeln!(md, "- {}", plain(&found.line()));
    }
    if left > 0 {
        let _ = writeln!(md, "- {left} more under the next steps");
    }
    if !open.is_empty() {
        md.push('\n');
    }
    let _ = writeln!(md, "Rule: {}", plain(&data.rule));
    if !data.not_looked_at.is_empty() {
        let _ = writeln!(md, "\n## What was not looked at\n");
        for line in &data.not_looked_at {
            let _ = writeln!(md, "- {}", plain(line));
        }
    }
    next_steps(md, data);
}

/// The score of before, and the claims that came or went since.
fn before(data: &ReportData) -> String {
    data.change.as_ref().map_or_else(String::new, |change| {
        let claims = change.claims().map(|claims| format!("; {claims}")).unwrap_or_default();
        format!(" Before: {} %{}", change.before, plain(&claims))
    })
}

fn numbers(md: &mut String, data: &ReportData) {
    let _ = writeln!(md, "\n## By severity\n");
    let header = ["severity", "weight", "verified", "failed", "unverified", "waived"];
    table(
        md,
        &header,
        data.by_severity.iter().map(|row| {
            let c = row.counts;
            let cells = [row.weight, c.verified, c.failed, c.unverified, c.waived];
            let mut texts = vec![row.severity.to_string()];
            texts.extend(cells.map(|cell| cell.to_string()));
            texts
        }),
    );
    let _ = writeln!(md, "\n## Scorecard\n");
    let header = ["category", "score", "before", "weight verified / all", "claims"];
    table(
        md,
        &header,
        data.by_category.iter().map(|row| {
            vec![
                row.category.to_string(),
                format!("{} %", row.score.percent),
                row.before.map_or_else(|| "–".to_owned(), |before| format!("{before} %")),
                format!("{} / {}", row.score.verified, row.score.all),
                row.counts.to_string(),
            ]
        }),
    );
}

fn checklists(md: &mut String, data: &ReportData) {
    for list in &data.checklists {
        let _ = writeln!(md, "\n## Check list: {}\n", plain(&list.title));
        table(
            md,
            &["what must hold", "verdict", "claims"],
            list.lines.iter().map(|line| {
                let claims: Vec<String> = line
                    .claims
                    .iter()
                    .map(|(id, verdict)| format!("{id} {}", verdict.name()))
                    .collect();
                vec![line.text.clone(), line.verdict.name().to_owned(), claims.join(", ")]
            }),
        );
    }
}

fn claims(md: &mut String, data: &ReportData, verdict: Verdict, title: &str) {
    let mut found: Vec<&ClaimData> = data.claims.iter().filter(|c| c.verdict == verdict).collect();
    found.sort_by_key(|claim| claim.severity);
    let _ = writeln!(md, "\n## {title} ({})\n", found.len());
    if found.is_empty() {
        md.push_str("None.\n");
        return;
    }
    table(
        md,
        &["claim", "severity", "statement", "reason", "evidence"],
        found.into_iter().map(|claim| {
            let checks = claim.evidence.iter().map(|part| match part.sha256 {
                Some(digest) => format!("{} ({}, {})", part.check, part.outcome, digest.short()),
                None => format!("{} ({})", part.check, part.outcome),
            });
            vec![
                claim.id.clone(),
                claim.severity.to_string(),
                claim.statement.clone(),
                match claim.substitutes.as_slice() {
                    [] => claim.reason.clone(),
                    used => format!("{} (with {})", claim.reason, used.join(", ")),
                },
                checks.collect::<Vec<_>>().join(", "),
            ]
        }),
    );
}

fn mutants(md: &mut String, data: &ReportData) {
    let known = &data.seen_failing;
    let _ = writeln!(md, "\n## Mutants\n\n{}", plain(&known.sentence()));
    if let Some(unknown) = known.unknown() {
        let _ = writeln!(md, "{}", plain(&unknown));
    }
    if let Some(table) = &known.table {
        let _ = writeln!(md, "\n{} {}", plain(&table.source()), plain(&table.others));
    }
    if !known.never.is_empty() && known.unknown().is_none() {
        let _ = writeln!(md, "\nChecks never seen failing:\n");
        let cells = |never: &NeverSeen| {
            vec![never.claim.clone(), never.severity.to_string(), never.reason.clone()]
        };
        table(
            md,
            &["claim", "severity", "check never seen failing"],
            known.never.iter().map(cells),
        );
    }
    if !known.checks_beside.is_empty() && known.unknown().is_none() {
        let checks: Vec<String> =
            known.checks_beside.iter().map(|check| format!("- {check}\n")).collect();
        let _ = write!(
            md,
            "\nChecks never seen failing, of claims for which another check was:\n\n{}",
            checks.concat()
        );
    }
    if data.mutants.is_empty() {
        return;
    }
    md.push('\n');
    table(
        md,
        &["claim", "mutant", "what is wrong with it", "outcome", "failed step"],
        data.mutants.iter().map(|row| {
            let step = row.failed_step.as_ref().or(row.message.as_ref());
            vec![
                row.claim.clone(),
                row.id.clone(),
                row.what.clone(),
                row.outcome.name().to_owned(),
                step.cloned().unwrap_or_default(),
            ]
        }),
    );
}

fn release(md: &mut String, data: &ReportData) {
    let _ = writeln!(md, "\n## Since the last release\n");
    let Some(release) = &data.release else {
        md.push_str("There is no last release: no tag, and no deployment of another commit.\n");
        return;
    };
    md.push_str(&release.markdown(plain));
}

fn changes(md: &mut String, data: &ReportData) {
    let _ = writeln!(md, "\n## Changes\n");
    match &data.change {
        None => md.push_str("There is no report before this one.\n"),
        Some(change) => {
            let _ = writeln!(
                md,
                "Since {} (version {}, {}): score {} % to {} %.\n",
                plain(&moment(&change.since)),
                plain(&change.version),
                change.verdict.name(),
                change.before,
                change.after
            );
            for moved in &change.moved {
                let (before, after) = (moved.before.name(), moved.after.name());
                let _ = writeln!(md, "- {}: {before} to {after}", plain(&moved.id));
            }
            let lists = [
                ("New claims", &change.added),
                ("Removed claims", &change.removed),
                ("New routes", &change.routes_added),
                ("Removed routes", &change.routes_removed),
            ];
            for (title, items) in lists {
                if !items.is_empty() {
                    let _ = writeln!(md, "- {title}: {}", plain(&listed(items)));
                }
            }
        }
    }
    for commit in &data.commits {
        let _ = writeln!(md, "- commit {}", plain(commit));
    }
}

fn next_steps(md: &mut String, data: &ReportData) {
    let _ = writeln!(md, "\n## Known limitations and next steps\n");
    if data.next_steps.is_empty() {
        md.push_str("None: every claim is verified.\n");
    }
    for step in &data.next_steps {
        let _ = writeln!(
            md,
            "1. {} {} ({}): {}. {}",
            step.severity,
            plain(&step.id),
            step.verdict.name(),
            plain(step.limitation.trim_end_matches('.')),
            plain(&step.step)
        );
    }
}

fn capacity(md: &mut String, data: &ReportData) {
    if data.capacity.is_empty() {
        return;
    }
    let _ = writeln!(md, "\n## Load\n");
    table(
        md,
        &["check", "offered/s", "achieved/s", "samples", "measured"],
        data.capacity.iter().map(|load| {
            let measured = load.measurements.iter().map(|(name, text)| format!("{name} {text}"));
            let mut measured = measured.collect::<Vec<_>>().join(", ");
            if load.saturated {
                measured.push_str(" (the generator was the bottleneck)");
            }
            vec![
                load.check.to_string(),
                load.offered_per_second.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}")),
                format!("{:.1}", load.achieved_per_second),
                load.samples.to_string(),
                measured,
            ]
        }),
    );
}

fn spec(md: &mut String, data: &ReportData) {
    let derived = &data.derived;
    let _ = writeln!(md, "\n## Routes\n");
    table(
        md,
        &["route", "auth", "roles", "limits", "takes", "answers"],
        derived.routes.iter().map(|route| {
            let or = |items: &[String], none: &str| {
                if items.is_empty() { none.to_owned() } else { items.join(", ") }
            };
            vec![
                route.route.clone(),
                or(&route.auth, "public"),
                or(&route.roles, "all"),
                route
                    .unlimited
                    .as_ref()
                    .map_or_else(|| route.limits.join(", "), |why| format!("none: {why}")),
                route.takes.join(", "),
                route.answers.join(", "),
            ]
        }),
    );
    let _ = writeln!(md, "\n## Limits\n");
    table(
        md,
        &["limit", "counts", "rate"],
        derived
            .limits
            .iter()
            .map(|limit| vec![limit.name.clone(), limit.by.clone(), limit.rate.clone()]),
    );
    let _ = writeln!(md, "\n## Attack surface\n");
    let surface = &derived.surface;
    for (title, items) in [
        ("Public routes", &surface.public),
        ("Without a limit", &surface.unlimited),
        ("Weaker than by default", &surface.weakened),
    ] {
        let text = if items.is_empty() { "none".to_owned() } else { items.join("; ") };
        let text = text.replace(".; ", ". ");
        let _ = writeln!(md, "- {title}: {}", plain(&text));
    }
}

fn cost(md: &mut String, data: &ReportData) {
    let Some(cost) = &data.cost else { return };
    let _ = writeln!(md, "\n## Worst-case cost per month\n");
    for ceiling in
        [&cost.one_address, &cost.many_addresses, &cost.any_addresses].into_iter().flatten()
    {
        let _ = writeln!(
            md,
            "- {}: {}",
            plain(ceiling.from.trim_end_matches(',')),
            plain(&ceiling.formula)
        );
    }
    for route in &cost.unlimited {
        let _ = writeln!(md, "- {} has no ceiling: {}", plain(&route.route), plain(&route.reason));
    }
    for route in &cost.unbounded {
        let _ = writeln!(
            md,
            "- {} has no ceiling: no limit by client address, no global limit",
            plain(route)
        );
    }
    let prices = &cost.prices;
    let _ = writeln!(
        md,
        "\nPrices of {} as on {}: {}.",
        plain(&prices.platform),
        plain(&prices.date),
        plain(&prices.source)
    );
}

fn speed(md: &mut String, data: &ReportData) {
    let _ = writeln!(md, "\n## Speed beside others\n");
    let Some(bench) = &data.bench else {
        let _ = writeln!(md, "Not measured.");
        return;
    };
    let _ = writeln!(
        md,
        "Measured {} on one machine: {}. How: {}. Document {}. In brackets: theirs by ours.\n",
        plain(&moment(&bench.taken_at)),
        plain(&bench.machine),
        plain(&bench.method),
        bench.sha256.short()
    );
    let routes = bench.routes.iter().map(|route| format!("{}, µs of CPU", plain(route)));
    let mut header = vec!["Peer".to_owned()];
    header.extend(routes);
    header.extend(["MiB", "Cold start, ms", "KiB gzip"].map(str::to_owned));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = bench.peers.iter().map(|peer| {
        let mut row = vec![peer.title.clone()];
        row.extend(peer.routes.iter().map(|route| match &route.ratio {
            Some(ratio) => format!("{} ({ratio})", route.micros),
            None => route.micros.clone(),
        }));
        row.extend([&peer.memory_mib, &peer.cold_start_ms, &peer.size_kib].map(String::clone));
        row
    });
    table(md, &header, rows);
}

fn schedule(md: &mut String, data: &ReportData) {
    let derived = &data.derived;
    let _ = writeln!(md, "\n## Operation\n");
    let runbook = &derived.runbook;
    for line in runbook.look.iter().chain(&runbook.freshness).chain(&runbook.ending) {
        let _ = writeln!(md, "- {}", plain(line));
    }
    for one in &runbook.dependencies {
        let (name, kind) = (plain(&one.name), plain(&one.kind));
        let _ = writeln!(md, "- dependency {name} ({kind}): {}", plain(&one.without));
    }
    for line in &runbook.rollback {
        let _ = writeln!(md, "- rolling back: {}", plain(line));
    }
    for alert in &derived.alerts {
        let _ = writeln!(
            md,
            "- alert {} ({}): {}. {}",
            plain(&alert.name),
            alert.severity,
            plain(&alert.when),
            plain(&alert.summary)
        );
    }
    for task in &derived.schedule {
        let _ = writeln!(
            md,
            "- task {}: {}; next {}",
            plain(&task.name),
            plain(&task.when),
            plain(&task.next.join("; "))
        );
    }
    for objective in &derived.objectives {
        let _ =
            writeln!(md, "- objective: {} {}", plain(&objective.name), plain(&objective.target));
    }
}

/// Who answers for the evidence.
fn signature(run: &RunData) -> String {
    match &run.signed_by {
        Some(key) => format!(
            "Signature: names the key {}; `cargo xtask evidence verify {} --key FILE` says whether that key made it.",
            plain(key),
            plain(&run.name)
        ),
        None => {
            "Signature: none. Whoever can write the evidence's folder can write other evidence; \
                 `--sign-key FILE` signs it."
                .to_owned()
        }
    }
}

fn provenance(md: &mut String, data: &ReportData) {
    let run = &data.run;
    let _ = writeln!(md, "\n## Where this comes from\n");
    let _ = writeln!(md, "- spec {}", run.spec_digest);
    if let Some(digest) = run.generated_digest {
        let _ = writeln!(md, "- generated code {digest}");
    }
    let commit = run.commit.as_deref().unwrap_or("none");
    let dirty = if run.dirty { ", with changes that are not committed" } else { "" };
    let _ = writeln!(md, "- commit {}{dirty}", plain(commit));
    if let Some(worker) = run.worker {
        let (wasm, gzip) = (worker.wasm_bytes, worker.gzip_bytes);
        let _ =
            writeln!(md, "- worker: {wasm} bytes of WebAssembly, {gzip} with its glue after gzip");
    }
    let _ = writeln!(md, "- tool {}", plain(&run.tool_version));
    for left in &run.left_out {
        let _ = writeln!(md, "- {} was left out: {}", left.check, plain(&left.reason));
    }
}

pub(super) fn table(md: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(md, "| {} |", header.join(" | "));
    let _ = writeln!(md, "|{}", " --- |".repeat(header.len()));
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| plain(cell)).collect();
        let _ = writeln!(md, "| {} |", cells.join(" | "));
    }
}

/// Text without meaning to Markdown or HTML, on one line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '*' | '[' | ']' | '|' | '~' | '!' => {
                plain.push('\\');
                plain.push(c);
            }
            '`' => {}
            '\n' | '\r' | '\t' => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}
