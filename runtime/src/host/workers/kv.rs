//! Workers KV as the key-value store. What is written is seen elsewhere within a minute, not at once.

use std::time::Duration;

use bytes::Bytes;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::clock::millis;
use super::glue;
use crate::binding::kv::{KeyValueStore, StoreError};
use crate::binding::{Reply, later, ready};
use crate::context::hash_token;

/// The longest key that the platform takes, in bytes.
const LONGEST_KEY: usize = 512;

/// A KV namespace.
pub(super) struct Kv(SendWrapper<JsValue>);

impl Kv {
    /// The namespace behind this binding.
    pub(super) fn new(store: JsValue) -> Self {
        Self(SendWrapper::new(store))
    }
}

/// A key as it is stored: one that is too long by its hash.
fn stored(key: &str) -> String {
    if key.len() > LONGEST_KEY { format!("sha256:{}", hash_token(key)) } else { key.to_owned() }
}

fn failed(error: &JsValue) -> StoreError {
    StoreError(glue::explain(error))
}

impl KeyValueStore for Kv {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Bytes>, StoreError>> {
        later(SendWrapper::new(async move {
            let value =
                glue::kv_get(&self.0, &stored(key)).await.map_err(|error| failed(&error))?;
            Ok(value.map(|value| Bytes::from(value.to_vec())))
        }))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<(), StoreError>> {
        later(SendWrapper::new(async move {
            glue::kv_put(&self.0, &stored(key), &value, millis(ttl))
                .await
                .map_err(|error| failed(&error))
        }))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), StoreError>> {
        later(SendWrapper::new(async move {
            glue::kv_delete(&self.0, &stored(key)).await.map_err(|error| failed(&error))
        }))
    }

    fn sweep(&self) -> Reply<'_, Result<u64, StoreError>> {
        // The platform drops what is over by itself.
        ready(Ok(0))
    }

    fn is_consistent(&self) -> bool {
        false
    }

    fn ping(&self) -> Reply<'_, Result<(), StoreError>> {
        later(SendWrapper::new(async {
            glue::kv_get(&self.0, "proofline:ping").await.map(drop).map_err(|error| failed(&error))
        }))
    }
}
