//! What a spec says otherwise than at the last release, part by part, and what breaks clients by it.

mod facts;
mod route;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use proofline_spec::diagnostic::counted;
use proofline_spec::document::{Claim, Limit, Map, Service};
use proofline_spec::unit::Rate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text::moment;
use facts::{Fact, between};

/// The last release, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseInput {
    /// What says that it was one, such as `tag v1.2.0`.
    pub name: String,
    /// Its commit.
    pub commit: String,
    /// When it was made (RFC 3339), if that is known.
    pub when: Option<String>,
    /// The spec as it was; `None` when the service was not there.
    pub service: Option<Service>,
    /// Whether parts of that spec can no longer be read, and are left out.
    pub incomplete: bool,
    /// Commits since then, one line each, the newest first.
    pub commits: Vec<String>,
    /// How many there are besides.
    pub more_commits: usize,
}

/// What is different since the last release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseChange {
    /// What says that it was one, such as `tag v1.2.0`.
    pub release: String,
    /// Its commit.
    pub commit: String,
    /// When it was made (RFC 3339).
    pub when: Option<String>,
    /// The version that its spec says; absent when the service was not there.
    pub version: Option<String>,
    /// The version that the spec says now.
    pub version_now: String,
    /// Whether parts of that spec can no longer be read, and are left out.
    pub incomplete: bool,
    /// Changes that break clients.
    pub breaking: usize,
    /// Changes by which less is promised.
    pub weaker: usize,
    /// What changed, by part of the spec; parts without a change are left out.
    pub parts: Vec<PartChanges>,
    /// Commits since then, one line each, the newest first.
    pub commits: Vec<String>,
    /// How many there are besides.
    pub more_commits: usize,
}

/// What changed in a part of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartChanges {
    /// The part, such as `routes`.
    pub part: String,
    /// Its changes, in the order of the spec.
    pub changes: Vec<SpecChange>,
}

/// A change of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecChange {
    /// What it is called, such as `GET /users/{id}`.
    pub name: String,
    /// What is different, in words.
    pub text: String,
    /// Whom it concerns.
    pub impact: Impact,
}

/// Whom a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// A client that worked may fail.
    Breaking,
    /// Less is promised or looked after.
    Weaker,
    /// Nobody who relied on the spec as it was.
    Other,
}

/// What changed since a release.
pub(super) fn change(last: &ReleaseInput, now: &Service) -> ReleaseChange {
    let parts = last.service.as_ref().map(|then| spec_changes(then, now)).unwrap_or_default();
    let count =
        |impact| parts.iter().flat_map(|part| &part.changes).filter(|c| c.impact == impact).count();
    ReleaseChange {
        release: last.name.clone(),
        commit: last.commit.clone(),
        when: last.when.clone(),
        version: last.service.as_ref().map(|then| then.service.version.clone()),
        version_now: now.service.version.clone(),
        incomplete: last.incomplete,
        breaking: count(Impact::Breaking),
        weaker: count(Impact::Weaker),
        commits: last.commits.clone(),
        more_commits: last.more_commits,
        parts,
    }
}

impl ReleaseChange {
    /// The same without the report, for a command.
    pub fn of(last: &ReleaseInput, now: &Service) -> Self {
        change(last, now)
    }

    /// In one sentence: `11 changes since tag v1.2.0, 2 of them breaking`.
    pub fn sentence(&self) -> String {
        let changes: usize = self.parts.iter().map(|part| part.changes.len()).sum();
        if self.version.is_none() {
            return format!("The service was not there in {}.", self.release);
        }
        if changes == 0 {
            return format!("The spec says the same as in {}.", self.release);
        }
        let mut text = format!("{} since {}", counted(changes, "change"), self.release);
        let _ = match (self.breaking, self.weaker) {
            (0, 0) => write!(text, ", none of which breaks a client"),
            (0, weaker) => write!(text, ", none breaks a client, by {weaker} less is promised"),
            (breaking, 0) => write!(text, ", {breaking} of them breaking"),
            (breaking, weaker) => {
                write!(text, ", {breaking} of them breaking, by {weaker} less is promised")
            }
        };
        text + "."
    }

