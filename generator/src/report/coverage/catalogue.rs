//! Catalogues that others keep (`spec/catalogues.yaml`), and the claims that answer to their entries (`maps`).

use std::collections::BTreeMap;

use proofline_spec::document::{OutsideEntry, Service};
use proofline_spec::evidence::{Readiness, Verdict};
use serde::{Deserialize, Serialize};

const CATALOGUES: &str = include_str!("../../../../spec/catalogues.yaml");

/// A catalogue, with what answers to each of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueData {
    /// Its short name: `api`, `asvs`, `cwe` or `review`.
    pub name: String,
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: String,
    /// When that version was published; absent for one that is extended all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Where it is.
    pub source: String,
    /// Its entries; of the CWE those that claims answer to.
    pub entries: Vec<EntryData>,
}

/// An entry of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryData {
    /// Its id.
    pub id: String,
    /// Its title; empty where only the id is known here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What its claims came to.
    pub state: EntryState,
    /// The claims that answer to it, with their verdicts.
    pub claims: Vec<(String, Verdict)>,
    /// Requirements of a chapter that claims name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// What of it no check of this tool looks at, or why it looks at nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<String>,
    /// What the report shows about it besides claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

/// What the claims of an entry came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryState {
    /// Nothing answers to it.
    #[serde(rename = "no claim")]
    NoClaim,
    /// This tool cannot look at it.
    #[serde(rename = "out of scope")]
    OutOfScope,
    /// The worst verdict on its claims.
    #[serde(untagged)]
    Claims(Verdict),
}

impl EntryState {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoClaim => "no claim",
            Self::OutOfScope => "out of scope",
            Self::Claims(verdict) => verdict.name(),
        }
    }
}

/// The file, by the short names of the catalogues.
type Catalogues = BTreeMap<String, Catalogue>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    title: String,
    version: String,
    date: Option<String>,
    source: String,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: String,
    title: String,
    beyond: Option<String>,
    out_of_scope: Option<String>,
    /// Names of checks, or their beginnings; only in `review`.
    #[serde(default)]
    checks: Vec<String>,
    shown: Option<String>,
}

/// A claim's id, its verdict, its checks, and the entries that it answers to.
struct Answering<'a> {
    id: &'a str,
    verdict: Verdict,
    checks: Vec<String>,
    entries: Vec<OutsideEntry>,
}

/// Every catalogue, the most general last.
pub(super) fn of(service: &Service, readiness: &Readiness) -> Result<Vec<CatalogueData>, String> {
    let mut catalogues: Catalogues = serde_saphyr::from_str(CATALOGUES)
        .map_err(|problem| format!("spec/catalogues.yaml: {problem}"))?;
    let claims: Vec<Answering<'_>> = service
        .claims
        .iter()
        .map(|(id, claim)| {
            let verdict = readiness.claims.iter().find(|verdict| verdict.id == *id);
            Answering {
                id,
                verdict: verdict.map_or(Verdict::Unverified, |verdict| verdict.verdict),
                checks: claim.proven_by.iter().map(|proof| proof.check().to_string()).collect(),
                entries: claim.maps.iter().filter_map(|id| id.entry().ok()).collect(),
            }
        })
        .collect();
    let mut found = Vec::new();
    for name in ["api", "asvs", "cwe", "review"] {
        let catalogue = catalogues.remove(name);
        let catalogue =
            catalogue.ok_or_else(|| format!("spec/catalogues.yaml: there is no `{name}`"))?;
        found.push(data(name, catalogue, &claims));
    }
    Ok(found)
}

