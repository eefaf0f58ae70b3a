//! From bytes to typed documents, with the place of every key and value, and every problem in one run.

mod decode;
mod digest;
mod discover;
mod explain;
mod include;
mod node;
mod offset;
mod read;
mod recover;
mod scalar;
mod source;
mod suggest;
mod syntax;
mod typed;
mod yaml;

use std::path::Path;

pub use digest::service_digest;
pub use discover::{find_environments, find_locks, find_services, lock_path};
pub use include::normal;
pub use node::{Entry, FileId, Mapping, Node, NodeId, Value};
pub use source::{SourceFile, SourceMap};
pub use suggest::{known_words, nearest};
pub use typed::Document;

use crate::diagnostic::{self, Diagnostic};
use crate::document::{Environment, Lock, Service};
use include::Assembly;

/// A document that was loaded: as much of it as fits the types, and everything that does not.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The typed document without the parts that are wrong; `None` when nothing of it can be read.
    pub document: Option<T>,
    /// What is wrong, sorted by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// Where everything stands.
    pub source: SourceMap,
}

impl<T> Loaded<T> {
    /// Whether anything forbids going on.
    pub fn has_errors(&self) -> bool {
        diagnostic::has_errors(&self.diagnostics)
    }
}

/// Loads a service and the files that it includes.
pub fn load_service(path: &Path) -> Loaded<Service> {
    load(path)
}

/// Loads an environment.
pub fn load_environment(path: &Path) -> Loaded<Environment> {
    load(path)
}

/// Loads the ids of an environment's resources.
pub fn load_lock(path: &Path) -> Loaded<Lock> {
    load(path)
}

/// Loads a document of any kind.
pub fn load<T: Document>(path: &Path) -> Loaded<T> {
    let shown = path.to_string_lossy();
    match read::read(path) {
        Ok(text) => load_text(&shown, text),
        Err(problem) => failed(&shown, *problem),
    }
}

/// Loads a document from bytes that were read before; `path` names it and anchors what it includes.
pub fn load_bytes<T: Document>(path: &str, bytes: Vec<u8>) -> Loaded<T> {
    match read::decode(path, bytes) {
        Ok(text) => load_text(path, text),
        Err(problem) => failed(path, *problem),
    }
}

fn failed<T>(path: &str, problem: Diagnostic) -> Loaded<T> {
    Loaded {
        document: None,
        diagnostics: vec![problem],
        source: SourceMap::new(path, Vec::new(), None),
    }
}

fn load_text<T: Document>(path: &str, text: String) -> Loaded<T> {
    let mut assembly = Assembly::new();
    let root = assembly.assemble(path, text);
    let Assembly { files, mut diagnostics, unread, .. } = assembly;
    let readable = root.is_some();
    let mut source = SourceMap::new(path, files, root);
    let stand_ins = stand_ins::<T>();
    let document = readable
        .then(|| typed::decode(&mut source, unread, &stand_ins, &mut diagnostics))
        .flatten();
    diagnostic::sort(&mut diagnostics);
    Loaded { document, diagnostics, source }
}

fn stand_ins<T: Document>() -> Vec<Entry> {
    let source = SourceFile::new("", T::STAND_INS.to_owned());
    let root = yaml::parse(&source, &source.text, usize::MAX, usize::MAX / 2, &mut Vec::new());
    match root.map(|root| root.map(|node| node.value)) {
        Ok(Some(Value::Mapping(mapping))) => mapping.into_entries(),
        _ => Vec::new(),
    }
}
