//! A place in a file, with the text of its line, so that it can be shown without the file.

use std::ops::Range;
use std::sync::Arc;

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Path of the file, as it was given.
    pub file: Arc<str>,
    /// The line on which it begins.
    pub line: usize,
    /// The column at which it begins.
    pub column: usize,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// The text of the line on which it begins, for a code frame.
    pub text: Arc<str>,
    /// How many characters of that line it covers; at least 1.
    pub width: usize,
}

/// Longest piece of a line that is kept for a code frame, in bytes.
const LONGEST_LINE: usize = 4096;

impl Location {
    /// The place that `span` covers in `source`, the text of `file`.
    pub fn in_source(file: &Arc<str>, source: &str, lines: &Lines, span: Range<usize>) -> Self {
        let start = floor_boundary(source, span.start);
        let end = floor_boundary(source, span.end).max(start);
        let line = lines.line_of(start);
        let line_start = lines.start_of(line);
        let rest = &source[line_start..];
        let line_length = rest.find('\n').unwrap_or(rest.len()).min(LONGEST_LINE);
        let line_end = floor_boundary(source, line_start + line_length).max(start);
        let text = source[line_start..line_end].trim_end_matches('\r');
        let width = source[start..end.clamp(start, line_end)].trim_end().chars().count();
        Self {
            file: file.clone(),
            line: line + 1,
            column: source[line_start..start].chars().count() + 1,
            span: start..end,
            text: text.into(),
            width: width.max(1),
        }
    }

    /// The whole of a file that has no text to show.
    pub fn whole_file(file: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: 1, column: 1, span: 0..0, text: "".into(), width: 1 }
    }
}

/// Where the lines of a text begin.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Finds the lines of a text.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        Self { starts }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn start_of(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or_default()
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let source = "a: 1\nü: wrong\n";
        let at = source.find("wrong").unwrap();
        let place =
            Location::in_source(&"x".into(), source, &Lines::new(source), at..at + "wrong".len());
        assert_eq!((place.line, place.column, place.width), (2, 4, 5));
        assert_eq!(&*place.text, "ü: wrong");
    }

    #[test]
    fn place_beyond_the_end_is_the_end() {
        let place = Location::in_source(&"x".into(), "ab", &Lines::new("ab"), 90..99);
        assert_eq!((place.line, place.column, place.width), (1, 3, 1));
    }
}
