//! Claims: each is proven by something, or says why not.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Claim, LoadProof, OutsideId, OutsideProblem, Proof};
use crate::unit::{Comparison, Quantity, Threshold};

/// Profiles of load that exist.
const PROFILES: [&str; 5] = ["smoke", "steady", "spike", "stress", "soak"];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("claims");
    for (id, claim) in &context.service.claims {
        let at = section.key(id);
        one_of(context, claim, &at, found);
        texts(context, claim, &at, found);
        maps(context, claim, &at.key("maps"), found);
        let proofs = at.key("proven_by");
        for (index, proof) in claim.proven_by.iter().enumerate() {
            let here = proofs.index(index);
            match proof {
                Proof::Feature(name) => feature(context, name, &here.key("feature"), found),
                Proof::Load(load) => load_proof(context, load, &here.key("load"), found),
                Proof::Probe(_) | Proof::Derived(_) => {}
            }
        }
    }
    let section = At::root("checklists");
    for (name, checklist) in &context.service.checklists {
        let at = section.key(name);
        let lines = at.key("lines");
        if checklist.lines.is_empty() {
            let message = "the list has no line";
            found.push(
                context
                    .at_key(codes::EMPTY_TEXT, &lines, message)
                    .fix("write what must hold, or remove the list"),
            );
        }
        for (index, line) in checklist.lines.iter().enumerate() {
            let here = lines.index(index);
            if line.text.trim().is_empty() {
                let diagnostic =
                    context.at_value(codes::EMPTY_TEXT, &here.key("text"), "the line is empty");
                found.push(diagnostic.fix("write what must hold"));
            }
            if line.claims.is_empty() {
                let message = format!("no claim says `{}`", line.text);
                found.push(
                    context
                        .at_key(codes::CLAIM_PROOF, &here.key("claims"), message)
                        .because("a line is as true as its claims; one that nothing can refute says nothing")
                        .fix("name the claims, or remove the line"),
                );
            }
        }
    }
}

fn one_of(context: &Context<'_>, claim: &Claim, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let diagnostic = match (claim.proven_by.is_empty(), &claim.unproven) {
        (false, Some(_)) => context
            .at_key(
                codes::CLAIM_PROOF,
                &at.key("unproven"),
                "the claim is both proven and unproven",
            )
            .fix("remove `unproven` if the proofs are all that is needed, or else `proven_by`"),
        (true, None) if !context.is_broken(&at.key("proven_by")) => context
            .at_key(codes::CLAIM_PROOF, at, "nothing proves the claim")
            .fix("add `proven_by: [{feature: <name>}]`, or `unproven: <reason>`"),
        _ => return,
    };
    found.push(
        diagnostic.because("a claim names its proof, or is counted as unverified for a reason"),
    );
}

fn texts(context: &Context<'_>, claim: &Claim, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let mut not_empty = |text: &str, at: &At<'_>, what: &str| {
        if text.trim().is_empty() {
            let message = format!("{what} is empty");
            found.push(
                context.at_value(codes::EMPTY_TEXT, at, message).fix("write it as a sentence"),
            );
        }
    };
    not_empty(&claim.statement, &at.key("statement"), "the statement");
    if let Some(reason) = &claim.unproven {
        not_empty(reason, &at.key("unproven"), "the reason");
    }
    let Some(waiver) = &claim.waiver else { return };
    let here = at.key("waiver");
    not_empty(&waiver.owner, &here.key("owner"), "the owner");
    not_empty(&waiver.reason, &here.key("reason"), "the reason");
    if waiver.expires.len() != 10 || waiver.expires.parse::<jiff::civil::Date>().is_err() {
        found.push(
            context
                .at_value(
                    codes::DATE,
                    &here.key("expires"),
                    format!("`{}` is not a date", waiver.expires),
                )
                .because("a waiver ends by itself; without a date it never would")
                .fix("write year, month and day, such as `2026-12-31`"),
        );
    }
}

/// Ids of catalogues that others keep: each exists, and is there once.
fn maps(context: &Context<'_>, claim: &Claim, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    for (index, id) in claim.maps.iter().enumerate() {
        let here = at.index(index);
        if let Err(problem) = id.entry() {
            found.push(no_entry(context, id, problem, &here));
        } else if claim.maps[..index].contains(id) {
            let message = format!("`{id}` is there twice");
            found.push(
                context
                    .at_value(codes::MAP_TWICE, &here, message)
                    .because("a claim answers to an entry or it does not")
                    .fix("remove one of them"),
            );
        }
    }
}

