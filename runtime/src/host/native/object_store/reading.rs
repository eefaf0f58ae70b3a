//! A file of a bucket, read in ranges: each is a request of its own, which is tried again by itself and whose time
//! limit does not depend on how large the file is or how slowly it is taken.

use std::ops::Range;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore as _};

use super::{Bucket, etag, failed, media_type};
use crate::binding::blob::{BlobError, Pieces, Reading};

/// How much is asked for at once.
const RANGE: u64 = 4 * 1024 * 1024;

pub(super) async fn read(bucket: Bucket, path: Path) -> Result<Option<Reading>, BlobError> {
    let head = GetOptions { head: true, ..GetOptions::default() };
    let found = match bucket.store.get_opts(&path, head).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let modified = u64::try_from(found.meta.last_modified.timestamp_millis()).ok();
    let (size, tag) = (found.meta.size, found.meta.e_tag.clone());
    let media_type = media_type(&found.attributes);
    let if_match = tag.clone();
    let source = Box::new(move |range| pieces(bucket, path, if_match, range));
    Ok(Some(Reading { media_type, etag: etag(tag), size, modified, source }))
}

/// The bytes of this range.
fn pieces(bucket: Bucket, path: Path, if_match: Option<String>, range: Range<u64>) -> Pieces {
    let begins = range.clone().step_by(usize::try_from(RANGE).unwrap_or(usize::MAX));
    let piece = move |begin: u64| {
        let (bucket, path, if_match) = (bucket.clone(), path.clone(), if_match.clone());
        async move {
            let range = Some(GetRange::Bounded(begin..range.end.min(begin + RANGE)));
            // Of a file that was replaced meanwhile, nothing more is taken.
            let options = GetOptions { range, if_match, ..GetOptions::default() };
            let found = bucket.store.get_opts(&path, options).await?;
            found.bytes().await
        }
    };
    stream::iter(begins).then(piece).map_err(|error| failed(&error)).boxed()
}
