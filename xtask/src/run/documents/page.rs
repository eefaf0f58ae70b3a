//! The page: every figure beside what evidence says of it. The same document, spec and run give the same bytes.

use proofline_spec::diagnostic::code_named;
use proofline_spec::evidence::{ClaimVerdict, Digest, Verdict};

use super::{Document, Figure, Kept};
use crate::output::markdown::cell;

/// What a page is written from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The service's folder.
    pub(crate) service: &'a str,
    /// What is kept of a run, if there is one that says something of the spec as it is.
    kept: Option<&'a Kept>,
}

impl<'a> Source<'a> {
    /// Evidence counts only when it was taken of the spec with this digest.
    pub(crate) fn new(service: &'a str, kept: Option<&'a Kept>, spec: Digest) -> Self {
        Self { service, kept: kept.filter(|kept| kept.manifest.spec_digest == spec) }
    }

    fn verdict(&self, claim: &str) -> Option<&'a ClaimVerdict> {
        self.kept?.readiness.claims.iter().find(|known| known.id == claim)
    }
}

/// What can be shown of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// By the verdicts on its claims, of which the worst counts.
    Claims(Verdict),
    /// No spec can say so.
    Refused,
    /// Nothing that can be looked at shows it.
    NotObservable,
}

impl Shown {
    fn of(figure: &Figure, source: Source<'_>) -> Self {
        if figure.refused.is_some() {
            return Self::Refused;
        }
        if figure.unclaimed.is_some() {
            return Self::Claims(Verdict::Unverified);
        }
        let verdict =
            |id: &String| source.verdict(id).map_or(Verdict::Unverified, |found| found.verdict);
        figure.claims.iter().map(verdict).min().map_or(Self::NotObservable, Self::Claims)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Claims(Verdict::Verified) => "verified",
            Self::Claims(Verdict::Failed) => "disproved",
            Self::Claims(Verdict::Unverified) => "unverified",
            Self::Claims(Verdict::Waived) => "waived",
            Self::Refused => "refused",
            Self::NotObservable => "not observable",
        }
    }
}

/// How many figures there are of each kind, in the order in which they are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counted {
    /// All claims that stand for it are verified.
    pub(crate) verified: usize,
    /// One failed.
    pub(crate) disproved: usize,
    /// Of one it is not known.
    pub(crate) unverified: usize,
    /// One is waived, and none is worse.
    pub(crate) waived: usize,
    /// A spec cannot say so.
    pub(crate) refused: usize,
    /// Nothing shows it.
    pub(crate) not_observable: usize,
}

impl Counted {
    /// Counts the figures of a document.
    pub(crate) fn of(document: &Document, source: Source<'_>) -> Self {
        let mut counted = Self::default();
        for figure in document.figures() {
            *match Shown::of(figure, source) {
                Shown::Claims(Verdict::Verified) => &mut counted.verified,
                Shown::Claims(Verdict::Failed) => &mut counted.disproved,
                Shown::Claims(Verdict::Unverified) => &mut counted.unverified,
                Shown::Claims(Verdict::Waived) => &mut counted.waived,
                Shown::Refused => &mut counted.refused,
                Shown::NotObservable => &mut counted.not_observable,
            } += 1;
        }
        counted
    }
}

/// `3 verified, 1 disproved, 2 unverified, 0 waived, 1 refused, 4 not observable`
impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verified, disproved, unverified, waived, refused, not_observable } = self;
        write!(
            f,
            "{verified} verified, {disproved} disproved, {unverified} unverified, {waived} waived, \
             {refused} refused, {not_observable} not observable"
        )
    }
}

