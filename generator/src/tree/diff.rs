//! Shows what would change in a file.

use similar::TextDiff;

use super::{Change, ChangeKind};

/// A unified diff of a change, from the file as it is to the file as it should be; at most `most_lines` lines.
pub fn unified_diff(change: &Change, most_lines: usize) -> String {
    let (old, new) = match &change.kind {
        ChangeKind::Create { new, .. } => ("", new.as_str()),
        ChangeKind::Update { old, new } => (old.as_str(), new.as_str()),
        ChangeKind::Remove { old } => (old.as_str(), ""),
    };
    let (from, to) = match change.kind {
        ChangeKind::Create { .. } => ("/dev/null".to_owned(), format!("b/{}", change.path)),
        ChangeKind::Update { .. } => (format!("a/{}", change.path), format!("b/{}", change.path)),
        ChangeKind::Remove { .. } => (format!("a/{}", change.path), "/dev/null".to_owned()),
    };
    let text = TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .header(&from, &to)
        .to_string();
    let lines = text.lines().count();
    if lines <= most_lines {
        return text;
    }
    let mut short: String = text.lines().take(most_lines).flat_map(|line| [line, "\n"]).collect();
    short.push_str(&format!("… and {} more lines\n", lines - most_lines));
    short
}
