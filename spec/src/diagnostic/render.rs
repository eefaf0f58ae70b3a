//! Diagnostics as text with a code frame, readable at 80 columns, with colour only when asked.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{Diagnostic, Location, SHOWN_PER_FILE, Severity, counted};

/// Widest line of prose and of a code frame.
const WIDTH: usize = 80;

/// The styles of a rendered diagnostic; plain by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Styles {
    error: Style,
    warning: Style,
    frame: Style,
    strong: Style,
}

impl Styles {
    /// No colour.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Colour for a terminal.
    pub fn coloured() -> Self {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into())).bold();
        Self {
            error: colour(AnsiColor::Red),
            warning: colour(AnsiColor::Yellow),
            frame: colour(AnsiColor::Blue),
            strong: Style::new().bold(),
        }
    }

    fn of(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
        }
    }
}

/// All diagnostics, at most [`SHOWN_PER_FILE`] of each file, and how many more there are.
pub fn render_all(diagnostics: &[Diagnostic], styles: &Styles) -> String {
    let mut text = String::new();
    for of_file in diagnostics.chunk_by(|a, b| a.primary.file == b.primary.file) {
        for diagnostic in of_file.iter().take(SHOWN_PER_FILE) {
            text.push_str(&render(diagnostic, styles));
            text.push('\n');
        }
        if let Some(more) = of_file.len().checked_sub(SHOWN_PER_FILE).filter(|n| *n > 0) {
            let file = &of_file[0].primary.file;
            let _ = writeln!(text, "and {} not shown, in {file}\n", counted(more, "problem"));
        }
    }
    text
}

/// How many errors and warnings there are: `2 errors, 1 warning`; `no problems` for none.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => "no problems".to_owned(),
        (errors, 0) => counted(errors, "error"),
        (0, warnings) => counted(warnings, "warning"),
        (errors, warnings) => {
            format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
        }
    }
}

/// One diagnostic: headline, code frames, cause, fix and the command that tells more.
pub fn render(diagnostic: &Diagnostic, styles: &Styles) -> String {
    let severity = styles.of(diagnostic.severity);
    let mut text = String::new();
    let head = format!("{}[{}]: ", diagnostic.severity.name(), diagnostic.code.id);
    let message = wrap(&diagnostic.message, WIDTH, head.len(), "  ");
    let (strong, frame) = (styles.strong, styles.frame);
    let _ = writeln!(text, "{severity}{head}{severity:#}{strong}{message}{strong:#}");
    let gutter = std::iter::once(&diagnostic.primary)
        .chain(diagnostic.labels.iter().map(|label| &label.location))
        .map(|place| place.line.to_string().len())
        .max()
        .unwrap_or(1);
    show_place(&mut text, &diagnostic.primary, "", '^', gutter, severity, frame);
    for label in &diagnostic.labels {
        show_place(&mut text, &label.location, &label.text, '-', gutter, frame, frame);
    }
    let mut note = |title: &str, content: &str| {
        let lead = format!("{:gutter$} = ", "");
        let hanging = format!("{:1$}", "", lead.len() + 2);
        let body = wrap(content, WIDTH, lead.len() + title.len() + 2, &hanging);
        let _ = writeln!(text, "{frame}{lead}{frame:#}{strong}{title}:{strong:#} {body}");
    };
    if let Some(cause) = &diagnostic.cause {
        note("why", cause);
    }
    if let Some(fix) = &diagnostic.fix {
        note("fix", &fix.text);
    }
    note("more", &format!("cargo xtask explain {}", diagnostic.code.id));
    text
}

