//! R2 as the store of files, which are read as a stream and written in parts: nothing large is in memory.

mod upload;

use std::ops::Range;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, JsValue};

use super::glue;
use crate::binding::blob::{Blob, BlobError, BlobStore, Pieces, Reading, Upload};
use crate::binding::{Reply, later, ready};

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

/// The text at this place of what was answered.
fn text(found: &JsValue, at: u32) -> String {
    glue::field(found, at).as_string().unwrap_or_default()
}

/// The number at this place: sizes and times are whole, and far below what such a number can say.
fn number(found: &JsValue, at: u32) -> u64 {
    let number = glue::field(found, at).as_f64().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let number = number as u64;
    number
}

#[expect(clippy::cast_precision_loss, reason = "no file has 2^53 bytes")]
fn float(number: u64) -> f64 {
    number as f64
}

/// A stream of the platform's; what is not read of it is given back.
struct Stream(JsValue);

impl Drop for Stream {
    fn drop(&mut self) {
        glue::leave(&self.0);
    }
}

/// What is read of a file.
enum Read {
    /// Nothing yet.
    NotYet,
    Begun(Stream),
}

/// The bytes of this range, of the file that has this entity tag.
fn pieces(bucket: JsValue, key: String, etag: String, range: Range<u64>) -> Pieces {
    let (offset, length) = (float(range.start), float(range.end.saturating_sub(range.start)));
    if range.is_empty() {
        return stream::empty().boxed();
    }
    let begun = (Read::NotYet, bucket, key, etag);
    let pieces = stream::try_unfold(begun, move |(read, bucket, key, etag)| async move {
        let stream = match read {
            Read::Begun(stream) => stream,
            Read::NotYet => {
                let reader = glue::r2_read(&bucket, &key, &etag, offset, length).await;
                Stream(reader.map_err(|error| failed(&error))?)
            }
        };
        let piece = glue::chunk(&stream.0).await.map_err(|error| failed(&error))?;
        let next = (Read::Begun(stream), bucket, key, etag);
        Ok(piece.map(|piece| (Bytes::from(piece.to_vec()), next)))
    });
    SendWrapper::new(pieces).boxed()
}

impl BlobStore for R2 {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Blob>, BlobError>> {
        later(SendWrapper::new(async move {
            let found = glue::r2_get(&self.0, key).await.map_err(|error| failed(&error))?;
            if found.is_undefined() {
                return Ok(None);
            }
            let bytes = glue::field(&found, 2).dyn_into::<Uint8Array>();
            let bytes = bytes.map_err(|_| BlobError("its answer is not understood".to_owned()))?;
            let bytes = Bytes::from(bytes.to_vec());
            Ok(Some(Blob { bytes, media_type: text(&found, 0), etag: text(&found, 1) }))
        }))
    }

    fn read<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Reading>, BlobError>> {
        later(SendWrapper::new(async move {
            let found = glue::r2_head(&self.0, key).await.map_err(|error| failed(&error))?;
            if found.is_undefined() {
                return Ok(None);
            }
            let (media_type, etag, size) = (text(&found, 0), text(&found, 1), number(&found, 2));
            let modified = Some(number(&found, 3));
            let (bucket, key, tag) = (self.0.clone(), key.to_owned(), etag.clone());
            let source = Box::new(move |range| pieces(bucket.take(), key, tag, range));
            Ok(Some(Reading { media_type, etag, size, modified, source }))
        }))
    }

    fn part(&self) -> usize {
        upload::PART
    }

    fn upload<'a>(
        &'a self,
        key: &'a str,
        media_type: &'a str,
    ) -> Reply<'a, Result<Box<dyn Upload>, BlobError>> {
        ready(upload::begin((*self.0).clone(), key, media_type))
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

    fn list<'a>(&'a self, prefix: &'a str) -> Reply<'a, Result<Vec<String>, BlobError>> {
        later(SendWrapper::new(async move {
            let found = glue::r2_list(&self.0, prefix).await.map_err(|error| failed(&error))?;
            let found = found.as_string().unwrap_or_default();
            serde_json::from_str(&found).map_err(|error| BlobError(error.to_string()))
        }))
    }

    fn ping(&self) -> Reply<'_, Result<(), BlobError>> {
        later(SendWrapper::new(async {
            let found = glue::r2_head(&self.0, "proofline:ping").await;
            found.map(drop).map_err(|error| failed(&error))
        }))
    }
}