    /// As Markdown; `escape` makes plain text of what the spec says.
    pub fn markdown(&self, escape: fn(&str) -> String) -> String {
        let mut md = format!("{}\n\n", escape(&self.sentence()));
        let version = self.version.as_deref().unwrap_or("none");
        let when = self.when.as_deref().map(|when| format!(" of {}", moment(when)));
        let commit: String = self.commit.chars().take(12).collect();
        let _ = writeln!(
            md,
            "- {}{}, commit {}, version {}; now {}",
            escape(&self.release),
            escape(&when.unwrap_or_default()),
            escape(&commit),
            escape(version),
            escape(&self.version_now)
        );
        if self.incomplete {
            md.push_str("- parts of that spec can no longer be read, and are left out\n");
        }
        for part in &self.parts {
            let _ = writeln!(md, "\n### {}\n", escape(&part.part));
            for change in &part.changes {
                let mark = match change.impact {
                    Impact::Breaking => "**breaking** ",
                    Impact::Weaker => "**promises less** ",
                    Impact::Other => "",
                };
                let _ = writeln!(md, "- {mark}{}: {}", escape(&change.name), escape(&change.text));
            }
        }
        if !self.commits.is_empty() {
            md.push_str("\n### commits\n\n");
        }
        for commit in &self.commits {
            let _ = writeln!(md, "- {}", escape(commit));
        }
        if self.more_commits > 0 {
            let _ = writeln!(md, "- and {} more", self.more_commits);
        }
        md
    }
}

/// What is different between two specs of a service, by part.
pub fn spec_changes(then: &Service, now: &Service) -> Vec<PartChanges> {
    let mut parts = vec![
        ("routes", route::changes(then, now)),
        ("limits", limits(then, now)),
        ("schemas", schema::changes(then, now)),
        ("claims", claims(then, now)),
        ("bindings", plain(&then.bindings, &now.bindings, Impact::Other)),
        ("schedule", plain(&then.tasks, &now.tasks, Impact::Other)),
        ("alerts", plain(&then.alerts, &now.alerts, Impact::Weaker)),
    ];
    parts.push(("others", others(then, now)));
    parts
        .into_iter()
        .filter(|(_, changes)| !changes.is_empty())
        .map(|(part, changes)| PartChanges { part: part.to_owned(), changes })
        .collect()
}

fn spec_change(name: &str, text: impl Into<String>, impact: Impact) -> SpecChange {
    SpecChange { name: name.to_string(), text: text.into(), impact }
}

/// What was removed, what was added, and what `changed` says of each that is in both.
fn pairs<K: std::hash::Hash + Eq + ToString, V>(
    (then, now): (&indexmap::IndexMap<K, V>, &indexmap::IndexMap<K, V>),
    removed: Impact,
    mut compare: impl FnMut(&K, &V, &V) -> Vec<(String, Impact)>,
) -> Vec<SpecChange> {
    let gone = then.keys().filter(|name| !now.contains_key(*name));
    let mut changes: Vec<SpecChange> =
        gone.map(|name| spec_change(&name.to_string(), "removed", removed)).collect();
    for (name, value) in now {
        match then.get(name) {
            None => changes.push(spec_change(&name.to_string(), "added", Impact::Other)),
            Some(old) => {
                let found = compare(name, old, value);
                changes.extend(
                    found
                        .into_iter()
                        .map(|(text, impact)| spec_change(&name.to_string(), text, impact)),
                );
            }
        }
    }
    changes
}

/// A part where only what is gone concerns anybody.
fn plain<V: Serialize>(then: &Map<V>, now: &Map<V>, removed: Impact) -> Vec<SpecChange> {
    pairs((then, now), removed, |_, old, new| {
        facts_of(old, new).iter().map(|fact| (fact.text(), Impact::Other)).collect()
    })
}

