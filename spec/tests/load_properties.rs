//! Properties of loading: whatever the bytes, it ends, says where, and never panics.

use std::path::Path;

use proofline_spec::diagnostic::{Styles, render_all, to_json, to_sarif};
use proofline_spec::document::{Environment, Service};
use proofline_spec::load::{self, Document, Loaded};
use proptest::prelude::*;

#[expect(clippy::unwrap_used, reason = "a test without its input fails")]
fn luna() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("services/luna/service.yaml");
    std::fs::read(path).unwrap()
}

/// Loads and renders, and checks that every place lies in its file and that nothing is wrong without a word.
fn load_all<T: Document>(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let length = bytes.len();
    let loaded: Loaded<T> = load::load_bytes("service.yaml", bytes);
    for diagnostic in &loaded.diagnostics {
        prop_assert!(!diagnostic.message.is_empty());
        prop_assert!(diagnostic.primary.line >= 1 && diagnostic.primary.column >= 1);
        prop_assert!(diagnostic.primary.span.end <= length.max(1) * 3);
        prop_assert!(diagnostic.fix.is_some(), "{diagnostic:?}");
    }
    prop_assert!(loaded.document.is_some() || !loaded.diagnostics.is_empty());
    let text = render_all(&loaded.diagnostics, &Styles::plain());
    prop_assert_eq!(text.is_empty(), loaded.diagnostics.is_empty());
    to_json(&loaded.diagnostics);
    to_sarif(&loaded.diagnostics);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        load_all::<Service>(bytes.clone())?;
        load_all::<Environment>(bytes)?;
    }

    #[test]
    fn arbitrary_yaml_like_text_never_panics(
        text in "([a-z]{1,3}: |- |\\[|\\]|\\{|\\}|\"|'|\\||>|&a |\\*a|!x |#|,|\n|  |\t|---\n|[0-9]|é){0,60}"
    ) {
        load_all::<Service>(text.into_bytes())?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn truncated_spec_never_panics(share in 0.0..1.0_f64) {
        let mut bytes = luna();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a small length")]
        let length = (bytes.len() as f64 * share) as usize;
        bytes.truncate(length);
        load_all::<Service>(bytes)?;
    }

    #[test]
    fn mutated_spec_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut bytes = luna();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        load_all::<Service>(bytes)?;
    }

    #[test]
    fn spec_without_some_lines_never_panics(
        lines in proptest::collection::vec(any::<prop::sample::Index>(), 1..12)
    ) {
        let text = String::from_utf8(luna()).unwrap();
        let mut kept: Vec<&str> = text.lines().collect();
        for line in lines {
            let at = line.index(kept.len());
            kept.remove(at);
        }
        load_all::<Service>(kept.join("\n").into_bytes())?;
    }
}
