//! From a tree to a typed document: every type error in one run, and a document without the wrong parts.

use std::collections::{BTreeSet, HashSet};

use serde::de::DeserializeOwned;

use super::decode::{DecodeError, Kind, Level, NodeDeserializer};
use super::explain::explain;
use super::node::{Entry, Mapping, Node, NodeId, Value};
use super::source::SourceMap;
use super::suggest::nearest;
use crate::diagnostic::Diagnostic;
use crate::document::{Environment, Lock, Service};

/// After this many errors the rest is not looked for.
const MOST_ERRORS: usize = 100;

/// A document that can be loaded.
pub trait Document: DeserializeOwned {
    /// What stands in for required keys of the root that are missing, so that the rest can be checked.
    const STAND_INS: &'static str;
}

impl Document for Service {
    const STAND_INS: &'static str = "\
proofline: v1
service: {name: unnamed, version: 0.0.0, summary: unnamed}
targets: []
";
}

impl Document for Environment {
    const STAND_INS: &'static str = "\
proofline: v1
environment: unnamed
target: native
";
}

impl Document for Lock {
    const STAND_INS: &'static str = "\
proofline: v1
environment: unnamed
";
}

/// Decodes again and again, leaving out what does not fit, until the rest fits.
pub(super) fn decode<T: Document>(
    source: &mut SourceMap,
    unread: Vec<Vec<String>>,
    stand_ins: &[Entry],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    let mut left_out = LeftOut { paths: unread.into_iter().collect(), ..LeftOut::default() };
    for _ in 0..MOST_ERRORS {
        let root = NodeDeserializer {
            node: source.root(),
            left_out: &left_out.nodes,
            stand_ins: &left_out.stand_ins(source.root(), stand_ins),
            level: Level::Root,
        };
        let error = match T::deserialize(root) {
            Ok(document) => {
                source.set_broken(left_out.paths);
                return Some(document);
            }
            Err(error) => error,
        };
        if !left_out.is_consequence(source, &error) {
            diagnostics.push(explain(source, &error));
        }
        if !left_out.leave_out(source, &error) {
            break;
        }
    }
    source.set_broken(left_out.paths);
    None
}

/// What is left out of the typed document because it is wrong.
#[derive(Default)]
struct LeftOut {
    nodes: HashSet<NodeId>,
    paths: BTreeSet<Vec<String>>,
    missing_at_root: Vec<&'static str>,
}

impl LeftOut {
    fn stand_ins(&self, root: &Node, all: &[Entry]) -> Vec<Entry> {
        let absent = |entry: &&Entry| match root.child(&entry.key) {
            Some(node) => {
                self.nodes.contains(&node.id) && self.missing_at_root.contains(&&*entry.key)
            }
            None => self.missing_at_root.contains(&&*entry.key),
        };
        all.iter().filter(absent).cloned().collect()
    }

    /// Whether the error is only there because something else was left out before.
    fn is_consequence(&self, source: &SourceMap, error: &DecodeError) -> bool {
        let path = error.path();
        match &error.kind {
            Kind::MissingKey(key) => {
                let there = source.node(&path).and_then(|node| node.child(key)).is_some();
                // What a merge key was meant to bring in is not missing as well.
                let merged = source.node(&path).and_then(|node| node.child("<<")).is_some();
                there || merged || self.is_left_out(&path, key)
            }
            // A section of which every part was left out looks like one without content.
            Kind::WrongType(_) if source.node(&path).is_some_and(|n| n.value == Value::Null) => {
                self.paths.iter().any(|left| left.len() > path.len() && left.starts_with(&path))
            }
            Kind::Other(_) => source.is_some_left_out_below(&path, &self.nodes),
            _ => false,
        }
    }

    fn is_left_out(&self, path: &[String], key: &str) -> bool {
        let mut path = path.to_vec();
        path.push(key.to_owned());
        self.paths.contains(&path)
    }

    /// Leaves out the smallest part that holds the error; `false` when nothing is left to leave out.
    fn leave_out(&mut self, source: &SourceMap, error: &DecodeError) -> bool {
        let path = error.path();
        if let (Kind::MissingKey(key), []) = (&error.kind, path.as_slice()) {
            let new = !self.missing_at_root.contains(key);
            self.missing_at_root.push(key);
            return new;
        }
        if let (Kind::UnknownKey(key, known), Some((_, parent))) = (&error.kind, path.split_last())
            && let Some(meant) = nearest(key, known.iter().copied())
        {
            // A key that is only misspelt is not missing as well.
            let mut meant_path = parent.to_vec();
            meant_path.push(meant.to_owned());
            self.paths.insert(meant_path);
        }
        let Some(node) = source.node(&path).filter(|_| !path.is_empty()) else { return false };
        self.paths.insert(path);
        self.nodes.insert(node.id)
    }
}

impl SourceMap {
    fn is_some_left_out_below(&self, path: &[String], left_out: &HashSet<NodeId>) -> bool {
        let entries = self.node(path).and_then(Node::mapping).map(Mapping::entries);
        entries.is_some_and(|entries| entries.iter().any(|e| left_out.contains(&e.node.id)))
    }
}
