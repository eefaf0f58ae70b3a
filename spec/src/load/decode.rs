//! From a tree of nodes to a typed document, with the path of whatever does not fit.

use std::collections::HashSet;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::node::{Entry, Node, NodeId, Value};

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DecodeError {
    /// Keys and list positions, the innermost first.
    reversed_path: Vec<String>,
    /// Whether the key at the end of the path is meant, not its value.
    pub(super) on_key: bool,
    /// What does not fit.
    pub(super) kind: Kind,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A key that is not known here; these are.
    UnknownKey(String, Vec<&'static str>),
    /// A word that is not one of these.
    UnknownWord(String, Vec<&'static str>),
    /// A key that must be there.
    MissingKey(&'static str),
    /// A value of another type; this was expected.
    WrongType(String),
    /// Anything else, as a sentence.
    Other(String),
}

impl DecodeError {
    fn new(kind: Kind) -> Self {
        Self { reversed_path: Vec::new(), on_key: false, kind }
    }

    /// Keys and list positions from the root.
    pub(super) fn path(&self) -> Vec<String> {
        self.reversed_path.iter().rev().cloned().collect()
    }

    fn under(mut self, segment: impl Into<String>) -> Self {
        self.reversed_path.push(segment.into());
        self
    }

    fn at_key(mut self, key: &str) -> Self {
        self.on_key = true;
        self.under(key)
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.kind, self.path())
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::WrongType(expected.to_string()))
    }
    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::WrongType(expected.to_string()))
    }
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownWord(variant.to_owned(), expected.to_vec()))
    }
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey(field.to_owned(), expected.to_vec()))
    }
    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::MissingKey(field))
    }
}

/// Hands a node to serde. Nodes in `left_out` are passed over as if they were not there.
#[derive(Clone, Copy)]
pub(super) struct NodeDeserializer<'t> {
    pub(super) node: &'t Node,
    pub(super) left_out: &'t HashSet<NodeId>,
    /// Entries that stand in for missing ones; only at the root.
    pub(super) stand_ins: &'t [Entry],
    /// Where in the document the node is.
    pub(super) level: Level,
}

/// Where in a document a node is, as far as that decides how it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The document.
    Root,
    /// A section whose entries have a `kind` that decides on their other keys.
    Kinds,
    /// An entry of such a section: `kind` is read first, wherever it stands.
    Kind,
    /// Anywhere else.
    Other,
}

impl Level {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "auth" | "bindings") => Self::Kinds,
            (Self::Kinds, _) => Self::Kind,
            _ => Self::Other,
        }
    }
}

impl<'t> NodeDeserializer<'t> {
    fn of(&self, node: &'t Node, level: Level) -> Self {
        Self { node, left_out: self.left_out, stand_ins: &[], level }
    }

    fn keeps(&self, entry: &Entry) -> bool {
        !self.left_out.contains(&entry.node.id)
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items { of: self, all: items, next: 0 }),
            Value::Mapping(mapping) => {
                let kind = mapping.entry("kind").filter(|_| self.level == Level::Kind);
                visitor.visit_map(Entries {
                    of: self,
                    kind: kind.filter(|entry| self.keeps(entry)),
                    kind_id: kind.map(|entry| entry.node.id),
                    left: mapping.entries().iter().chain(self.stand_ins),
                    current: None,
                })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.node.value {
            // Derived structs would accept a list by position, and nothing for an empty one.
            Value::Mapping(_) => self.deserialize_any(visitor),
            _ => Err(DecodeError::new(Kind::WrongType(mapping_of(fields)))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_enum(Choice { word: text, content: None, of: self }),
            Value::Mapping(mapping) => {
                let mut kept = mapping.entries().iter().filter(|entry| self.keeps(entry));
                let advice = match (kept.next(), kept.next()) {
                    (Some(Entry { key, node, .. }), None) => {
                        let choice = Choice { word: key, content: Some(node), of: self };
                        return visitor.visit_enum(choice);
                    }
                    (None, _) => "write one of them",
                    (Some(_), Some(_)) => "keep only one of them",
                };
                let expected = format!("expected exactly one of {}; {advice}", list(variants));
                Err(DecodeError::custom(expected))
            }
            _ if variants.len() == 1 => Err(DecodeError::new(Kind::WrongType(list(variants)))),
            _ => Err(DecodeError::new(Kind::WrongType(format!("one of {}", list(variants))))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// `` `a`, `b` and `c` ``, or the beginning of a long list.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn mapping_of(fields: &[&str]) -> String {
    if fields.is_empty() || fields.len() > 8 {
        return "a mapping".to_owned();
    }
    format!("a mapping with the keys {}", list(fields))
}

struct Items<'t> {
    of: NodeDeserializer<'t>,
    all: &'t [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        while let Some(item) = self.all.get(self.next) {
            let position = self.next;
            self.next += 1;
            if !self.of.left_out.contains(&item.id) {
                let value = seed.deserialize(self.of.of(item, Level::Other));
                return value.map(Some).map_err(|error| error.under(position.to_string()));
            }
        }
        Ok(None)
    }
}

struct Entries<'t> {
    of: NodeDeserializer<'t>,
    /// The entry that comes before all others.
    kind: Option<&'t Entry>,
    kind_id: Option<NodeId>,
    left: std::iter::Chain<std::slice::Iter<'t, Entry>, std::slice::Iter<'t, Entry>>,
    current: Option<&'t Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let (of, kind_id) = (self.of, self.kind_id);
        self.current = self
            .kind
            .take()
            .or_else(|| self.left.find(|entry| of.keeps(entry) && Some(entry.node.id) != kind_id));
        let Some(entry) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, DecodeError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.at_key(&entry.key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let Some(entry) = self.current.take() else {
            return Err(DecodeError::custom("a value without a key"));
        };
        let level = self.of.level.below(&entry.key);
        seed.deserialize(self.of.of(&entry.node, level)).map_err(|error| error.under(&*entry.key))
    }
}

/// One of several alternatives: a word, or a word and its content.
struct Choice<'t> {
    word: &'t str,
    content: Option<&'t Node>,
    of: NodeDeserializer<'t>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeError> {
        let word: StrDeserializer<'_, DecodeError> = self.word.into_deserializer();
        let value = seed.deserialize(word).map_err(|error| match self.content {
            Some(_) => error.at_key(self.word),
            None => error,
        })?;
        Ok((value, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<NodeDeserializer<'de>, DecodeError> {
        match self.content {
            Some(node) => Ok(self.of.of(node, Level::Other)),
            None => Err(DecodeError::custom(format!(
                "`{0}` needs a value; write `{{{0}: …}}`",
                self.word
            ))),
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(DecodeError::custom(format!(
                "`{0}` has no content; write only `{0}`",
                self.word
            ))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let content = self.content()?;
        seed.deserialize(content).map_err(|error| error.under(self.word))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        let content = self.content()?;
        content.deserialize_any(visitor).map_err(|error| error.under(self.word))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let content = self.content()?;
        content.deserialize_struct("", fields, visitor).map_err(|error| error.under(self.word))
    }
}
