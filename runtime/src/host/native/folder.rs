//! A folder as the store of files: one file for each key, which is there whole or not at all.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::binding::blob::{Blob, BlobError, BlobStore};
use crate::binding::{Reply, later};
use crate::context::{hash_token, hex};

/// A folder of files.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// The first line of each file; what it holds comes after it.
#[derive(Serialize, Deserialize)]
struct Label {
    key: String,
    media_type: String,
    etag: String,
}

impl Folder {
    /// The folder at this path; it is made when it is not there.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// Keys come from requests and never become part of a path: their hash does.
    fn path(&self, key: &str) -> PathBuf {
        self.0.join(hash_token(key))
    }

    /// Does some work with files where it holds nobody up.
    fn work<'a, T: Send + 'static>(
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Reply<'a, Result<T, BlobError>> {
        later(async {
            let done = tokio::task::spawn_blocking(work).await;
            let done = done.map_err(|error| BlobError(error.to_string()))?;
            done.map_err(|error| BlobError(error.to_string()))
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    // What is renamed into its place must be there after a power cut.
    file.sync_all()
}

fn read(path: &Path) -> io::Result<Option<Blob>> {
    let whole = match std::fs::read(path) {
        Ok(whole) => Bytes::from(whole),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let damaged = || io::Error::new(ErrorKind::InvalidData, "a file's first line is damaged");
    let end = whole.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let label: Label = serde_json::from_slice(&whole[..end]).map_err(|_| damaged())?;
    let bytes = whole.slice(end + 1..);
    Ok(Some(Blob { bytes, media_type: label.media_type, etag: label.etag }))
}

impl BlobStore for Folder {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Blob>, BlobError>> {
        let path = self.path(key);
        Self::work(move || read(&path))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        media_type: &'a str,
    ) -> Reply<'a, Result<String, BlobError>> {
        let path = self.path(key);
        let etag = hex(&Sha256::digest(&bytes));
        let (key, media_type) = (key.to_owned(), media_type.to_owned());
        let label = Label { key, media_type, etag: etag.clone() };
        Self::work(move || {
            let mut whole = serde_json::to_vec(&label)?;
            whole.push(b'\n');
            whole.extend_from_slice(&bytes);
            let mut random = [0_u8; 8];
            getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
            // Two that write the same key at once do not write the same file.
            let new = path.with_extension(format!("{}.new", hex(&random)));
            let written = write(&new, &whole).and_then(|()| std::fs::rename(&new, &path));
            if written.is_err() {
                // Nothing was written that anyone reads; what is left of it is only in the way.
                let _ = std::fs::remove_file(&new);
            }
            written.map(|()| etag)
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), BlobError>> {
        let path = self.path(key);
        Self::work(move || match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), BlobError>> {
        let path = self.0.clone();
        Self::work(move || std::fs::read_dir(path).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_kept_replaced_and_removed_whatever_its_key() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::open(directory.path().join("files")).expect("a folder");
        for key in ["a", "../../etc/passwd", "a/b", "", "ü\n"] {
            assert_eq!(folder.get(key).await.expect("readable"), None);
            let first = folder.put(key, Bytes::from_static(b"one\ntwo"), "text/plain").await;
            let first = first.expect("kept");
            let second = folder.put(key, Bytes::from_static(b"\0\xff"), "image/png").await;
            let second = second.expect("replaced");
            assert_ne!(first, second);
            let found = folder.get(key).await.expect("readable").expect("there");
            let bytes = Bytes::from_static(b"\0\xff");
            assert_eq!(found, Blob { bytes, media_type: "image/png".to_owned(), etag: second });
        }
        let files = std::fs::read_dir(directory.path().join("files")).expect("readable").count();
        assert_eq!(files, 5, "one for each key, all in the folder");
        folder.delete("a").await.expect("removed");
        folder.delete("a").await.expect("removed already");
        assert_eq!(folder.get("a").await.expect("readable"), None);
        assert!(folder.ping().await.is_ok());
    }
}
