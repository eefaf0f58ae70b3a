//! Enums whose variant is named by the key `kind` beside the variant's own keys.
//!
//! Serde's own form of this (`#[serde(tag = "kind")]`) reads the whole value into a buffer first, so an error inside it
//! has no place any more. Here `kind` is read first and the variant from the same source after it: errors keep
//! their place. A source that gives `kind` later works too, at the price of that buffer for what stands before it.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, VariantAccess, Visitor,
};
use serde_json::Value;

/// The key that names the variant.
const TAG: &str = "kind";

/// Gives an enum with `#[serde(remote = "Self")]` the form with `kind`, in both directions.
macro_rules! tagged_by_kind {
    ($type:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::document::tagged::KindFirst(deserializer))
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let outside = Self::serialize(self, serde_json::value::Serializer)
                    .map_err(serde::ser::Error::custom)?;
                $crate::document::tagged::kind_inside(outside).serialize(serializer)
            }
        }
    };
}
pub(super) use tagged_by_kind;

/// Turns `{"sql": {"migrations": …}}` into `{"kind": "sql", "migrations": …}`.
pub(super) fn kind_inside(outside: Value) -> Value {
    let Value::Object(outside) = outside else { return outside };
    let mut inside = serde_json::Map::new();
    for (kind, content) in outside {
        inside.insert(TAG.to_owned(), Value::String(kind));
        if let Value::Object(members) = content {
            inside.extend(members);
        }
    }
    Value::Object(inside)
}

/// Shows a mapping with `kind` to a visitor that expects an enum.
pub(super) struct KindFirst<D>(pub(super) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for KindFirst<D> {
    type Error = D::Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Tagged { variants, visitor })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Tagged<V> {
    variants: &'static [&'static str],
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Tagged<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with the key `kind`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let mut before = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == TAG {
                let kind = map.next_value_seed(Kind { variants: self.variants })?;
                let rest = Rest { before: before.into_iter(), value: None, after: map };
                return self.visitor.visit_enum(Chosen { kind, rest });
            }
            before.push((key, map.next_value()?));
        }
        Err(A::Error::missing_field(TAG))
    }
}

/// Reads the value of `kind`, which must be one of the variants.
struct Kind {
    variants: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Kind {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kind")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<&'static str, E> {
        let known = self.variants.iter().copied().find(|kind| *kind == text);
        known.ok_or_else(|| E::unknown_variant(text, self.variants))
    }
}

/// A variant that was chosen, and its content.
struct Chosen<A> {
    kind: &'static str,
    rest: Rest<A>,
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Chosen<A> {
    type Error = A::Error;
    type Variant = Rest<A>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Rest<A>), A::Error> {
        let kind = seed.deserialize(StrDeserializer::new(self.kind))?;
        Ok((kind, self.rest))
    }
}

/// The entries besides `kind`.
struct Rest<A> {
    before: std::vec::IntoIter<(String, Value)>,
    value: Option<Value>,
    after: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.before.next() {
            Some((key, value)) => {
                self.value = Some(value);
                seed.deserialize(StrDeserializer::new(&key)).map(Some)
            }
            None => self.after.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.after.next_value_seed(seed),
        }
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Rest<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, A::Error> {
        Err(A::Error::custom("a kind with one unnamed value cannot be written"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(A::Error::custom("a kind with unnamed values cannot be written"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::document::{Auth, Binding};

    #[test]
    fn kind_may_stand_anywhere_and_is_written_first() {
        let first = r#"{"kind":"sql","migrations":"m","statement_timeout":"5s"}"#;
        let last = r#"{"migrations":"m","statement_timeout":"5s","kind":"sql"}"#;
        let binding: Binding = serde_json::from_str(first).unwrap();
        assert_eq!(serde_json::from_str::<Binding>(last).unwrap(), binding);
        assert_eq!(serde_json::to_string(&binding).unwrap(), first);
    }

    #[test]
    fn errors_inside_keep_their_place() {
        let text = "{\"kind\":\"kv\",\n \"braker\":1}";
        let error = serde_json::from_str::<Binding>(text).unwrap_err();
        assert_eq!(error.line(), 2, "{error}");
        assert!(error.to_string().contains("unknown field `braker`"), "{error}");
    }

    #[test]
    fn unknown_and_missing_kinds_are_refused() {
        let unknown = serde_json::from_str::<Auth>(r#"{"kind":"magic"}"#).unwrap_err();
        assert!(unknown.to_string().contains("unknown variant `magic`"), "{unknown}");
        let missing = serde_json::from_str::<Auth>(r#"{"header":"X"}"#).unwrap_err();
        assert!(missing.to_string().contains("missing field `kind`"), "{missing}");
    }
}
