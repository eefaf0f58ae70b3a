//! A file of a folder, read piece by piece. Who replaces it meanwhile replaces its name, not what is read.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

use super::{Folder, Label};
use crate::binding::blob::{Pieces, Reading};

/// How much is read at once.
const PIECE: u64 = 1024 * 1024;

pub(super) fn read(path: &Path) -> io::Result<Option<Reading>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let about = file.metadata()?;
    let modified = about.modified()?.duration_since(UNIX_EPOCH).ok();
    let modified = modified.and_then(|since| u64::try_from(since.as_millis()).ok());
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    let damaged = || io::Error::new(ErrorKind::InvalidData, "a file's first line is damaged");
    let label: Label = serde_json::from_slice(&line).map_err(|_| damaged())?;
    let begin = line.len() as u64;
    let size = about.len().checked_sub(begin).ok_or_else(damaged)?;
    let Label { media_type, etag, .. } = label;
    let file = file.into_inner();
    let source = Box::new(move |range| pieces(file, begin, range));
    Ok(Some(Reading { media_type, etag, size, modified, source }))
}

/// The bytes of this range of what comes after the first line.
fn pieces(file: File, begin: u64, range: Range<u64>) -> Pieces {
    let at = begin.saturating_add(range.start);
    let left = range.end.saturating_sub(range.start);
    let pieces = stream::try_unfold((file, at, left), |(mut file, at, left)| {
        Folder::work(move || {
            let mut piece = Vec::new();
            file.seek(SeekFrom::Start(at))?;
            (&mut file).take(left.min(PIECE)).read_to_end(&mut piece)?;
            let read = piece.len() as u64;
            Ok((read > 0).then(|| (Bytes::from(piece), (file, at + read, left - read))))
        })
    });
    pieces.boxed()
}
