//! Regular expressions of schemas and variables.
//!
//! Most come from the generator as a finished automaton, so that a service that runs on the edge does
//! not carry a compiler of regular expressions with it; the few whose automaton would be large are
//! compiled when they are first used. Both take time in proportion to the text and no more.

use std::fmt;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex_automata::Input;
use regex_automata::dfa::Automaton as _;
use regex_automata::dfa::sparse::DFA;

/// What decides whether a text matches.
type Matcher = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// A regular expression.
pub struct Pattern {
    source: &'static str,
    automaton: &'static str,
    prepare: fn(&'static str, &'static str) -> Option<Matcher>,
    matcher: OnceLock<Option<Matcher>>,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

impl Pattern {
    /// A regular expression that is compiled when it is first used.
    pub const fn new(source: &'static str) -> Self {
        Self { source, automaton: "", prepare: compile, matcher: OnceLock::new() }
    }

    /// A regular expression and its automaton: a sparse DFA of `regex-automata` in base64.
    pub const fn automaton(source: &'static str, automaton: &'static str) -> Self {
        Self { source, automaton, prepare: read, matcher: OnceLock::new() }
    }

    /// As it is written.
    pub const fn source(&self) -> &'static str {
        self.source
    }

    /// Whether a text matches; nothing matches an expression that cannot be read.
    pub fn matches(&self, text: &str) -> bool {
        let matcher = self.matcher.get_or_init(|| (self.prepare)(self.source, self.automaton));
        matcher.as_ref().is_some_and(|matches| matches(text))
    }
}

// A function behind a pointer is linked only where a pattern points to it: a service whose patterns
// all have their automaton has no compiler in it.
fn compile(source: &'static str, _: &'static str) -> Option<Matcher> {
    let regex = regex::Regex::new(source).ok()?;
    Some(Box::new(move |text| regex.is_match(text)))
}

fn read(_: &'static str, automaton: &'static str) -> Option<Matcher> {
    // Kept as long as the pattern itself, which is static.
    let bytes: &'static [u8] = STANDARD_NO_PAD.decode(automaton).ok()?.leak();
    let (dfa, _) = DFA::from_bytes(bytes).ok()?;
    Some(Box::new(move |text| {
        let found = dfa.try_search_fwd(&Input::new(text).earliest(true));
        found.is_ok_and(|found| found.is_some())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The automaton of `^v[0-9]+$`, as the generator writes it.
    const VERSION: &str = "cnVzdC1yZWdleC1hdXRvbWF0YS1kZmEtc3BhcnNlAAD//gAAAgAAAAAAAAAGAAAABgAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAQEBAQEBAQEBAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAwQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEUAAAAAEAAAAAAAAAAAEAAAAAAAAAAAGAAAAAAAAAAQAAAAAAAAAAAgADAwAAQQAAAAAAAAAAAgABAQAAMgAAABIAAAAAAgABAQAAMgAAAAAAAAAAAQAAAAAAAAAAAAAAAAADAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEBAQEBAQEBAQEAAAAAAAAAAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEAAAAAAQABAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGAAAA////////////////AAAAAAAAAAAjAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEgAAAAkAAAASAAAAEgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn an_automaton_says_the_same_as_its_expression() {
        static READ: Pattern = Pattern::automaton("^v[0-9]+$", VERSION);
        static COMPILED: Pattern = Pattern::new("^v[0-9]+$");
        for text in ["v1", "v204", "", "v", "1", "v1 ", "xv1", "v1\n", "v\u{661}", "V1", "v1v2"] {
            assert_eq!(READ.matches(text), COMPILED.matches(text), "{text:?}");
        }
        assert!(READ.matches("v1") && !READ.matches("w1"));
    }

    #[test]
    fn what_cannot_be_read_matches_nothing() {
        static BROKEN: Pattern = Pattern::new("(");
        static DAMAGED: Pattern = Pattern::automaton("a", "AAAA");
        for text in ["", "(", "a"] {
            assert!(!BROKEN.matches(text) && !DAMAGED.matches(text), "{text}");
        }
    }
}
