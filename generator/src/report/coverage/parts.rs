//! The parts of a spec that a check can look at, and the claims whose checks did.

use std::collections::BTreeSet;

use proofline_spec::document::{Auth, RouteKey, Service};
use proofline_spec::evidence::{CheckId, Verdict};

use super::seen::Seen;
use super::subjects::is_about;
use super::{PartData, SectionData};

/// A check, the claims that name it, and what it looked at.
pub(super) type CheckSeen<'a> = (&'a CheckId, &'a [(String, Verdict)], Seen);

/// A part: its name and its kind.
type Part = (String, String);

/// Features that use limits up.
const EXHAUSTING: &str = "security/rate-limit-";

/// Every section that the spec has, with its parts.
pub(super) fn sections(service: &Service, seen: &[CheckSeen<'_>]) -> Vec<SectionData> {
    let mut sections = vec![routes(service, seen), limits(service, seen)];
    sections.extend(others(service).into_iter().map(|(name, title, parts)| {
        let rule = "A check names it in its evidence, or is about everything of its kind.";
        let data = |(part, kind): &Part| {
            let alone = parts.iter().filter(|(_, other)| other == kind).count() == 1;
            let named = format!("{name}/{part}");
            let looks = |check: &CheckId, seen: &Seen| {
                let by_nature = || is_about(&check.to_string(), name, kind, alone);
                seen.parts.contains(&named) || (seen.is_carried_out && by_nature())
            };
            let kind = if kind == part { String::new() } else { kind.clone() };
            PartData { kind, ..part_data(part, claims(seen, looks), Vec::new()) }
        };
        section(name, title, rule, parts.iter().map(data).collect())
    }));
    sections.retain(|section| !section.parts.is_empty());
    sections
}

fn section(name: &str, title: &str, rule: &str, parts: Vec<PartData>) -> SectionData {
    SectionData {
        name: name.to_owned(),
        title: title.to_owned(),
        rule: rule.to_owned(),
        looked_at: parts.iter().filter(|part| part.verdict.is_some()).count(),
        verified: parts.iter().filter(|part| part.verdict == Some(Verdict::Verified)).count(),
        parts,
    }
}

fn part_data(name: &str, claims: Vec<(String, Verdict)>, unseen: Vec<String>) -> PartData {
    PartData {
        name: name.to_owned(),
        kind: String::new(),
        verdict: claims.iter().map(|(_, verdict)| *verdict).max(),
        claims,
        unseen,
    }
}

/// The claims of the checks that looked, each once.
fn claims(
    seen: &[CheckSeen<'_>],
    looks: impl Fn(&CheckId, &Seen) -> bool,
) -> Vec<(String, Verdict)> {
    let mut found: Vec<(String, Verdict)> = Vec::new();
    for (check, claims, seen) in seen {
        if looks(check, seen) {
            found.extend(claims.iter().cloned());
        }
    }
    found.sort();
    found.dedup();
    found
}

fn routes(service: &Service, seen: &[CheckSeen<'_>]) -> SectionData {
    let tools = tools(service);
    let data = |(key, route): (&RouteKey, &proofline_spec::document::Route)| {
        let name = key.to_string();
        let statuses = |seen: &Seen| seen.routes.get(&name).cloned().unwrap_or_default();
        let looks = |_: &CheckId, seen: &Seen| {
            let statuses = statuses(seen);
            let refused = statuses.iter().any(|status| *status >= 400);
            !statuses.is_empty() && (refused || !tools.contains(&key))
        };
        let all: BTreeSet<u16> = seen.iter().flat_map(|(_, _, seen)| statuses(seen)).collect();
        let mut unseen = Vec::new();
        if !all.is_empty() && all.iter().all(|status| *status >= 400) {
            unseen.push("any success".to_owned());
        }
        let declared = route.returns.keys().filter(|status| {
            status.parse::<u16>().is_ok_and(|status| !all.contains(&status)) && !all.is_empty()
        });
        unseen.extend(declared.cloned());
        part_data(&name, claims(seen, looks), unseen)
    };
    let rule = "A check asked it and had an answer; where checks make their accounts by it, one that it refused.";
    section("routes", "Routes", rule, service.routes.iter().map(data).collect())
}

/// Routes by which checks make and provide for their accounts: to have used them is not to have looked at them.
fn tools(service: &Service) -> Vec<&RouteKey> {
    let Some(accounts) = &service.accounts else { return Vec::new() };
    let mut steps = vec![&accounts.sign_up, &accounts.log_in];
    steps.extend(accounts.set_tier.iter().chain(&accounts.api_key));
    steps.extend(accounts.balance.iter().map(|balance| &balance.grant));
    let routes = steps.into_iter().map(|step| &step.route);
    routes.chain(accounts.remove.iter().map(|remove| &remove.route)).collect()
}

fn limits(service: &Service, seen: &[CheckSeen<'_>]) -> SectionData {
    let data = |name: &String| {
        let looks = |check: &CheckId, seen: &Seen| {
            check.name.starts_with(EXHAUSTING) && seen.limits.contains(name)
        };
        part_data(name, claims(seen, looks), Vec::new())
    };
    let rule = "A check of limits used it up, and was refused by it.";
    section("limits", "Limits", rule, service.limits.keys().map(data).collect())
}

/// Every other section: its key, its name for people, its parts.
fn others(service: &Service) -> Vec<(&'static str, &'static str, Vec<Part>)> {
    let plain = |names: Vec<&String>| -> Vec<Part> {
        names.into_iter().map(|name| (name.clone(), String::new())).collect()
    };
    let bindings = service.bindings.iter();
    let auth = service.auth.iter().map(|(name, scheme)| {
        let kind = match scheme {
            Auth::Jwt { .. } => "jwt",
            Auth::ApiKey { .. } => "api_key",
            Auth::Webhook { .. } => "webhook",
        };
        (name.clone(), kind.to_owned())
    });
    let switches = service.switches.iter().flat_map(|switches| {
        [
            ("read_only", switches.read_only.is_some()),
            ("maintenance", switches.maintenance.is_some()),
        ]
    });
    let once = [
        ("cors", service.cors.is_some()),
        ("lti", service.lti.is_some()),
        ("metering", service.metering.is_some()),
        ("request_records", service.request_records.is_some()),
    ];
    let there = |(name, there): (&str, bool)| there.then(|| (name.to_owned(), name.to_owned()));
    vec![
        (
            "bindings",
            "Bindings",
            bindings.map(|(name, of)| (name.clone(), of.kind().to_owned())).collect(),
        ),
        ("auth", "Authentication", auth.collect()),
        ("tasks", "Scheduled tasks", plain(service.tasks.keys().collect())),
        ("machines", "State machines", plain(service.machines.keys().collect())),
        ("flags", "Flags", plain(service.flags.keys().collect())),
        ("switches", "Emergency switches", switches.filter_map(there).collect()),
        ("alerts", "Alerts", plain(service.alerts.keys().collect())),
        ("others", "What a service has once", once.into_iter().filter_map(there).collect()),
    ]
}