fn no_entry(
    context: &Context<'_>,
    id: &OutsideId,
    problem: OutsideProblem,
    at: &At<'_>,
) -> Diagnostic {
    let (message, cause, fix) = match problem {
        OutsideProblem::Form => (
            format!("`{id}` is no id of a catalogue that is known"),
            "known are the OWASP API Security Top 10 of 2023, the OWASP ASVS 5.0.0 and the CWE",
            "write an id such as `API4:2023`, `v5.0.0-6.3.1` or `CWE-770`; other documents stand under `references`",
        ),
        OutsideProblem::Api => (
            format!("the API Security Top 10 of 2023 has no item `{id}`"),
            "its items are `API1:2023` to `API10:2023`; other years number other items",
            "write the number and the year, such as `API4:2023`",
        ),
        OutsideProblem::Asvs => (
            format!("ASVS 5.0.0 has no requirement `{id}`"),
            "a requirement is written as the standard itself writes it: its version, a chapter from 1 to 17, a section and a number",
            "write it such as `v5.0.0-6.3.1`; other versions number other requirements",
        ),
        OutsideProblem::Cwe => (
            format!("`{id}` is no weakness of the CWE"),
            "a weakness has a number of one to four digits",
            "write it such as `CWE-770`",
        ),
    };
    context.at_value(codes::MAP_UNKNOWN, at, message).because(cause).fix(fix)
}

fn feature(context: &Context<'_>, name: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Some(known) = context.features else { return };
    if known.iter().any(|feature| feature == name) {
        return;
    }
    let place = context.value(at);
    let diagnostic =
        Diagnostic::new(codes::CLAIM_FEATURE, place, format!("there is no feature `{name}`"))
            .because(format!("{} features exist, and not this one", known.len()));
    found.push(match context.closest(name, known.iter().map(String::as_str)) {
        Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
        None => diagnostic.fix("write `unproven: <reason>` until it exists"),
    });
}

fn load_proof(context: &Context<'_>, load: &LoadProof, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let profile = at.key("profile");
    if !PROFILES.contains(&load.profile.as_str()) {
        let place = context.value(&profile);
        let diagnostic = Diagnostic::new(
            codes::CLAIM_LOAD,
            place,
            format!("there is no profile `{}`", load.profile),
        )
        .because(format!("profiles are {}", PROFILES.join(", ")));
        found.push(match context.closest(&load.profile, PROFILES.into_iter()) {
            Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
            None => diagnostic.fix("use one of these"),
        });
    }
    if load.rate.is_some() && load.concurrency.is_some() {
        found.push(
            context
                .at_key(codes::CLAIM_LOAD, &at.key("concurrency"), "a load test has a rate or a concurrency, not both")
                .because("with a rate requests begin on time; with a concurrency each waits for the one before")
                .fix("remove one of them"),
        );
    }
    if load.rate.is_some_and(|rate| rate.count == 0 || rate.window.as_millis() == 0) {
        let message = "a rate of 0 sends nothing";
        found.push(
            context
                .at_value(codes::ZERO, &at.key("rate"), message)
                .fix("give a rate such as `200/s`"),
        );
    }
    if load.concurrency == Some(0) {
        let message = "0 requests at a time send nothing";
        found.push(
            context
                .at_value(codes::ZERO, &at.key("concurrency"), message)
                .fix("give a number such as `65`"),
        );
    }
    let limits = [
        ("p50", load.p50),
        ("p95", load.p95),
        ("p99", load.p99),
        ("error_rate", load.error_rate),
        ("server_errors", load.server_errors),
        ("cache_hit_rate", load.cache_hit_rate),
    ];
    if limits.iter().all(|(_, limit)| limit.is_none()) && !context.is_broken(at) {
        found.push(
            context
                .at_key(
                    codes::CLAIM_LOAD,
                    at,
                    "the load test has no limit that its result must keep",
                )
                .because("without one it could not fail, and would prove nothing")
                .fix("add one of `p50`, `p95`, `p99`, `error_rate`, `server_errors` and `cache_hit_rate`"),
        );
    }
    for (key, limit) in limits {
        if let Some(limit) = limit {
            threshold(context, key, limit, &at.key(key), found);
        }
    }
}

fn threshold(
    context: &Context<'_>,
    key: &str,
    limit: Threshold,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let (fits, example) = match key {
        "error_rate" => (matches!(limit.limit, Quantity::Percent(_)), "< 0.1%"),
        "server_errors" => (matches!(limit.limit, Quantity::Count(_)), "< 1"),
        "cache_hit_rate" => (matches!(limit.limit, Quantity::Percent(_)), "> 80%"),
        _ => (matches!(limit.limit, Quantity::Duration(_)), "< 200ms"),
    };
    let is_low = matches!(limit.comparison, Comparison::Less | Comparison::AtMost);
    let (wants_low, better) =
        if key == "cache_hit_rate" { (false, "more") } else { (true, "less") };
    if !fits || is_low != wants_low {
        found.push(
            context
                .at_value(codes::CLAIM_LOAD, at, format!("`{key}` cannot be compared as `{limit}`"))
                .because(format!("{better} is better here, and the unit must be the measure's own"))
                .fix(format!("write a limit such as `\"{example}\"`")),
        );
    }
}
