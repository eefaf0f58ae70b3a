//! A file of R2, written in parts of one size; what is smaller than a part is one request. What is left of an upload
//! whose isolate ended, the bucket's own rule removes after a week.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use js_sys::Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::{failed, glue};
use crate::binding::blob::{BlobError, Upload};
use crate::binding::{Reply, later};
use crate::upload::parts::Parts;

/// The size of every part but the last: the least that R2 takes, since a part is in memory twice.
pub(super) const PART: usize = 5 * 1024 * 1024;
/// So many files are written at once by an isolate, which has 128 MB. Who comes then is told to come again.
const MOST: usize = 6;

static WRITING: AtomicUsize = AtomicUsize::new(0);

/// A place among those that write, given back when it is dropped.
struct Place;

impl Place {
    fn take() -> Result<Self, BlobError> {
        if WRITING.fetch_add(1, Ordering::Relaxed) < MOST {
            return Ok(Self);
        }
        WRITING.fetch_sub(1, Ordering::Relaxed);
        Err(BlobError(format!("{MOST} files are being written by this isolate")))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        WRITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An upload that is under way.
struct Writing {
    bucket: SendWrapper<JsValue>,
    key: String,
    media_type: String,
    /// Begun with the first part.
    begun: Option<SendWrapper<JsValue>>,
    sent: SendWrapper<Array>,
    cut: Parts,
    written: u64,
    broken: bool,
    _place: Place,
}

pub(super) fn begin(
    bucket: JsValue,
    key: &str,
    media_type: &str,
) -> Result<Box<dyn Upload>, BlobError> {
    Ok(Box::new(Writing {
        bucket: SendWrapper::new(bucket),
        key: key.to_owned(),
        media_type: media_type.to_owned(),
        begun: None,
        sent: SendWrapper::new(Array::new()),
        cut: Parts::new(PART),
        written: 0,
        broken: false,
        _place: Place::take()?,
    }))
}

impl Writing {
    async fn send(&mut self, part: Bytes) -> Result<(), BlobError> {
        if self.begun.is_none() {
            let begun = glue::r2_begin(&self.bucket, &self.key, &self.media_type).await;
            self.begun = Some(SendWrapper::new(begun.map_err(|error| failed(&error))?));
        }
        let Some(begun) = &self.begun else { return Ok(()) };
        let sent = glue::r2_part(begun, self.sent.length() + 1, &part).await;
        self.sent.push(&sent.map_err(|error| failed(&error))?);
        Ok(())
    }

    fn whole(&self) -> Result<(), BlobError> {
        if self.broken {
            return Err(BlobError("a part before was not kept".to_owned()));
        }
        Ok(())
    }

    async fn take(&mut self, mut piece: Bytes) -> Result<(), BlobError> {
        self.whole()?;
        self.written += piece.len() as u64;
        while !piece.is_empty() {
            if let Some(part) = self.cut.fill(&mut piece) {
                // Said beforehand: whoever stops waiting in the middle has lost a part.
                self.broken = true;
                self.send(part).await?;
                self.broken = false;
            }
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<String, BlobError> {
        self.whole()?;
        let last = self.cut.last();
        if self.begun.is_some() && !last.is_empty() {
            self.send(last.clone()).await?;
        }
        let done = match &self.begun {
            Some(begun) => glue::r2_complete(begun, &self.sent).await,
            None => glue::r2_put(&self.bucket, &self.key, &last, &self.media_type).await,
        };
        let etag = done.map_err(|error| failed(&error))?.as_string().unwrap_or_default();
        self.begun = None;
        Ok(etag)
    }
}

impl Upload for Writing {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), BlobError>> {
        later(SendWrapper::new(self.take(piece)))
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Result<String, BlobError>> {
        later(SendWrapper::new(async move { self.complete().await }))
    }

    fn abort(mut self: Box<Self>) -> Reply<'static, Result<(), BlobError>> {
        later(SendWrapper::new(async move {
            let Some(begun) = self.begun.take() else { return Ok(()) };
            glue::r2_abort(&begun).await.map_err(|error| failed(&error))
        }))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(begun) = self.begun.take() else { return };
        wasm_bindgen_futures::spawn_local(async move {
            // What cannot be told to the bucket now is for its own rule to remove.
            let _ = glue::r2_abort(&begun).await;
        });
    }
}
