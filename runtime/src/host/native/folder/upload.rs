//! A file of a folder, written piece by piece beside its place, and put there when it is whole.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{Folder, Label, unfinished};
use crate::binding::blob::{BlobError, Upload};
use crate::binding::{Reply, later, ready};
use crate::context::hex;

/// Stands in the first line until the tag is known, which is as long.
pub(super) const NO_TAG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A file that is not whole yet; it is removed when nobody has it any more.
struct Unfinished {
    file: File,
    hash: Sha256,
    label: Label,
    at: PathBuf,
    place: PathBuf,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // When it was put in its place, there is nothing here any more.
        let _ = std::fs::remove_file(&self.at);
    }
}

impl Unfinished {
    fn label(&mut self) -> io::Result<()> {
        let mut line = serde_json::to_vec(&self.label)?;
        line.push(b'\n');
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&line)
    }

    fn finish(mut self) -> io::Result<String> {
        self.label.etag = hex(&std::mem::take(&mut self.hash).finalize());
        self.label()?;
        // What is renamed into its place must be there after a power cut.
        self.file.sync_all()?;
        std::fs::rename(&self.at, &self.place)?;
        Ok(self.label.etag.clone())
    }
}

/// An upload that is under way; without a file after a piece that was not kept.
struct Pieces {
    begun: Option<Unfinished>,
    written: u64,
}

pub(super) fn begin(place: PathBuf, label: Label) -> io::Result<Box<dyn Upload>> {
    let at = unfinished(&place)?;
    let file = File::create_new(&at)?;
    let mut begun = Unfinished { file, hash: Sha256::new(), label, at, place };
    begun.label()?;
    Ok(Box::new(Pieces { begun: Some(begun), written: 0 }))
}

fn broken() -> BlobError {
    BlobError("a piece before was not kept".to_owned())
}

impl Upload for Pieces {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), BlobError>> {
        later(async move {
            let mut begun = self.begun.take().ok_or_else(broken)?;
            let size = piece.len() as u64;
            let work = Folder::work(move || {
                begun.file.write_all(&piece)?;
                begun.hash.update(&piece);
                Ok(begun)
            });
            self.begun = Some(work.await?);
            self.written += size;
            Ok(())
        })
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Result<String, BlobError>> {
        match self.begun.take() {
            Some(begun) => Folder::work(move || begun.finish()),
            None => ready(Err(broken())),
        }
    }

    fn abort(mut self: Box<Self>) -> Reply<'static, Result<(), BlobError>> {
        let begun = self.begun.take();
        Folder::work(move || {
            drop(begun);
            Ok(())
        })
    }
}
