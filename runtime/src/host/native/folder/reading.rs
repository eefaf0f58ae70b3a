//! A file of a folder, read piece by piece. Who replaces it meanwhile replaces its name, not what is read.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::Path;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

use super::{Folder, Label};
use crate::binding::blob::Reading;

/// How much is read at once.
const PIECE: u64 = 1024 * 1024;

pub(super) fn read(path: &Path) -> io::Result<Option<Reading>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let whole = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    let damaged = || io::Error::new(ErrorKind::InvalidData, "a file's first line is damaged");
    let label: Label = serde_json::from_slice(&line).map_err(|_| damaged())?;
    let size = whole.checked_sub(line.len() as u64).ok_or_else(damaged)?;
    let pieces = stream::try_unfold(file, |mut file| {
        Folder::work(move || {
            let mut piece = Vec::new();
            (&mut file).take(PIECE).read_to_end(&mut piece)?;
            Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
        })
    });
    let Label { media_type, etag, .. } = label;
    Ok(Some(Reading { media_type, etag, size, pieces: pieces.boxed() }))
}