/// The page as Markdown.
pub(crate) fn page(document: &Document, source: Source<'_>) -> String {
    let mut text = format!(
        "<!-- Written by `cargo xtask report --documents`; do not edit. A test makes it again from `{0}.yaml`, and from \
         `{0}/` where a run is kept there. -->\n\n# {1}\n\n{2}\n\n",
        source.service,
        document.title,
        document.about.trim(),
    );
    text.push_str(&evidence(source));
    let counted = Counted::of(document, source);
    text.push_str(&format!("\nOf {} figures: {counted}.\n", document.figures().count()));
    text.push_str(MEANINGS);
    for section in &document.sections {
        text.push_str(&format!("\n## {}\n\n", section.heading));
        text.push_str("| what the documents say | what stands for it now | what can be shown |\n");
        text.push_str("| --- | --- | --- |\n");
        for figure in &section.figures {
            let row = [cell(&figure.says), stands(figure), shown(figure, source)];
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
    }
    text
}

const MEANINGS: &str = "
*Verified*: every check of the claims that stand for it passed in this run. *Disproved*: one failed. *Unverified*: it is \
not known, for the reason beside it. *Waived*: someone accepts for a while that it is not verified. *Refused*: a spec \
that says so gets an error, so that no service is made of it. *Not observable*: nothing that Proofline can look at shows \
whether it is true.
";

/// Whose evidence it is.
fn evidence(source: Source<'_>) -> String {
    let Some(kept) = source.kept else {
        return "There is no evidence of the spec as it is, so that every claim is unverified. \
                `cargo xtask report --documents` takes it from a run.\n"
            .to_owned();
    };
    let manifest = &kept.manifest;
    let commit = match (&manifest.commit, manifest.dirty) {
        (None, _) => "outside a repository".to_owned(),
        (Some(commit), false) => format!("`{commit}`"),
        (Some(commit), true) => format!("`{commit}`, with changes that were not committed"),
    };
    let rows = [
        ("service", format!("{} {}", manifest.service, manifest.spec_version)),
        ("environment", manifest.environment.clone()),
        ("run", format!("`{}`", manifest.run)),
        ("ended", manifest.finished_at.clone()),
        ("commit", commit),
        ("spec", format!("`{}`", manifest.spec_digest)),
        ("manifest", format!("`{}`", kept.digest())),
        (
            "verdict of the whole",
            format!("{}; {}", kept.readiness.overall.name(), kept.readiness.counts),
        ),
    ];
    let mut text = "| evidence | |\n| --- | --- |\n".to_owned();
    for (name, value) in rows {
        text.push_str(&format!("| {name} | {} |\n", cell(&value)));
    }
    text
}

fn stands(figure: &Figure) -> String {
    let what = match (&figure.refused, figure.claims.as_slice()) {
        (Some(code), _) => {
            let title =
                code_named(code).map_or_else(String::new, |code| format!(": {}", code.title()));
            format!("{code}{title}")
        }
        (None, []) => "nothing".to_owned(),
        (None, claims) => claims.join(", "),
    };
    let note = figure.note.as_ref().map_or_else(String::new, |note| format!("<br>{}", cell(note)));
    format!("{}{note}", cell(&what))
}

fn shown(figure: &Figure, source: Source<'_>) -> String {
    let shown = Shown::of(figure, source);
    let why = match shown {
        Shown::Refused => vec!["a spec that says so gets this error".to_owned()],
        Shown::Claims(_) if figure.claims.is_empty() => {
            let reason = figure.unclaimed.iter();
            reason.map(|reason| cell(&format!("no claim says it: {reason}"))).collect()
        }
        Shown::NotObservable => figure.not_observable.iter().map(|reason| cell(reason)).collect(),
        // Of those that hold nothing is told where another one decides.
        Shown::Claims(worst) => figure
            .claims
            .iter()
            .filter_map(|id| match source.verdict(id) {
                None => Some("no evidence".to_owned()),
                Some(found) if found.verdict == worst => {
                    let id =
                        if figure.claims.len() > 1 { format!("{id}: ") } else { String::new() };
                    Some(cell(&format!("{id}{}", found.reason)))
                }
                Some(_) => None,
            })
            .collect(),
    };
    let mut why = why;
    why.dedup();
    format!("**{}**: {}", shown.name(), why.join("<br>"))
}
