//! Documents that people wrote by hand about a system, figure by figure, and what evidence says of each.
//!
//! `docs/original-documents/<service>.yaml` says what stands for a figure; no verdict is typed in there. The page
//! beside it is written from that file and from the verdicts of one run, which are kept beside it with their manifest
//! (`kept.rs`), so that the page can be made again, byte by byte, where the run itself is not (`page.rs`).

mod kept;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_spec::diagnostic::code_named;
use proofline_spec::document::Service;
use proofline_spec::load::nearest;
use serde::Deserialize;

pub(crate) use kept::Kept;
pub(crate) use page::{Counted, Source, page};

/// Where the documents are, from the root of the workspace.
const FOLDER: &str = "docs/original-documents";

/// What hand-written documents say about a system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// What the page is called.
    pub(crate) title: String,
    /// What these documents are, in a sentence or two.
    pub(crate) about: String,
    /// Their parts, in order.
    pub(crate) sections: Vec<Section>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) heading: String,
    /// What it says, figure by figure.
    pub(crate) figures: Vec<Figure>,
}

/// A figure or a sentence that can be wrong. One of `claims`, `refused`, `unclaimed` and
/// `not_observable` stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    /// What the document says.
    pub(crate) says: String,
    /// The claims of the spec that stand for it now; the worst verdict among them is the figure's.
    #[serde(default)]
    pub(crate) claims: Vec<String>,
    /// The diagnostic that a spec gets which says so.
    #[serde(default)]
    pub(crate) refused: Option<String>,
    /// Why no claim says it, though it could be seen: nobody verifies it.
    #[serde(default)]
    pub(crate) unclaimed: Option<String>,
    /// Why nothing that Proofline can look at shows whether it is true.
    #[serde(default)]
    pub(crate) not_observable: Option<String>,
    /// Where what stands for it says something else, or less.
    #[serde(default)]
    pub(crate) note: Option<String>,
}

impl Document {
    /// The file of a service's document.
    pub(crate) fn path(root: &Path, service: &str) -> PathBuf {
        root.join(FOLDER).join(format!("{service}.yaml"))
    }

    /// The page that is written of it.
    pub(crate) fn page_path(root: &Path, service: &str) -> PathBuf {
        root.join(FOLDER).join(format!("{service}.md"))
    }

    /// Reads the document of a service.
    pub(crate) fn read(root: &Path, service: &str) -> Result<Self> {
        let path = Self::path(root, service);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}\nhint: it says which claim stands for each figure; {FOLDER}/luna.yaml is one",
                path.display()
            )
        })?;
        serde_saphyr::from_str(&text)
            .with_context(|| format!("{} is not such a document", path.display()))
    }

    /// Every figure, in order.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.figures)
    }

    /// What is wrong with it beside the spec: for each, the figure, the cause and the fix.
    pub(crate) fn problems(&self, service: &Service) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for figure in self.figures() {
            let says = &figure.says;
            if !seen.insert(says.trim().to_lowercase()) {
                problems.push(format!("`{says}` stands there twice; remove one"));
            }
            problems.extend(figure.problem(service).map(|cause| format!("`{says}`: {cause}")));
        }
        if seen.is_empty() {
            problems.push("it has no figures; add some below `sections`".to_owned());
        }
        problems
    }
}

impl Figure {
    fn problem(&self, service: &Service) -> Option<String> {
        let stands = [
            !self.claims.is_empty(),
            self.refused.is_some(),
            self.unclaimed.is_some(),
            self.not_observable.is_some(),
        ];
        if stands.iter().filter(|stands| **stands).count() != 1 {
            let one = "exactly one of `claims`, `refused`, `unclaimed` and `not_observable` must stand for it";
            return Some(one.to_owned());
        }
        let reasons = [&self.unclaimed, &self.not_observable, &self.note];
        let texts = reasons.map(Option::as_ref).into_iter().chain([Some(&self.says)]);
        if texts.flatten().any(|text| text.trim().is_empty()) {
            return Some("a text of it is empty; say something".to_owned());
        }
        if let Some(code) = self.refused.as_deref().filter(|code| code_named(code).is_none()) {
            return Some(format!(
                "there is no diagnostic `{code}`; `cargo xtask explain` knows those that there are"
            ));
        }
        let unknown = self.claims.iter().find(|id| !service.claims.contains_key(*id))?;
        let near = nearest(unknown, service.claims.keys().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Some(format!("the spec has no claim `{unknown}`{hint}"))
    }
}
