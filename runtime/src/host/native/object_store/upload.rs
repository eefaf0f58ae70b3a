//! A file of a bucket, written in parts of one size: one is sent while the next is filled, and no more are in memory.
//! What is smaller than a part is one request.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attributes, MultipartUpload, ObjectStore as _, PutMultipartOptions, PutOptions,
};
use tokio::task::JoinHandle;

use super::{Bucket, etag, failed, labelled};
use crate::binding::blob::{BlobError, Upload};
use crate::binding::{Reply, later};
use crate::upload;

/// The size of every part but the last: some stores take no others in one file.
const PART: usize = 10 * 1024 * 1024;

/// An upload that is under way.
pub(super) struct Parts {
    bucket: Bucket,
    path: Path,
    attributes: Attributes,
    /// Begun with the first part.
    begun: Option<Box<dyn MultipartUpload>>,
    cut: upload::parts::Parts,
    sending: Option<JoinHandle<object_store::Result<()>>>,
    written: u64,
    broken: bool,
}

impl Parts {
    pub(super) fn new(bucket: Bucket, path: Path, media_type: &str) -> Self {
        let (attributes, cut) = (labelled(media_type), upload::parts::Parts::new(PART));
        let (begun, sending) = (None, None);
        Self { bucket, path, attributes, begun, cut, sending, written: 0, broken: false }
    }

    /// Waits until the part before has arrived.
    async fn sent(&mut self) -> Result<(), BlobError> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        let sent = sending.await;
        self.sending = None;
        let sent = sent.map_err(|error| BlobError(error.to_string()))?;
        sent.map_err(|error| failed(&error))
    }

    async fn send(&mut self, part: Bytes) -> Result<(), BlobError> {
        self.sent().await?;
        if self.begun.is_none() {
            let attributes = self.attributes.clone();
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let begin = || self.bucket.store.put_multipart_opts(&self.path, options.clone());
            self.begun = Some(self.bucket.or_create(begin).await?);
        }
        if let Some(begun) = &mut self.begun {
            self.sending = Some(tokio::spawn(begun.put_part(part.into())));
        }
        Ok(())
    }

    async fn take(&mut self, mut piece: Bytes) -> Result<(), BlobError> {
        if self.broken {
            return Err(BlobError("a part before was not kept".to_owned()));
        }
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
        if self.broken {
            return Err(BlobError("a part before was not kept".to_owned()));
        }
        let last = self.cut.last();
        if self.begun.is_none() {
            let attributes = self.attributes.clone();
            let options = PutOptions { attributes, ..PutOptions::default() };
            let put =
                || self.bucket.store.put_opts(&self.path, last.clone().into(), options.clone());
            return Ok(etag(self.bucket.or_create(put).await?.e_tag));
        }
        if !last.is_empty() {
            self.send(last).await?;
        }
        self.sent().await?;
        let Some(begun) = &mut self.begun else { return Ok(String::new()) };
        let completed = begun.complete().await.map_err(|error| failed(&error))?;
        self.begun = None;
        Ok(etag(completed.e_tag))
    }
}

/// A part that arrives after the end of its upload would be kept, and paid for.
async fn undo(
    begun: Option<Box<dyn MultipartUpload>>,
    sending: Option<JoinHandle<object_store::Result<()>>>,
) -> Result<(), BlobError> {
    if let Some(sending) = sending {
        sending.abort();
        // That it was stopped is what we wanted.
        let _ = sending.await;
    }
    let Some(mut begun) = begun else { return Ok(()) };
    begun.abort().await.map_err(|error| failed(&error))
}

impl Upload for Parts {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), BlobError>> {
        later(self.take(piece))
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Result<String, BlobError>> {
        later(async move { self.complete().await })
    }

    fn abort(mut self: Box<Self>) -> Reply<'static, Result<(), BlobError>> {
        later(undo(self.begun.take(), self.sending.take()))
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let (begun, sending) = (self.begun.take(), self.sending.take());
        if begun.is_none() {
            return;
        }
        // Outside of a runtime nothing can be sent: what is left is for the bucket's own rule to remove.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(undo(begun, sending));
        }
    }
}
