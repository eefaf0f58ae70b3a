//! Digests of a report's files, beside them, in the form that `sha256sum --check` reads: who changes one by hand is told.

use std::collections::BTreeMap;

use proofline_spec::evidence::Digest;

use super::contents::Contents;
use super::trouble::Trouble;

/// The file's name beside those that it is about.
pub(crate) const NAME: &str = "SHA256SUMS";
/// The report's folder in a run's.
const FOLDER: &str = "report/";
const AGAIN: &str = "make the report again from the evidence: `cargo xtask report`";

/// A line for each file: its digest and its name.
pub(crate) fn text<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let line = |(name, text): (&str, &str)| format!("{}  {name}\n", Digest::of(text.as_bytes()));
    files.map(line).collect::<Vec<_>>().concat()
}

/// What of a report is not as it was written.
pub(super) fn check(contents: &Contents) -> Vec<Trouble> {
    let there: BTreeMap<&str, Digest> = contents
        .files
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_prefix(FOLDER)?, Digest::of(bytes))))
        .filter(|(name, _)| *name != NAME)
        .collect();
    let Some(sums) = contents.files.get(&format!("{FOLDER}{NAME}")) else {
        let missing = Trouble::new(format!("{FOLDER}{NAME}"), "it is missing", AGAIN);
        return if there.is_empty() { Vec::new() } else { vec![missing] };
    };
    let sums = String::from_utf8_lossy(sums);
    let written: BTreeMap<&str, &str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    let trouble = |name: &str, cause: &str| Trouble::new(format!("{FOLDER}{name}"), cause, AGAIN);
    let changed = there
        .iter()
        .filter(|(name, digest)| {
            written.get(*name).is_none_or(|sum| sum.parse::<Digest>().as_ref() != Ok(*digest))
        })
        .map(|(name, _)| trouble(name, "it was changed after it was written"));
    let missing = written.keys().filter(|name| !there.contains_key(*name));
    let mut troubles: Vec<Trouble> =
        changed.chain(missing.map(|name| trouble(name, "it is missing"))).collect();
    if troubles.is_empty() && sums.lines().count() != there.len() {
        troubles.push(trouble(NAME, "a line of it is about no file"));
    }
    troubles
}
