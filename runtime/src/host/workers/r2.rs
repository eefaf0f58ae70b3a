//! R2 as the store of files.

use bytes::Bytes;
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, JsValue};

use super::glue;
use crate::binding::blob::{Blob, BlobError, BlobStore};
use crate::binding::{Reply, later};

/// An R2 bucket.
pub(super) struct R2(SendWrapper<JsValue>);

impl R2 {
    /// The bucket behind this binding.
    pub(super) fn new(bucket: JsValue) -> Self {
        Self(SendWrapper::new(bucket))
    }
}

fn failed(error: &JsValue) -> BlobError {
    BlobError(glue::explain(error))
}

impl BlobStore for R2 {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Blob>, BlobError>> {
        later(SendWrapper::new(async move {
            let found = glue::r2_get(&self.0, key).await.map_err(|error| failed(&error))?;
            if found.is_undefined() {
                return Ok(None);
            }
            let text = |at| glue::field(&found, at).as_string().unwrap_or_default();
            let bytes = glue::field(&found, 2).dyn_into::<Uint8Array>();
            let bytes = bytes.map_err(|_| BlobError("its answer is not understood".to_owned()))?;
            let bytes = Bytes::from(bytes.to_vec());
            Ok(Some(Blob { bytes, media_type: text(0), etag: text(1) }))
        }))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        media_type: &'a str,
    ) -> Reply<'a, Result<String, BlobError>> {
        later(SendWrapper::new(async move {
            let etag = glue::r2_put(&self.0, key, &bytes, media_type).await;
            Ok(etag.map_err(|error| failed(&error))?.as_string().unwrap_or_default())
        }))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), BlobError>> {
        later(SendWrapper::new(async move {
            glue::r2_delete(&self.0, key).await.map_err(|error| failed(&error))
        }))
    }

    fn ping(&self) -> Reply<'_, Result<(), BlobError>> {
        later(SendWrapper::new(async {
            let found = glue::r2_get(&self.0, "proofline:ping").await;
            found.map(drop).map_err(|error| failed(&error))
        }))
    }
}
