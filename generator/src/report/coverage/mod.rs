//! What has no claim: parts of the spec that no claim's check looks at, and what of others' catalogues no claim answers to.
//!
//! What a check looked at is taken from its evidence (`seen.rs`); only where evidence cannot say it, because a check is
//! about everything of a kind, it is taken from a table (`subjects.rs`). Nothing here changes a verdict.

mod catalogue;
mod markdown;
mod parts;
mod seen;
mod subjects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use proofline_spec::document::Service;
use proofline_spec::evidence::{CheckEvidence, CheckId, Readiness, Verdict};
use serde::{Deserialize, Serialize};

pub use catalogue::{CatalogueData, EntryData, EntryState};
pub(super) use markdown::render as markdown;

/// What has a claim and what has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// How many checks the claims name.
    pub checks: usize,
    /// How many of them have evidence here; the others looked at nothing.
    pub with_evidence: usize,
    /// The parts of the spec, section by section; sections that the spec does not have are left out.
    pub sections: Vec<SectionData>,
    /// Catalogues that others keep, with what answers to each of their entries.
    pub catalogues: Vec<CatalogueData>,
    /// Why the catalogues could not be read, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A section of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionData {
    /// Its key in the spec, such as `routes`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it means here that a check looked at a part.
    pub rule: String,
    /// How many parts a claim's check looked at.
    pub looked_at: usize,
    /// How many of these have a claim that is verified.
    pub verified: usize,
    /// Every part, in the order of the spec.
    pub parts: Vec<PartData>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartData {
    /// Its name, such as `GET /users/{id}`.
    pub name: String,
    /// What it is, such as `queue`; empty where the section says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The best verdict of the claims whose checks looked at it; absent when there is no such claim.
    pub verdict: Option<Verdict>,
    /// The claims whose checks looked at it, with their verdicts.
    pub claims: Vec<(String, Verdict)>,
    /// What no check saw of it, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}

impl Coverage {
    /// How many parts of the spec no claim's check looked at.
    pub fn without_claim(&self) -> usize {
        self.sections.iter().map(|section| section.parts.len() - section.looked_at).sum()
    }
}

/// What has a claim, by the spec, the verdicts and the evidence that they are computed from.
pub fn coverage(
    service: &Service,
    readiness: &Readiness,
    evidence: &BTreeMap<CheckId, CheckEvidence>,
) -> Coverage {
    // Verdicts name no check where none of the evidence may count.
    let mut claims: BTreeMap<&CheckId, Vec<(String, Verdict)>> = BTreeMap::new();
    for claim in &readiness.claims {
        for check in &claim.evidence {
            claims.entry(check).or_default().push((claim.id.clone(), claim.verdict));
        }
    }
    let counted = claims.keys().filter(|check| evidence.contains_key(**check)).count();
    let seen: Vec<_> = claims
        .iter()
        .map(|(check, claims)| (*check, claims.as_slice(), seen::by(service, evidence.get(*check))))
        .collect();
    let (catalogues, trouble) = match catalogue::of(service, readiness) {
        Ok(found) => (found, None),
        Err(trouble) => (Vec::new(), Some(trouble)),
    };
    Coverage {
        checks: claims.len(),
        with_evidence: counted,
        sections: parts::sections(service, &seen),
        catalogues,
        trouble,
    }
}
