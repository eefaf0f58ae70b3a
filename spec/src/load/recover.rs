//! Goes on after a broken rule of YAML: the smallest part around it is blanked, and the rest is read.

use std::ops::Range;

/// A part of a document that is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its bytes: whole lines.
    pub(super) span: Range<usize>,
    /// Its keys from the root: a section, or a section and a name in it.
    pub(super) path: Vec<String>,
}

/// The name of a section, or the whole section, that holds the byte `at`.
pub(super) fn part_around(text: &str, at: usize) -> Option<Part> {
    let lines: Vec<Line<'_>> = lines(text);
    let here = lines.iter().rposition(|line| line.start <= at)?;
    let section = lines[..=here].iter().rposition(|line| line.depth == Some(0))?;
    let name = key(lines[section].text)?;
    let inner = lines[section + 1..].iter().find_map(|line| line.depth).filter(|depth| *depth > 0);
    if let (Some(depth), true) = (inner, here > section) {
        let entry =
            lines[..=here].iter().rposition(|line| line.depth.is_some_and(|d| d <= depth))?;
        if lines[entry].depth == Some(depth) {
            let line = lines[entry].text;
            let child = key(line).unwrap_or_else(|| line.trim().to_owned());
            let span = block(text, &lines, entry, depth);
            return Some(Part { span, path: vec![name, child] });
        }
    }
    Some(Part { span: block(text, &lines, section, 0), path: vec![name] })
}

/// The same text with a part replaced by spaces, so that everything else keeps its place.
pub(super) fn blank(text: &str, span: &Range<usize>) -> String {
    let spaces = |piece: &str| -> String {
        piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
    };
    let (before, rest) = text.split_at(span.start);
    let (part, after) = rest.split_at(span.len());
    format!("{before}{}{after}", spaces(part))
}

/// From a line to the next one that is not deeper.
fn block(text: &str, lines: &[Line<'_>], first: usize, depth: usize) -> Range<usize> {
    let end = lines[first + 1..].iter().find(|line| line.depth.is_some_and(|d| d <= depth));
    lines[first].start..end.map_or(text.len(), |line| line.start)
}

struct Line<'t> {
    start: usize,
    text: &'t str,
    /// Number of spaces and tabs before it; `None` for empty lines and comments.
    depth: Option<usize>,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let trimmed = line.trim_start_matches([' ', '\t']);
            let content = !trimmed.trim().is_empty() && !trimmed.starts_with('#');
            let found =
                Line { start, text: line, depth: content.then_some(line.len() - trimmed.len()) };
            start += line.len();
            found
        })
        .collect()
}

/// The key at the beginning of a line.
fn key(line: &str) -> Option<String> {
    let (key, _) = line.split_once(':')?;
    let key = key.trim().trim_matches(['"', '\'']);
    let plain = !key.is_empty() && !key.starts_with(['-', '[', '{', '&', '*', '!']);
    plain.then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a: 1\nroutes:\n  GET /x:\n    op: [\n  # note\n  GET /y:\n    op: 1\nb: 2\n";

    #[test]
    fn smallest_named_part_is_taken() {
        let part = part_around(TEXT, TEXT.find('[').unwrap()).unwrap();
        assert_eq!(part.path, ["routes", "GET /x"]);
        assert_eq!(&TEXT[part.span.clone()], "  GET /x:\n    op: [\n  # note\n");
        let rest = blank(TEXT, &part.span);
        assert_eq!(rest.len(), TEXT.len());
        assert!(rest.ends_with("  GET /y:\n    op: 1\nb: 2\n"));
    }

    #[test]
    fn section_is_taken_when_the_problem_is_in_its_own_line() {
        let part = part_around(TEXT, TEXT.find("b:").unwrap()).unwrap();
        assert_eq!(part.path, ["b"]);
        assert!(part_around("- x\n", 1).is_none());
    }
}