fn facts_of<V: Serialize>(old: &V, new: &V) -> Vec<Fact> {
    between(&json!(old), &json!(new))
}

fn limits(then: &Service, now: &Service) -> Vec<SpecChange> {
    pairs((&then.limits, &now.limits), Impact::Weaker, |_, old, new| {
        let lowered = is_lowered(old, new);
        let impact = |fact: &Fact| {
            let rate = fact.path == "rate" || fact.path.starts_with("tiers");
            if rate && lowered { Impact::Breaking } else { Impact::Other }
        };
        facts_of(old, new).iter().map(|fact| (fact.text(), impact(fact))).collect()
    })
}

/// Whether somebody gets fewer requests than before, on average or at once.
fn is_lowered(old: &Limit, new: &Limit) -> bool {
    let less =
        |old: &Rate, new: &Rate| new.per_second() < old.per_second() || new.count < old.count;
    match (old.rate.as_ref().zip(new.rate.as_ref()), old.tiers.as_ref().zip(new.tiers.as_ref())) {
        (Some((old, new)), _) => less(old, new),
        (None, Some((old, new))) => {
            old.iter().any(|(tier, old)| new.get(tier).is_none_or(|new| less(old, new)))
        }
        // One rate became tiers, or the other way round: the least now, the most then.
        (None, None) => {
            let rates = |limit: &Limit| -> Vec<Rate> {
                let tiers = limit.tiers.iter().flat_map(|tiers| tiers.values());
                limit.rate.iter().chain(tiers).copied().collect()
            };
            let (old, new) = (rates(old), rates(new));
            old.iter().any(|old| new.iter().any(|new| less(old, new)))
        }
    }
}

fn claims(then: &Service, now: &Service) -> Vec<SpecChange> {
    pairs((&then.claims, &now.claims), Impact::Weaker, |_, old, new| {
        let mut found = proofs(old, new);
        let others = facts_of(old, new);
        let others = others.iter().filter(|fact| fact.path != "proven_by");
        found.extend(others.map(|fact| {
            let weaker = match fact.path.as_str() {
                "severity" => new.severity > old.severity,
                "unproven" => old.unproven.is_none(),
                path if path.starts_with("waiver") => new.waiver.is_some(),
                _ => false,
            };
            (fact.text(), if weaker { Impact::Weaker } else { Impact::Other })
        }));
        found
    })
}

/// Checks that prove a claim no longer, and those that do now.
fn proofs(old: &Claim, new: &Claim) -> Vec<(String, Impact)> {
    let texts = |claim: &Claim| -> Vec<String> {
        claim.proven_by.iter().map(|proof| facts::compact(&json!(proof))).collect()
    };
    let (old, new) = (texts(old), texts(new));
    let gone = old.iter().filter(|text| !new.contains(text));
    let come = new.iter().filter(|text| !old.contains(text));
    gone.map(|text| (format!("no longer proven by {text}"), Impact::Weaker))
        .chain(come.map(|text| (format!("proven by {text} now"), Impact::Other)))
        .collect()
}

/// Parts of the spec that are told in detail elsewhere, or not at all.
const TOLD: [&str; 9] = [
    "routes",
    "limits",
    "schemas",
    "claims",
    "bindings",
    "tasks",
    "alerts",
    "proofline",
    "include",
];

/// Every other part of the spec, thing by thing.
fn others(then: &Service, now: &Service) -> Vec<SpecChange> {
    let (Value::Object(then), Value::Object(now)) = (json!(then), json!(now)) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    for key in then.keys().chain(now.keys().filter(|key| !then.contains_key(*key))) {
        if TOLD.contains(&key.as_str()) {
            continue;
        }
        let nothing = Value::Null;
        let (old, new) = (then.get(key).unwrap_or(&nothing), now.get(key).unwrap_or(&nothing));
        for fact in between(old, new) {
            changes.push(spec_change(key, fact.text(), Impact::Other));
        }
    }
    changes
}
