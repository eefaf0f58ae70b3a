//! What people see: verbs in a column on standard error, data on standard output.

mod columns;
pub(crate) mod markdown;
mod progress;

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use proofline_spec::diagnostic::Styles;

use crate::context::Context;

pub(crate) use columns::columns;
pub(crate) use progress::Progress;

const WIDTH: usize = 12;

/// How a line's verb is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As hoped.
    Good,
    /// Going on.
    Plain,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
}

/// Prints `    Verb what happened` on standard error.
pub(crate) fn line(context: &Context, tone: Tone, verb: &str, text: &str) {
    if context.quiet && tone != Tone::Bad {
        return;
    }
    let style = match tone {
        Tone::Good => Style::new().bold().fg_color(Some(AnsiColor::Green.into())),
        Tone::Plain => Style::new().bold().fg_color(Some(AnsiColor::Cyan.into())),
        Tone::Warn => Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())),
        Tone::Bad => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
    };
    let padding = " ".repeat(WIDTH.saturating_sub(verb.chars().count()));
    let text = if context.color {
        format!("{padding}{style}{verb}{style:#} {text}\n")
    } else {
        format!("{padding}{verb} {text}\n")
    };
    stderr(&text);
}

/// Prints text on standard error; a closed pipe is nobody's fault.
pub(crate) fn stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints data on standard output; a closed pipe is nobody's fault.
pub(crate) fn stdout(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Prints an error with its causes.
pub(crate) fn report_error(error: &anyhow::Error) {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    stderr(&text);
}

/// The styles of diagnostics.
pub(crate) fn styles(context: &Context) -> Styles {
    if context.color { Styles::coloured() } else { Styles::plain() }
}
