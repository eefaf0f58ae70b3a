//! A YAML document as a tree in which every key and every value knows its place.

use std::collections::HashMap;
use std::ops::Range;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique in its document.
    pub id: NodeId,
    /// Which file it is in.
    pub file: FileId,
    /// Its bytes in that file.
    pub span: Range<usize>,
    /// The value.
    pub value: Value,
}

/// The number of a value in its document.
pub type NodeId = usize;

/// The number of a file among those that a document was put together from.
pub type FileId = usize;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that only fits without sign.
    Unsigned(u64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
}

/// A mapping in the order of the document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Which file the key is in.
    pub file: FileId,
    /// The key's bytes in that file.
    pub key_span: Range<usize>,
    /// The value.
    pub node: Node,
}

impl Mapping {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The key with its value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).and_then(|index| self.entries.get(*index))
    }

    /// Every key with its value.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds an entry, unless the key is there already: then the entry that is there is returned.
    pub fn insert(&mut self, entry: Entry) -> Result<(), &Entry> {
        if let Some(index) = self.index.get(&entry.key) {
            return Err(&self.entries[*index]);
        }
        self.index.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    pub(super) fn node_mut(&mut self, key: &str) -> Option<&mut Node> {
        let index = *self.index.get(key)?;
        self.entries.get_mut(index).map(|entry| &mut entry.node)
    }

    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.entries.iter_mut().map(|entry| &mut entry.node)
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

impl Node {
    /// The mapping, if it is one.
    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value under a key of a mapping or at a position of a list.
    pub fn child(&self, segment: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(mapping) => mapping.get(segment),
            Value::List(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        }
    }

    /// The value that a path of keys and positions leads to.
    pub fn descend<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| node.child(segment.as_ref()))
    }

    /// What kind of value it is, as a phrase for messages.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("the number {value}"),
            Value::Unsigned(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(text) if text.chars().count() > 40 => "a text".to_owned(),
            Value::Text(text) => format!("the text `{}`", text.escape_debug()),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}
