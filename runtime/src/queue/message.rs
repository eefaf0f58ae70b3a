//! A message with its id, and one attempt to handle it.

use std::ops::Deref;

use serde_json::{Map, Value};

use crate::context::Context;

/// Members of the text that a store or a platform has of a message.
const ID: &str = "proofline_id";
const BODY: &str = "body";

/// A message. It keeps its id over all attempts, and when it is replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The id.
    pub id: String,
    /// What the sender said.
    pub body: Value,
}

impl Message {
    /// The text by which a store or a platform keeps it.
    pub fn to_text(&self) -> String {
        let mut members = Map::new();
        members.insert(ID.to_owned(), self.id.as_str().into());
        members.insert(BODY.to_owned(), self.body.clone());
        Value::Object(members).to_string()
    }

    /// The message of such a text. One that somebody else put there has the id that the store gave it.
    pub fn of(kept: Value, id: impl FnOnce() -> String) -> Self {
        match kept {
            Value::Object(mut members)
                if members.len() == 2 && members.get(ID).is_some_and(Value::is_string) =>
            {
                let id = members.remove(ID).and_then(|id| id.as_str().map(str::to_owned));
                let body = members.remove(BODY).unwrap_or_default();
                Self { id: id.unwrap_or_default(), body }
            }
            body => Self { id: id(), body },
        }
    }
}

/// One attempt to handle a message. It is also the service's [`Context`].
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    pub(crate) context: &'a Context,
    pub(crate) id: &'a str,
    pub(crate) attempt: u32,
}

impl Delivery<'_> {
    /// The message's id, the same in every attempt and when it is replayed: what a handler asks of others is done once
    /// if it says it with this id ([`crate::binding::upstream::UpstreamRequest::once`]).
    pub fn id(&self) -> &str {
        self.id
    }

    /// Which attempt it is, from 1; a message that is replayed begins anew.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl Deref for Delivery<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_keeps_its_id_in_a_store() {
        let message = Message { id: "1".to_owned(), body: json!({"to": "a|b", "body": 1}) };
        let kept = serde_json::from_str(&message.to_text()).expect("JSON");
        assert_eq!(Message::of(kept, String::new), message);
    }

    #[test]
    fn a_message_of_somebody_else_gets_the_stores_id() {
        for body in [json!({"to": "a", "body": 1}), json!({"id": 1}), json!([1]), json!("text")] {
            let message = Message::of(body.clone(), || "7-0".to_owned());
            assert_eq!(message, Message { id: "7-0".to_owned(), body });
        }
    }
}
