//! A content security policy as the observatory reads it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Sources that let in nearly everything.
const BROAD: [&str; 8] =
    ["ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"];
/// Sources that let in what anybody wrote into a page.
const INLINE: [&str; 2] = ["'unsafe-inline'", "data:"];
/// What allows single scripts.
const NONCES: [&str; 4] = ["'sha256-", "'sha384-", "'sha512-", "'nonce-"];
/// Directives about what cannot act.
const PASSIVE: [&str; 2] = ["img-src", "media-src"];
/// Directives that may stand there twice.
const TWICE: [&str; 2] = ["report-uri", "report-to"];
/// The length of the shortest directive's name, less one.
const SHORTEST: usize = 6;

type Sources = BTreeSet<String>;

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    /// The directives, or nothing when they cannot be understood.
    directives: Option<BTreeMap<String, Sources>>,
    /// Whether one stands there twice that may.
    has_twice: bool,
}

impl Policy {
    pub(super) fn parse(text: &str) -> Self {
        let not_understood = Self { directives: None, has_twice: false };
        if text.trim().len() < SHORTEST {
            return not_understood;
        }
        let mut has_twice = false;
        let mut directives = BTreeMap::new();
        for part in text.split(';') {
            let mut words = part.split_whitespace().map(str::to_lowercase);
            let Some(name) = words.next() else { continue };
            let mut sources: Sources = words.collect();
            if sources.is_empty() && name.ends_with("-src") {
                sources.insert("'none'".to_owned());
            }
            match directives.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(sources);
                }
                Entry::Occupied(there) if TWICE.contains(&there.key().as_str()) => has_twice = true,
                Entry::Occupied(_) => return not_understood,
            }
        }
        Self { directives: Some(directives), has_twice }
    }

    /// Whether it has a directive.
    pub(super) fn says(&self, directive: &str) -> bool {
        self.directives.as_ref().is_some_and(|directives| directives.contains_key(directive))
    }

    /// What it is worth.
    pub(super) fn finding(&self) -> &'static str {
        let found = self.directives.as_ref().map_or("csp-invalid", worth);
        let is_passed = PASSED.contains(&found);
        if is_passed && self.has_twice { "csp-directive-twice" } else { found }
    }
}

/// What is not wrong in itself.
const PASSED: [&str; 4] = [
    "csp-default-src-none",
    "csp-no-unsafe",
    "csp-unsafe-in-style-only",
    "csp-insecure-scheme-in-passive-content",
];

fn worth(directives: &BTreeMap<String, Sources>) -> &'static str {
    let everything = || Sources::from(["*".to_owned()]);
    let of = |name: &str| {
        let found = directives.get(name).or_else(|| directives.get("default-src"));
        found.cloned().unwrap_or_else(everything)
    };
    let (mut scripts, mut styles, objects) = (of("script-src"), of("style-src"), of("object-src"));
    for sources in [&mut scripts, &mut styles] {
        if has_nonce(sources) {
            sources.remove("'unsafe-inline'");
        }
    }
    if scripts.contains("'strict-dynamic'") {
        if !has_nonce(&scripts) {
            return "csp-invalid";
        }
        scripts.retain(|source| {
            !BROAD.iter().any(|broad| source.starts_with(broad)) && source != "'self'"
        });
    }
    let is = |list: &[&str], source: &String| list.contains(&source.as_str());
    let unsafe_source = |source: &String| is(&BROAD, source) || is(&INLINE, source);
    let insecure = |source: &String| source.starts_with("http:") || source.starts_with("ftp:");
    let mut active = directives
        .iter()
        .filter(|(name, _)| !PASSIVE.contains(&name.as_str()) && *name != "script-src")
        .flat_map(|(_, sources)| sources)
        .chain(&scripts);
    let passive = PASSIVE.map(|name| {
        directives.get(name).or_else(|| directives.get("default-src")).cloned().unwrap_or_default()
    });
    if scripts.iter().any(unsafe_source) || objects.iter().any(|source| is(&BROAD, source)) {
        "csp-unsafe-inline"
    } else if active.any(insecure) {
        "csp-insecure-scheme"
    } else if scripts.union(&styles).any(|source| source == "'unsafe-eval'") {
        "csp-unsafe-eval"
    } else if passive.iter().flatten().any(insecure) {
        "csp-insecure-scheme-in-passive-content"
    } else if styles.iter().any(unsafe_source) {
        "csp-unsafe-in-style-only"
    } else if directives.get("default-src") == Some(&Sources::from(["'none'".to_owned()])) {
        "csp-default-src-none"
    } else {
        "csp-no-unsafe"
    }
}

fn has_nonce(sources: &Sources) -> bool {
    sources.iter().any(|source| NONCES.iter().any(|nonce| source.starts_with(nonce)))
}