fn data(name: &str, catalogue: Catalogue, claims: &[Answering<'_>]) -> CatalogueData {
    let entries = if name == "cwe" {
        weaknesses(claims)
    } else {
        catalogue.items.into_iter().map(|item| entry(name, item, claims)).collect()
    };
    CatalogueData {
        name: name.to_owned(),
        title: catalogue.title,
        version: catalogue.version,
        date: catalogue.date,
        source: catalogue.source,
        entries,
    }
}

fn entry(catalogue: &str, item: Item, claims: &[Answering<'_>]) -> EntryData {
    let chapter = item.id.strip_prefix('V').and_then(|number| number.parse::<u8>().ok());
    let answers = |entry: &OutsideEntry| match (catalogue, entry) {
        ("asvs", OutsideEntry::Asvs { chapter: of, .. }) => chapter == Some(*of),
        ("api", OutsideEntry::Api(_)) => entry.to_string() == item.id,
        _ => false,
    };
    let is_named = |check: &String| {
        item.checks.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => check.starts_with(beginning),
            None => check == name,
        })
    };
    let answering: Vec<&Answering<'_>> = claims
        .iter()
        .filter(|claim| claim.entries.iter().any(answers) || claim.checks.iter().any(is_named))
        .collect();
    let mut requirements: Vec<OutsideEntry> = answering
        .iter()
        .flat_map(|claim| claim.entries.iter().copied())
        .filter(|entry| catalogue == "asvs" && answers(entry))
        .collect();
    requirements.sort_unstable();
    requirements.dedup();
    let state = match (&item.out_of_scope, answering.is_empty()) {
        (Some(_), true) => EntryState::OutOfScope,
        _ => worst(&answering),
    };
    EntryData {
        id: item.id,
        title: item.title,
        state,
        claims: named(&answering),
        requirements: requirements.iter().map(ToString::to_string).collect(),
        beyond: item.out_of_scope.or(item.beyond),
        shown: item.shown,
    }
}

/// The weaknesses that claims answer to, in the order of their numbers.
fn weaknesses(claims: &[Answering<'_>]) -> Vec<EntryData> {
    let mut known: BTreeMap<OutsideEntry, Vec<&Answering<'_>>> = BTreeMap::new();
    for claim in claims {
        for entry in claim.entries.iter().filter(|entry| matches!(entry, OutsideEntry::Cwe(_))) {
            known.entry(*entry).or_default().push(claim);
        }
    }
    known
        .into_iter()
        .map(|(entry, answering)| EntryData {
            id: entry.to_string(),
            title: String::new(),
            state: worst(&answering),
            claims: named(&answering),
            requirements: Vec::new(),
            beyond: None,
            shown: None,
        })
        .collect()
}

fn named(answering: &[&Answering<'_>]) -> Vec<(String, Verdict)> {
    answering.iter().map(|claim| (claim.id.to_owned(), claim.verdict)).collect()
}

fn worst(answering: &[&Answering<'_>]) -> EntryState {
    let worst = answering.iter().map(|claim| claim.verdict).min();
    worst.map_or(EntryState::NoClaim, EntryState::Claims)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proofline_spec::document::{API_ITEMS, ASVS_CHAPTERS, OutsideId, ProbeName};

    use super::*;

    fn catalogues() -> Catalogues {
        serde_saphyr::from_str(CATALOGUES).unwrap()
    }

    #[test]
    fn the_catalogues_have_every_item_that_an_id_can_name_and_no_other() {
        let ids = |name: &str| -> Vec<String> {
            catalogues()[name].items.iter().map(|item| item.id.clone()).collect()
        };
        let api: Vec<String> = (1..=API_ITEMS).map(|item| format!("API{item}:2023")).collect();
        assert_eq!(ids("api"), api);
        assert!(api.iter().all(|id| OutsideId::from(id.as_str()).entry().is_ok()));
        let chapters: Vec<String> = (1..=ASVS_CHAPTERS).map(|item| format!("V{item}")).collect();
        assert_eq!(ids("asvs"), chapters);
    }

    #[test]
    fn every_check_that_a_heading_names_exists() {
        let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../features/catalogue");
        for name in catalogues()["review"].items.iter().flat_map(|item| &item.checks) {
            let exists = match name.split_once('/') {
                Some(("feature", feature)) => match feature.strip_suffix('*') {
                    Some(beginning) => {
                        let (folder, stem) = beginning.split_once('/').unwrap();
                        let mut files = std::fs::read_dir(catalogue.join(folder)).unwrap();
                        files.any(|file| {
                            file.unwrap().file_name().to_string_lossy().starts_with(stem)
                        })
                    }
                    None => catalogue.join(format!("{feature}.feature")).is_file(),
                },
                Some(("probe", probe)) => ProbeName::ALL.iter().any(|known| known.name() == probe),
                Some(("load", "*") | ("derived", "cost-ceiling")) => true,
                _ => false,
            };
            assert!(exists, "{name}");
        }
    }
}
