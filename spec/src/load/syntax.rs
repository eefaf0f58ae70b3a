//! What breaks a rule of YAML, in the words of people who write specs, and where it began.

use granit_parser::{ErrorKind, ScanError};

use super::source::SourceFile;
use crate::diagnostic::{Diagnostic, codes};

/// A broken rule of YAML.
pub(super) struct SyntaxError {
    /// What to say about it.
    pub(super) diagnostic: Diagnostic,
    /// The byte at which it began, which can be long before the byte at which it showed.
    pub(super) began: usize,
}

/// Turns the parser's words about `text` into ours. `deepest` is the number of levels that are allowed.
pub(super) fn explain(
    source: &SourceFile,
    text: &str,
    error: &ScanError,
    deepest: usize,
) -> SyntaxError {
    let at = text.floor_char_boundary(error.marker().byte_offset().unwrap_or(0).min(text.len()));
    let next = text[at..].chars().next();
    let problem = |at: usize, message: String, fix: &str| {
        let width = text[at..].chars().next().map_or(0, char::len_utf8);
        let diagnostic = Diagnostic::new(codes::SYNTAX, source.location(at..at + width), message)
            .because("this part was not read any further")
            .fix(fix);
        SyntaxError { diagnostic, began: at }
    };
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            let mut found = problem(
                at,
                "the document is nested too deeply".into(),
                "look for a bracket that is not closed",
            );
            found.diagnostic.code = codes::TOO_DEEP;
            let cause =
                format!("lists and mappings stand more than {deepest} levels deep in each other");
            found.diagnostic.cause = Some(cause);
            found
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            let end = at + next.map_or(0, char::len_utf8);
            let tab = text[..end].rfind('\t').unwrap_or(at);
            problem(tab, "a tab stands where YAML wants spaces".into(), "indent with spaces")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => problem(
            at,
            format!("the bracket `{open}` is closed by `{close}`"),
            "use brackets in pairs",
        ),
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => problem(
            opening_quote(text, at).unwrap_or(at),
            "a quote is not closed".into(),
            "close the quote; inside single quotes, write `''` for one",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => problem(
            at,
            "text follows a closed quote".into(),
            "quote the whole value; inside single quotes, write `''` for one",
        ),
        ErrorKind::MappingValueNotAllowed => match colon_without_space(text, at) {
            Some(colon) => problem(
                colon,
                "a space is missing after the colon".into(),
                "write `key: value`, with a space after the colon",
            ),
            None => second_colon(&problem, at),
        },
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator
            if next == Some(':') =>
        {
            second_colon(&problem, at)
        }
        ErrorKind::ExpectedFlowMappingSeparator => separator(source, text, &problem, at, '}'),
        ErrorKind::ExpectedFlowSequenceSeparator => separator(source, text, &problem, at, ']'),
        ErrorKind::InvalidColonPlacement | ErrorKind::UnclosedFlowCollection { .. }
            if open_bracket(text, at).is_some() =>
        {
            separator(source, text, &problem, at, '}')
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            problem(at, format!("the bracket `{open}` is not closed"), "close it")
        }
        ErrorKind::SimpleKeyExpected => {
            let line = text[at..].lines().next().unwrap_or_default().trim();
            let message = "a key without `:`".to_owned();
            if line.contains(':') {
                problem(at, message, "write `key: value`, with a space after the colon")
            } else {
                problem(at, message, &format!("write `{line}:`, or indent the line"))
            }
        }
        kind => {
            let (message, fix) = words(kind, &text[..at]);
            problem(at, message, fix)
        }
    }
}

fn words(kind: &ErrorKind, before: &str) -> (String, &'static str) {
    match kind {
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("a value cannot begin with `{character}`"), "put the value in quotes")
        }
        ErrorKind::UnknownAnchor => {
            ("an alias names nothing".into(), "put the text in quotes, or define the anchor first")
        }
        ErrorKind::ExpectedBlockMappingKey if before.ends_with("- ") => (
            "a list item stands among keys".into(),
            "remove the `-`, or indent the item below its key",
        ),
        ErrorKind::ExpectedBlockMappingKey => (
            "this line does not belong to the mapping around it".into(),
            "align it with the other keys",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "an unknown escape stands in double quotes".into(),
            "use single quotes, or write `\\\\` for a backslash",
        ),
        other => (format!("the text is not YAML: {other}"), "repair the place"),
    }
}

fn second_colon(problem: &dyn Fn(usize, String, &str) -> SyntaxError, at: usize) -> SyntaxError {
    problem(
        at,
        "a second `: ` stands in one value".into(),
        "put a value that holds `: ` in quotes, or begin a new line",
    )
}

/// A separator or a closing bracket is missing; the bracket that is still open says which.
fn separator(
    source: &SourceFile,
    text: &str,
    problem: &dyn Fn(usize, String, &str) -> SyntaxError,
    at: usize,
    close: char,
) -> SyntaxError {
    let Some(open) = open_bracket(text, at) else {
        let message = format!("a `,` or `{close}` is missing");
        return problem(at, message, "separate what stands in brackets with `, `");
    };
    let bracket = &text[open..=open];
    let mut found = problem(open, format!("the bracket `{bracket}` is not closed"), "close it");
    found.diagnostic =
        found.diagnostic.label(source.location(at..at + 1), "this cannot stand in it");
    found
}

/// The last bracket of an earlier line that is still open at `at`, as far as can be said of a broken text.
fn open_bracket(text: &str, at: usize) -> Option<usize> {
    let mut open: Vec<usize> = Vec::new();
    let mut quote = None;
    let mut comment = false;
    // Whether a value can begin here: only then do quotes and, outside brackets, brackets mean anything.
    let mut begins = true;
    let mut previous = '\n';
    for (index, c) in text[..at].char_indices() {
        if comment {
            comment = c != '\n';
        } else if let Some(mark) = quote {
            quote = Some(mark).filter(|mark| *mark != c);
        } else {
            match c {
                '#' if previous.is_whitespace() => comment = true,
                '\'' | '"' if begins => quote = Some(c),
                '[' | '{' if begins || !open.is_empty() => open.push(index),
                ']' | '}' => drop(open.pop()),
                _ => {}
            }
            begins = matches!(c, '[' | '{' | ',' | '\n')
                || (c == ' ' && (begins || matches!(previous, ':' | '-')));
        }
        previous = c;
    }
    open.pop().filter(|open| text[*open..at].contains('\n'))
}

/// The last quote before `at` that begins a value.
fn opening_quote(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    before.rmatch_indices(['\'', '"']).map(|(index, _)| index).find(|index| {
        *index == 0 || before[..*index].ends_with([' ', '[', '{', ',', '\n', '-', ':'])
    })
}

/// The colon of `key:value` in the line before the one of `at`, which then continues that text.
fn colon_without_space(text: &str, at: usize) -> Option<usize> {
    let line = text[..at].rfind('\n')?;
    let start = text[..line].rfind('\n').map_or(0, |end| end + 1);
    let before = &text[start..line];
    let colon = before.find(':')?;
    let key = before[..colon].trim();
    let is_key =
        !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    let glued = before[colon + 1..].starts_with(|c: char| !c.is_whitespace());
    (is_key && glued).then_some(start + colon)
}
