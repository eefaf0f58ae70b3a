//! Puts the files together that a document includes. Sections are joined; a name has one definition.

use std::path::{Path, PathBuf};

use super::node::{Entry, Node, Value};
use super::read::read;
use super::recover::{blank, part_around};
use super::source::SourceFile;
use super::yaml::parse;
use crate::diagnostic::{Diagnostic, codes};

/// A document being put together.
pub(super) struct Assembly {
    /// Every file that was read.
    pub(super) files: Vec<SourceFile>,
    /// What was found on the way.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Paths of parts that are not YAML.
    pub(super) unread: Vec<Vec<String>>,
    next_id: usize,
}

/// After so many broken rules of YAML in a file the rest of it is not read.
const MOST_SYNTAX_ERRORS: usize = 10;

/// Keys that describe the file itself, not the service.
const OF_THE_FILE: [&str; 2] = ["include", "proofline"];

impl Assembly {
    pub(super) fn new() -> Self {
        Self { files: Vec::new(), diagnostics: Vec::new(), unread: Vec::new(), next_id: 0 }
    }

    /// Parses a text as the first file and takes in what it includes.
    pub(super) fn assemble(&mut self, path: &str, text: String) -> Option<Node> {
        let root = self.parse(path, text)?;
        if root.mapping().is_none() {
            let place = self.files.first()?.location(root.span.clone());
            let problem = Diagnostic::new(
                codes::NOT_A_MAPPING,
                place,
                format!("the document is {}, not a mapping", root.describe()),
            )
            .fix("write `key: value` lines");
            self.diagnostics.push(problem);
            return None;
        }
        Some(self.take_in(root, &mut vec![normal(Path::new(path))]))
    }

    /// Parses a file. After a broken rule of YAML, the part around it is left out and the rest is read.
    fn parse(&mut self, path: &str, text: String) -> Option<Node> {
        let file = self.files.len();
        let source = SourceFile::new(path, text);
        // Room for every node of the largest document keeps numbers unique without counting.
        let first_id = self.next_id;
        self.next_id += 1_000_000;
        let mut readable = source.text.clone();
        let mut root = None;
        for _ in 0..MOST_SYNTAX_ERRORS {
            let mut found = Vec::new();
            match parse(&source, &readable, file, first_id, &mut found) {
                Ok(tree) => {
                    // A file whose every part was left out is not empty.
                    found
                        .retain(|d: &Diagnostic| readable == source.text || d.code != codes::EMPTY);
                    self.diagnostics.extend(found);
                    root = tree;
                    break;
                }
                Err(error) => {
                    let deep = error.diagnostic.code == codes::TOO_DEEP;
                    self.diagnostics.push(error.diagnostic);
                    let Some(part) = part_around(&readable, error.began).filter(|_| !deep) else {
                        break;
                    };
                    readable = blank(&readable, &part.span);
                    self.unread.push(part.path);
                }
            }
        }
        self.files.push(source);
        root
    }

    fn take_in(&mut self, mut root: Node, chain: &mut Vec<PathBuf>) -> Node {
        let Some(includes) = root.child("include").and_then(Node::list) else { return root };
        let includes = includes.to_vec();
        for include in includes {
            let Some(name) = include.text() else { continue };
            if let Some(other) = self.included(name, &include, chain) {
                self.join(&mut root, other);
            }
        }
        root
    }

    fn included(&mut self, name: &str, at: &Node, chain: &mut Vec<PathBuf>) -> Option<Node> {
        let from = self.files.get(at.file)?;
        let place = from.location(at.span.clone());
        let folder = Path::new(&*from.path).parent().unwrap_or(Path::new(""));
        let path = normal(&folder.join(name));
        if chain.contains(&path) {
            let message = format!("`{name}` is already being included");
            let problem = Diagnostic::new(codes::INCLUDE_CYCLE, place, message)
                .because("files cannot include each other in a circle")
                .fix("move what both need into a third file");
            self.diagnostics.push(problem);
            return None;
        }
        if chain.len() > 16 || self.files.len() > 64 {
            return None;
        }
        let shown = path.to_string_lossy().replace('\\', "/");
        let text = match read(&path) {
            Ok(text) => text,
            Err(problem) => {
                let problem = Diagnostic::new(
                    codes::INCLUDE_MISSING,
                    place,
                    format!("`{name}` cannot be included"),
                )
                .because(problem.cause.unwrap_or(problem.message))
                .fix("correct the path; it is relative to the file that includes");
                self.diagnostics.push(problem);
                return None;
            }
        };
        let root = self.parse(&shown, text)?;
        chain.push(path);
        let root = self.take_in(root, chain);
        chain.pop();
        Some(root)
    }

    fn join(&mut self, into: &mut Node, other: Node) {
        let Value::Mapping(sections) = other.value else { return };
        let Value::Mapping(target) = &mut into.value else { return };
        for section in sections.into_entries() {
            if OF_THE_FILE.contains(&section.key.as_str()) {
                continue;
            }
            let joins = matches!(
                (target.get(&section.key).map(|node| &node.value), &section.node.value),
                (Some(Value::Mapping(_)), Value::Mapping(_))
            );
            if !joins {
                let copy = section.clone();
                if let Err(first) = target.insert(section) {
                    let first = first.clone();
                    self.defined_twice(&first, &copy);
                }
                continue;
            }
            let Value::Mapping(names) = section.node.value else { continue };
            let Some(Value::Mapping(known)) =
                target.node_mut(&section.key).map(|node| &mut node.value)
            else {
                continue;
            };
            for entry in names.into_entries() {
                let copy = (entry.key.clone(), entry.file, entry.key_span.clone());
                if let Err(first) = known.insert(entry) {
                    let first = first.clone();
                    let (key, file, key_span) = copy;
                    let second = Entry { key, file, key_span, node: first.node.clone() };
                    self.defined_twice(&first, &second);
                }
            }
        }
    }

    fn defined_twice(&mut self, first: &Entry, second: &Entry) {
        let (Some(a), Some(b)) = (self.files.get(first.file), self.files.get(second.file)) else {
            return;
        };
        let problem = Diagnostic::new(
            codes::DEFINED_TWICE,
            b.location(second.key_span.clone()),
            format!("`{}` is defined in two files", second.key),
        )
        .because("which of the two counts would depend on the order of the files")
        .fix("remove or rename one of them")
        .label(a.location(first.key_span.clone()), "also defined here");
        self.diagnostics.push(problem);
    }
}

/// The path without `.` and `..`, as far as that can be said without looking at the disk.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
