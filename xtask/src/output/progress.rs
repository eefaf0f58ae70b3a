//! A line that shows that long work goes on: redrawn on a terminal, printed once in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Tone, line};
use crate::context::Context;

/// Work that goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows `Verb text` while work goes on.
    pub(crate) fn start(context: &Context, verb: &str, text: &str) -> Self {
        if context.quiet || !context.terminal {
            line(context, Tone::Plain, verb, text);
            return Self { bar: None };
        }
        let template = if context.color {
            "{prefix:>12.cyan.bold} {wide_msg} {elapsed:.dim}"
        } else {
            "{prefix:>12} {wide_msg} {elapsed}"
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style).with_prefix(verb.to_owned());
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar: Some(bar) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
