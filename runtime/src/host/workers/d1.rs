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
        let from = From::constraint(from.as_ref()).to_owned();
        Box::pin(SendWrapper::new(async move {
            let answer = glue::d1(&self.0, &batch, &from).await;
            let answer = answer.map_err(|error| glue::explain(&error))?;
            Ok(Sent::read(&answer.as_string().unwrap_or_default()))
        }))
    }
}
