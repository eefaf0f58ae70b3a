//! Text in documents that people read as Markdown.

/// What stands in a cell or an item: one line, and nothing that begins another cell or is read as HTML. Code stays code.
pub(crate) fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cell_is_one_line_that_ends_nothing() {
        assert_eq!(super::cell("a | `b`\n  <script>"), "a \\| `b` &lt;script>");
    }
}
