//! Many mutants in one text: each place asks which mutant the process is, and goes on as it was otherwise.

use std::ops::Range;

use anyhow::{Result, bail};

use super::Mutant;

/// The module that tells which mutant the process is; it is added to the copy.
pub(super) const MODULE: &str = "\
//! Which mutant this process is.

/// Whether it is this one.
pub fn is(id: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| chosen().unwrap_or_default()) == id
}

#[cfg(not(target_arch = \"wasm32\"))]
fn chosen() -> Option<String> {
    std::env::var(\"PROOFLINE_MUTANT\").ok()
}

/// A worker has no variables of a process; its entry point says which one it is.
#[cfg(target_arch = \"wasm32\")]
fn chosen() -> Option<String> {
    let name = wasm_bindgen::JsValue::from_str(\"PROOFLINE_MUTANT\");
    js_sys::Reflect::get(&js_sys::global(), &name).ok()?.as_string()
}
";
/// What the entry point of a worker begins with in the copy. Imports come before everything else, wherever they stand.
pub(super) const ENTRY: &str = "\
import { env as given } from \"cloudflare:workers\";
globalThis.PROOFLINE_MUTANT = given.PROOFLINE_MUTANT;
";
/// The variable by which a process or a worker is one; it stands in nothing that is released.
pub(super) const VARIABLE: &str = "PROOFLINE_MUTANT";

/// A place in a text and its mutants.
struct Place<'a> {
    range: Range<usize>,
    mutants: Vec<&'a Mutant>,
}

/// The text with every mutant in it.
pub(super) fn with_all(text: &str, mutants: &[&Mutant]) -> Result<String> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for mutant in mutants {
        let range = place(text, mutant)?;
        match places.iter_mut().find(|place| place.range == range) {
            Some(place) => place.mutants.push(mutant),
            None => places.push(Place { range, mutants: vec![mutant] }),
        }
    }
    // What holds others comes before them.
    places.sort_by_key(|place| (place.range.start, usize::MAX - place.range.end));
    for (at, outer) in places.iter().enumerate() {
        for inner in &places[at + 1..] {
            if inner.range.start < outer.range.end && inner.range.end > outer.range.end {
                let name = |place: &Place<'_>| place.mutants[0].id.clone();
                bail!(
                    "the mutants `{}` and `{}` overlap; let one hold the other",
                    name(outer),
                    name(inner)
                );
            }
        }
    }
    Ok(render(text, 0..text.len(), &places))
}

/// Where a mutant's text stands; it must stand there once.
pub(super) fn place(text: &str, mutant: &Mutant) -> Result<Range<usize>> {
    let mut found = text.match_indices(&mutant.find);
    let (Some((start, _)), None) = (found.next(), found.next()) else {
        bail!(
            "the mutant `{}` looks for a text that stands {} times in {}, and must stand there once:\n{}",
            mutant.id,
            text.matches(&mutant.find).count(),
            mutant.path().display(),
            mutant.find
        );
    };
    Ok(start..start + mutant.find.len())
}

fn render(text: &str, range: Range<usize>, places: &[Place<'_>]) -> String {
    let mut out = String::new();
    let mut at = range.start;
    let mut rest = places;
    while let Some((place, further)) = rest.split_first() {
        let inside = further.iter().take_while(|inner| inner.range.start < place.range.end).count();
        let (inner, later) = further.split_at(inside);
        rest = later;
        out.push_str(&text[at..place.range.start]);
        at = place.range.end;
        out.push_str(&choice(&render(text, place.range.clone(), inner), &place.mutants));
    }
    out.push_str(&text[at..range.end]);
    out
}

/// An expression stays one, also before a `.` or an operator; statements stay statements.
fn choice(original: &str, mutants: &[&Mutant]) -> String {
    let mut text = String::new();
    for mutant in mutants {
        text.push_str(&format!(
            "if crate::mutant::is({:?}) {{ {} }} else ",
            mutant.id, mutant.with
        ));
    }
    text.push_str(&format!("{{ {original} }}"));
    if original.trim_end().ends_with([';', '}']) { text } else { format!("({text})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(id: &str, find: &str, with: &str) -> Mutant {
        Mutant {
            id: id.to_owned(),
            what: String::new(),
            check: "feature/security/jwt".parse().unwrap(),
            claims: Vec::new(),
            steps: Vec::new(),
            overlaps: Vec::new(),
            services: Vec::new(),
            suites: Vec::new(),
            file: "a.rs".to_owned(),
            find: find.to_owned(),
            with: with.to_owned(),
        }
    }

    fn all(text: &str, mutants: &[Mutant]) -> Result<String> {
        with_all(text, &mutants.iter().collect::<Vec<_>>())
    }

    #[test]
    fn without_its_name_the_text_is_what_it_was() {
        let text = "fn f(a: u8) -> bool { check(a); a < 3 }";
        let made = all(text, &[mutant("x", "check(a);", ""), mutant("y", "a < 3", "a <= 3")]);
        assert_eq!(
            made.unwrap(),
            "fn f(a: u8) -> bool { if crate::mutant::is(\"x\") {  } else { check(a); } \
             (if crate::mutant::is(\"y\") { a <= 3 } else { a < 3 }) }"
        );
    }

    #[test]
    fn mutants_of_one_place_and_of_a_part_of_it_live_together() {
        let made = all(
            "a && b",
            &[mutant("x", "b", "true"), mutant("y", "a && b", "a"), mutant("z", "a && b", "b")],
        );
        assert_eq!(
            made.unwrap(),
            "(if crate::mutant::is(\"y\") { a } else if crate::mutant::is(\"z\") { b } else \
             { a && (if crate::mutant::is(\"x\") { true } else { b }) })"
        );
    }

    #[test]
    fn text_that_is_not_there_once_is_told() {
        for find in ["c", "a"] {
            let error = all("a && a && b", &[mutant("x", find, "")]).unwrap_err().to_string();
            assert!(error.contains("`x`") && error.contains("must stand there once"), "{error}");
        }
        let error = all("a && b && c", &[mutant("x", "a && b", "a"), mutant("y", "b && c", "b")]);
        assert!(error.unwrap_err().to_string().contains("overlap"));
    }
}
