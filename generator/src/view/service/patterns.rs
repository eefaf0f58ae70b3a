//! Regular expressions as the runtime has them: with their automaton, unless it would be large.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex_automata::dfa::{StartKind, dense};

use super::literals;

/// The largest automaton that is written out, in bytes.
const LARGEST: usize = 16 * 1024;
/// How much memory may be used to find out how large it is, in bytes.
const BUDGET: usize = 512 * 1024;

/// A `Pattern`.
pub(crate) fn pattern(source: &str) -> String {
    let text = literals::text(source);
    match automaton(source) {
        Some(automaton) => format!("Pattern::automaton({text}, \"{automaton}\")"),
        None => format!("Pattern::new({text})"),
    }
}

/// The automaton of an expression in base64; `None` when it would be large, or cannot be made.
fn automaton(source: &str) -> Option<String> {
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(BUDGET))
        .determinize_size_limit(Some(BUDGET));
    let built = dense::Builder::new().configure(config.clone()).build(source).ok()?;
    // What is small can be made smaller in no time.
    let built = if built.memory_usage() <= LARGEST * 4 {
        dense::Builder::new().configure(config.minimize(true)).build(source).ok()?
    } else {
        built
    };
    let bytes = built.to_sparse().ok()?.to_bytes_little_endian();
    (bytes.len() <= LARGEST).then(|| STANDARD_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_automata_are_written_out_and_large_ones_left_to_the_runtime() {
        assert!(automaton("^v[0-9]+$").is_some());
        assert!(automaton(r"^\d{4}-\d{2}-\d{2}$").is_some());
        for source in [r"^\p{L}{1,50}$", "(a|b)*a(a|b){12}", r"\bword\b", "("] {
            assert!(automaton(source).is_none(), "{source}");
        }
    }
}
