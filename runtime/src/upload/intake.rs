//! A file's way into its store: judged by its beginning, passed on piece by piece, there when it is whole.

use bytes::{Bytes, BytesMut};
use futures::stream::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use super::kind::{self, Kind};
use super::name;
use crate::binding::blob::{BlobStore, Upload as Writing};
use crate::context::hex;
use crate::definition::Upload;
use crate::problem::Failure;

/// So much is handed to the store at once: a call for each packet would cost more than the writing.
const CHUNK: usize = 256 * 1024;

/// A file that is in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its id, by which a client that resumes knows it.
    pub id: String,
    /// Its key in the store.
    pub key: String,
    /// Its name, made harmless.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// How many bytes it has.
    pub size: i64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What a client says about a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// Its name.
    pub(crate) name: Option<&'a str>,
    /// What it is.
    pub(crate) media_type: Option<&'a str>,
}

/// Takes a file. When it is refused, or its pieces end with an error, nothing of it is left.
pub(crate) async fn take<S>(
    store: &dyn BlobStore,
    upload: &Upload,
    id: &str,
    said: Said<'_>,
    mut pieces: S,
) -> Result<Received, Failure>
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let (beginning, kind) = begin(upload, said, &mut pieces).await?;
    let name = name::harmless(said.name, kind.extension)?;
    let mut writing = store.upload(id, kind.media_type).await?;
    let mut hash = Sha256::new();
    match pass_on(&mut *writing, &mut hash, beginning, pieces).await {
        Ok(()) => {}
        Err(failure) => {
            // What cannot be told to the store now is removed by itself later.
            let _ = writing.abort().await;
            return Err(failure);
        }
    }
    let size = i64::try_from(writing.written()).map_err(Failure::internal)?;
    writing.finish().await?;
    let (id, media_type) = (id.to_owned(), kind.media_type.to_owned());
    Ok(Received { key: id.clone(), id, name, media_type, size, sha256: hex(&hash.finalize()) })
}

/// The beginning of a file, as much of it as is needed to know what it is.
async fn begin<S>(
    upload: &Upload,
    said: Said<'_>,
    pieces: &mut S,
) -> Result<(BytesMut, Kind), Failure>
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let mut beginning = BytesMut::new();
    // Looked at again when there is twice as much: headers are not read anew for every packet.
    let mut look_at = 1;
    loop {
        let piece = pieces.next().await.transpose()?;
        let is_whole = piece.is_none();
        beginning.extend_from_slice(&piece.unwrap_or_default());
        if !is_whole && beginning.len() < look_at {
            continue;
        }
        if let Some(kind) = kind::judge(upload, said.media_type, &beginning, is_whole)? {
            return Ok((beginning, kind));
        }
        look_at = (beginning.len() * 2).min(kind::LONGEST_HEADER);
    }
}

async fn pass_on<S>(
    writing: &mut dyn Writing,
    hash: &mut Sha256,
    beginning: BytesMut,
    mut pieces: S,
) -> Result<(), Failure>
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let mut chunk = beginning;
    while let Some(piece) = pieces.next().await.transpose()? {
        chunk.extend_from_slice(&piece);
        if chunk.len() >= CHUNK {
            hash.update(&chunk);
            writing.write(std::mem::take(&mut chunk).freeze()).await?;
            chunk.reserve(CHUNK);
        }
    }
    hash.update(&chunk);
    if !chunk.is_empty() {
        writing.write(chunk.freeze()).await?;
    }
    Ok(())
}
