//! What mutants showed, as Markdown.

use proofline_spec::evidence::{MutantOutcome, MutantTable};

use crate::output::markdown::cell;

/// The whole table, for people.
pub(crate) fn markdown(table: &MutantTable) -> String {
    let caught = table.count(MutantOutcome::Caught);
    let mut text = format!(
        "# Mutants of {} in {}\n\n{caught} of {} rows caught; begun {}, spec {}, mutants {}.\n",
        table.service,
        table.environment,
        table.mutants.len(),
        table.started_at,
        table.spec_digest.short(),
        table.mutants_digest.short(),
    );
    text.push_str(&format!("\n{}\n", table.others_said()));
    if table.interrupted {
        text.push_str("\nIt was interrupted: mutants that are not in the table were not tried.\n");
    }
    text.push_str("\n| claim | mutant | what is wrong with it | outcome | failed step |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for row in &table.mutants {
        let step = row.failed_step.as_deref().or(row.message.as_deref()).unwrap_or_default();
        let cells = [&row.claim, &row.id, &row.what, row.outcome.name(), step].map(cell);
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    let also: Vec<String> = table
        .mutants
        .iter()
        .filter(|row| !row.also_failed.is_empty())
        .map(|row| {
            let names: Vec<String> = row.also_failed.iter().map(ToString::to_string).collect();
            format!("- {} ({}): {}", row.id, row.claim, names.join(", "))
        })
        .collect();
    if !also.is_empty() {
        text.push_str(&format!("\n## Other checks that failed\n\n{}\n", also.join("\n")));
    }
    let failed = table.controls.iter().filter(|control| !control.passed);
    let failed: Vec<String> =
        failed.map(|control| format!("- {}: {}", control.check, cell(&control.summary))).collect();
    if !failed.is_empty() {
        text.push_str("\n## Checks that do not pass without a mutant either\n\n");
        text.push_str(&(failed.join("\n") + "\n"));
    }
    if !table.left_out.is_empty() {
        let lines =
            table.left_out.iter().map(|mutant| format!("- {}: {}", mutant.id, mutant.reason));
        let lines: Vec<String> = lines.collect();
        text.push_str(&format!("\n## Mutants that were not tried\n\n{}\n", lines.join("\n")));
    }
    if !table.never_failing.is_empty() {
        text.push_str("\n## Claims whose check was never seen failing\n\n");
        text.push_str("| claim | checks | why |\n| --- | --- | --- |\n");
        for claim in &table.never_failing {
            let checks: Vec<String> = claim.checks.iter().map(ToString::to_string).collect();
            let checks = checks.join(", ");
            text.push_str(&format!(
                "| {} | {checks} | check never seen failing: {} |\n",
                claim.claim, claim.reason
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proofline_spec::evidence::{Digest, LeftOutMutant, MutantRow, NeverFailing};

    use super::*;

    #[test]
    fn table_tells_what_was_caught_and_what_was_never_seen_failing() {
        let check: proofline_spec::evidence::CheckId = "feature/security/jwt".parse().unwrap();
        let row = MutantRow {
            id: "jwt-alg-none".into(),
            what: "A | B".into(),
            claim: "SEC-JWT".into(),
            check: check.clone(),
            caught: true,
            outcome: MutantOutcome::Caught,
            failed_step: Some("Then it is refused".into()),
            message: None,
            also_failed: Vec::new(),
        };
        let never = NeverFailing {
            claim: "OBS-LOGS".into(),
            checks: vec![check],
            reason: "there is no mutant of it".into(),
        };
        let left_out = LeftOutMutant {
            id: "rollback-skipped".into(),
            reason: "runtime/src/host/native/sqlite.rs is no part of a worker".into(),
        };
        let table = MutantTable {
            service: "luna".into(),
            environment: "local".into(),
            started_at: "2026-01-01T00:00:00.000Z".into(),
            finished_at: "2026-01-01T00:01:00.000Z".into(),
            tool_version: "0.1.0".into(),
            spec_digest: Digest::of(b""),
            mutants_digest: Digest::of(b""),
            catalogue_digest: None,
            commit: None,
            dirty: false,
            only: Vec::new(),
            one_each: false,
            all_checks: true,
            interrupted: false,
            released: Vec::new(),
            controls: Vec::new(),
            mutants: vec![row],
            left_out: vec![left_out],
            never_failing: vec![never],
        };
        let text = markdown(&table);
        assert!(text.contains("1 of 1 rows caught"), "{text}");
        let line = "| SEC-JWT | jwt-alg-none | A \\| B | caught | Then it is refused |";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("| OBS-LOGS | feature/security/jwt | check never seen failing: there is no mutant of it |"),
            "{text}"
        );
        assert!(
            text.contains("## Mutants that were not tried\n\n- rollback-skipped: runtime/src/host/native/sqlite.rs is no part of a worker\n"),
            "{text}"
        );
        assert!(!text.contains("interrupted"), "{text}");
    }
}
