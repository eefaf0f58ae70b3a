//! A folder as the store of files: one file for each key, which is there whole or not at all.

mod reading;
mod upload;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::binding::blob::{Blob, BlobError, BlobStore, Reading, UNFINISHED, Upload};
use crate::binding::{Reply, later};
use crate::context::{hash_token, hex};

/// A folder of files.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// Where unfinished uploads are: few files, which are looked through.
const UNFINISHED_FOLDER: &str = "unfinished";
/// How long an upload may take before what is left of it is removed.
const ABANDONED: Duration = Duration::from_hours(24);

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
        let unfinished = path.join(UNFINISHED_FOLDER);
        std::fs::create_dir_all(&unfinished)
            .map_err(|error| format!("{}: {error}", unfinished.display()))?;
        sweep(&path);
        sweep(&unfinished);
        Ok(Self(path))
    }

    /// Keys come from requests and never become part of a path: their hash does.
    fn path(&self, key: &str) -> PathBuf {
        let folder = if key.starts_with(UNFINISHED) {
            self.0.join(UNFINISHED_FOLDER)
        } else {
            self.0.clone()
        };
        folder.join(hash_token(key))
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

/// Where a file is written until it is whole; two that write the same key at once do not write the same file.
fn unfinished(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(path.with_extension(format!("{}.new", hex(&random))))
}

/// Removes what processes that were killed had begun. Others may be at work in the same folder.
fn sweep(folder: &Path) {
    let is_old = |path: &Path| {
        let changed = path.metadata().and_then(|about| about.modified()).ok();
        let age = changed.and_then(|changed| changed.elapsed().ok());
        path.extension().is_some_and(|end| end == "new") && age.is_some_and(|age| age > ABANDONED)
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| is_old(path)) {
        // Somebody else may have removed it first.
        let _ = std::fs::remove_file(path);
    }
}

/// The keys of the unfinished uploads that begin so.
fn list(folder: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some() {
            continue;
        }
        let mut line = Vec::new();
        match File::open(&path) {
            Ok(file) => BufReader::new(file).read_until(b'\n', &mut line)?,
            // Somebody else removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // What is damaged is nobody's upload.
        let label: Option<Label> = serde_json::from_slice(&line).ok();
        keys.extend(label.map(|label| label.key).filter(|key| key.starts_with(prefix)));
    }
    Ok(keys)
}

fn write(path: &Path, label: &[u8], bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(label)?;
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

    fn read<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Reading>, BlobError>> {
        let path = self.path(key);
        Self::work(move || reading::read(&path))
    }

    fn upload<'a>(
        &'a self,
        key: &'a str,
        media_type: &'a str,
    ) -> Reply<'a, Result<Box<dyn Upload>, BlobError>> {
        let path = self.path(key);
        let (key, media_type) = (key.to_owned(), media_type.to_owned());
        let label = Label { key, media_type, etag: upload::NO_TAG.to_owned() };
        Self::work(move || upload::begin(path, label))
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
            let mut label = serde_json::to_vec(&label)?;
            label.push(b'\n');
            let new = unfinished(&path)?;
            let written = write(&new, &label, &bytes).and_then(|()| std::fs::rename(&new, &path));
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

    fn list<'a>(&'a self, prefix: &'a str) -> Reply<'a, Result<Vec<String>, BlobError>> {
        let (folder, prefix) = (self.0.join(UNFINISHED_FOLDER), prefix.to_owned());
        Self::work(move || list(&folder, &prefix))
    }

    fn ping(&self) -> Reply<'_, Result<(), BlobError>> {
        let path = self.0.clone();
        Self::work(move || std::fs::read_dir(path).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_abandoned_is_removed_and_what_is_under_way_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let make = |name: &str, age: Duration| {
            let file = File::create_new(directory.path().join(name)).expect("a file");
            let then = std::time::SystemTime::now() - age;
            file.set_modified(then).expect("an older file");
        };
        make("a.1.new", ABANDONED * 2);
        make("a.2.new", ABANDONED / 2);
        make("a", ABANDONED * 2);
        Folder::open(directory.path().to_owned()).expect("a folder");
        let left = std::fs::read_dir(directory.path()).expect("readable");
        let mut left: Vec<_> = left.map(|entry| entry.expect("one").file_name()).collect();
        left.sort();
        assert_eq!(left, ["a", "a.2.new", UNFINISHED_FOLDER]);
    }

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
        assert_eq!(
            files,
            5 + 1,
            "one for each key, all in the folder, beside that of the unfinished"
        );
        folder.delete("a").await.expect("removed");
        folder.delete("a").await.expect("removed already");
        assert_eq!(folder.get("a").await.expect("readable"), None);
        assert!(folder.ping().await.is_ok());
    }
}
