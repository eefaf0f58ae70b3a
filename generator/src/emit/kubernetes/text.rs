//! A manifest as a text: a header that says what it is for, and comments above the lines that need one.

use super::Manifest;
use crate::Input;
use crate::emit::{self, BoxError};

/// A comment above the first line with this text (without its indentation).
pub(super) type Note = (&'static str, &'static str);

/// A line that a comment belongs to is not there: a defect of the emitter.
#[derive(Debug, thiserror::Error)]
#[error("{path} has no line `{line}` to comment on")]
struct NoLine {
    path: String,
    line: &'static str,
}

pub(super) fn render(input: &Input<'_>, manifest: &Manifest) -> Result<String, BoxError> {
    let yaml = serde_saphyr::to_string(&manifest.value)?;
    let mut lines: Vec<String> = yaml.lines().map(str::to_owned).collect();
    for (line, comment) in manifest.notes {
        let found =
            lines.iter().position(|text| text.trim_start().trim_start_matches("- ") == *line);
        let Some(index) = found else {
            return Err(NoLine { path: manifest.path.clone(), line }.into());
        };
        let indent = lines[index].len() - lines[index].trim_start().len();
        lines.insert(index, format!("{}# {comment}", " ".repeat(indent)));
    }
    let mut text = format!("# {}\n", emit::banner(input));
    for purpose in &manifest.purpose {
        text.push_str(&format!("# {purpose}\n"));
    }
    text.push_str(&lines.join("\n"));
    text.push('\n');
    Ok(text)
}