fn show_place(
    text: &mut String,
    place: &Location,
    label: &str,
    mark: char,
    gutter: usize,
    style: Style,
    frame: Style,
) {
    let Location { file, line, column, .. } = place;
    let arrow = if mark == '^' { "-->" } else { "::>" };
    let _ = writeln!(text, "{:gutter$}{frame}{arrow}{frame:#} {file}:{line}:{column}", "");
    if place.text.is_empty() {
        return;
    }
    let (shown, before) = window(place, WIDTH.saturating_sub(gutter + 3));
    let width = place.width.min(shown.chars().count().saturating_sub(before)).max(1);
    let marks: String = std::iter::repeat_n(mark, width).collect();
    let room = WIDTH.saturating_sub(gutter + 3);
    let length = label.chars().count();
    let fits = length == 0 || before + width + 1 + length <= room;
    let beside = if fits && length > 0 { format!(" {label}") } else { String::new() };
    let _ = writeln!(text, "{:gutter$} {frame}|{frame:#}", "");
    let _ = writeln!(text, "{frame}{line:>gutter$} |{frame:#} {shown}");
    let _ = writeln!(
        text,
        "{:gutter$} {frame}|{frame:#} {:before$}{style}{marks}{beside}{style:#}",
        "", ""
    );
    if !fits {
        let before = before.min(room.saturating_sub(length));
        let _ = writeln!(
            text,
            "{:gutter$} {frame}|{frame:#} {:before$}{style}{label}{style:#}",
            "", ""
        );
    }
}

/// The piece of the line that is shown, and how many characters of it stand before the mark.
fn window(place: &Location, width: usize) -> (String, usize) {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let characters: Vec<char> = place.text.chars().map(clean).collect();
    let before = (place.column - 1).min(characters.len());
    if characters.len() <= width {
        return (characters.into_iter().collect(), before);
    }
    let room = width.saturating_sub(2);
    let start = (before + place.width + 4).saturating_sub(room).min(before.saturating_sub(4));
    let end = (start + room).min(characters.len());
    let mut shown = String::new();
    if start > 0 {
        shown.push('…');
    }
    shown.extend(&characters[start..end]);
    if end < characters.len() {
        shown.push('…');
    }
    (shown, before - start + usize::from(start > 0))
}

/// Breaks prose at spaces; the first line has `used` characters already.
fn wrap(content: &str, width: usize, used: usize, indent: &str) -> String {
    let mut text = String::new();
    let mut column = used;
    for (index, word) in content.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width {
            text.push('\n');
            text.push_str(indent);
            column = indent.len();
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{codes, location::Lines};
    use super::*;

    fn diagnostic(source: &str, at: &str) -> Diagnostic {
        let start = source.find(at).unwrap();
        let place = Location::in_source(
            &"a.yaml".into(),
            source,
            &Lines::new(source),
            start..start + at.len(),
        );
        Diagnostic::new(codes::UNKNOWN_KEY, place, "unknown key").fix("remove it")
    }

    #[test]
    fn frame_points_at_the_place() {
        let text = render(&diagnostic("a: 1\n  bad: 2\n", "bad"), &Styles::plain());
        assert_eq!(
            text,
            "error[PL0101]: unknown key\n --> a.yaml:2:3\n  |\n2 |   bad: 2\n  |   ^^^\n  = fix: remove it\n  = more: cargo xtask explain PL0101\n"
        );
    }

    #[test]
    fn long_lines_are_cut_to_eighty_columns_around_the_place() {
        let source = format!("{}bad{}", "x ".repeat(200), " y".repeat(200));
        let text = render(&diagnostic(&source, "bad"), &Styles::plain());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let caret = lines[4].find('^').map(|i| lines[4][..i].chars().count()).unwrap();
        let shown: String = lines[3].chars().skip(caret).take(3).collect();
        assert_eq!(shown, "bad");
    }

    #[test]
    fn colour_is_only_there_when_asked() {
        let diagnostic = diagnostic("a: 1", "a");
        assert!(!render(&diagnostic, &Styles::plain()).contains('\u{1b}'));
        assert!(render(&diagnostic, &Styles::coloured()).contains('\u{1b}'));
    }

    #[test]
    fn more_than_fifty_of_a_file_are_counted() {
        let many = vec![diagnostic("a: 1", "a"); 53];
        let text = render_all(&many, &Styles::plain());
        assert_eq!(text.matches("error[").count(), 50);
        assert!(text.ends_with("and 3 problems not shown, in a.yaml\n\n"), "{text}");
        assert_eq!(summary(&many), "53 errors");
    }
}
