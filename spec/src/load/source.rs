//! The files that a document was put together from, and where everything in it stands.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::node::{Entry, FileId, Mapping, Node, Value};
use super::offset::offset_in_scalar;
use crate::diagnostic::Lines;
use crate::diagnostic::Location;

/// One file: its path, its text and where its lines begin.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path, as it was given.
    pub path: Arc<str>,
    /// The whole text.
    pub text: String,
    lines: Lines,
}

impl SourceFile {
    pub(super) fn new(path: &str, text: String) -> Self {
        Self { path: path.into(), lines: Lines::new(&text), text }
    }

    /// The place that these bytes of the file cover.
    pub fn location(&self, span: Range<usize>) -> Location {
        Location::in_source(&self.path, &self.text, &self.lines, span)
    }
}

/// Answers where a part of a document stands. Parts are named by their path of keys and list positions.
#[derive(Debug, Clone)]
pub struct SourceMap {
    path: Arc<str>,
    files: Vec<SourceFile>,
    root: Node,
    broken: BTreeSet<Vec<String>>,
}

impl SourceMap {
    pub(super) fn new(path: &str, files: Vec<SourceFile>, root: Option<Node>) -> Self {
        let empty = Node { id: 0, file: 0, span: 0..0, value: Value::Mapping(Mapping::default()) };
        Self { path: path.into(), files, root: root.unwrap_or(empty), broken: BTreeSet::new() }
    }

    /// Path of the file that was loaded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Every file, the one that was loaded first.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The whole document as it is written, before types are considered.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The value at a path, as it is written.
    pub fn node<S: AsRef<str>>(&self, path: &[S]) -> Option<&Node> {
        self.root.descend(path)
    }

    /// Whether the document has something at this path, be it right, wrong or unreadable.
    pub fn has<S: AsRef<str>>(&self, path: &[S]) -> bool {
        self.node(path).is_some() || self.is_broken(path)
    }

    /// The place of a value; of the nearest part around it when there is none.
    pub fn span_of<S: AsRef<str>>(&self, path: &[S]) -> Location {
        for length in (1..=path.len()).rev() {
            if let Some(node) = self.node(&path[..length]) {
                if length < path.len() {
                    return self.key_of(&path[..length]);
                }
                return self.location(node.file, node.span.clone());
            }
        }
        self.location(self.root.file, 0..0)
    }

    /// The place of a key; of the value for an element of a list.
    pub fn key_of<S: AsRef<str>>(&self, path: &[S]) -> Location {
        match self.entry(path) {
            Some(entry) => self.location(entry.file, entry.key_span.clone()),
            None => self.span_of(path),
        }
    }

    /// The place of `length` bytes of a text, `offset` bytes after its beginning, also inside quotes
    /// and in texts of several lines.
    pub fn locate_in_string<S: AsRef<str>>(
        &self,
        path: &[S],
        offset: usize,
        length: usize,
    ) -> Location {
        let Some(node) = self.node(path) else { return self.span_of(path) };
        let (Some(text), Some(file)) = (node.text(), self.files.get(node.file)) else {
            return self.span_of(path);
        };
        let raw = file.text.get(node.span.clone()).unwrap_or_default();
        let start = offset_in_scalar(raw, text, offset);
        let end = offset_in_scalar(raw, text, offset + length).max(start);
        self.location(node.file, node.span.start + start..node.span.start + end)
    }

    /// A value as it is written.
    pub fn raw(&self, node: &Node) -> &str {
        let text = self.files.get(node.file).and_then(|file| file.text.get(node.span.clone()));
        text.unwrap_or_default().trim_end()
    }

    /// The place of these bytes of a file.
    pub fn location(&self, file: FileId, span: Range<usize>) -> Location {
        match self.files.get(file) {
            Some(source) => source.location(span),
            None => Location::whole_file(self.path.clone()),
        }
    }

    /// Whether this part, or one that holds it, was left out of the typed document because it is wrong.
    /// Its consequences need no diagnostic of their own.
    pub fn is_broken<S: AsRef<str>>(&self, path: &[S]) -> bool {
        if self.broken.is_empty() {
            return false;
        }
        let path: Vec<String> = path.iter().map(|segment| segment.as_ref().to_owned()).collect();
        (0..=path.len()).any(|length| self.broken.contains(&path[..length]))
    }

    /// Whether anything below this path was left out because it is wrong.
    pub fn is_broken_within<S: AsRef<str>>(&self, path: &[S]) -> bool {
        if self.broken.is_empty() {
            return false;
        }
        let path: Vec<String> = path.iter().map(|segment| segment.as_ref().to_owned()).collect();
        self.broken.range(path.clone()..).next().is_some_and(|first| first.starts_with(&path))
    }

    pub(super) fn set_broken(&mut self, broken: BTreeSet<Vec<String>>) {
        self.broken = broken;
    }

    fn entry<S: AsRef<str>>(&self, path: &[S]) -> Option<&Entry> {
        let (last, parent) = path.split_last()?;
        self.root.descend(parent)?.mapping()?.entry(last.as_ref())
    }
}
