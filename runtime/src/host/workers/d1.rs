//! The way to a D1 binding.

use futures::future::BoxFuture;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::glue;
use crate::binding::session::From;
use crate::host::d1::{Batches, Sent};

/// A D1 binding.
pub(super) struct Binding(SendWrapper<JsValue>);

impl Binding {
    /// The binding of that value.
    pub(super) fn new(database: JsValue) -> Self {
        Self(SendWrapper::new(database))
    }
}

impl Batches for Binding {
    fn send(&self, batch: String, from: Option<From>) -> BoxFuture<'_, Result<Sent, String>> {
        let from = match from {
            None => String::new(),
            Some(From::Primary) => "first-primary".to_owned(),
            Some(From::Anywhere) => "first-unconstrained".to_owned(),
            Some(From::Bookmark(bookmark)) => bookmark,
        };
        Box::pin(SendWrapper::new(async move {
            let answer = glue::d1(&self.0, &batch, &from).await;
            let answer = answer.map_err(|error| glue::explain(&error))?;
            let text = answer.as_string().unwrap_or_default();
            let (bookmark, answer) = text.split_once('\n').unwrap_or(("", &text));
            let bookmark = (!bookmark.is_empty()).then(|| bookmark.to_owned());
            Ok(Sent { answer: answer.to_owned(), bookmark })
        }))
    }
}
