//! What every store of files promises, asked of a folder and of a bucket.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use futures::TryStreamExt as _;
use proofline_runtime::binding::blob::{Blob, BlobStore, Reading, UNFINISHED};
use proofline_runtime::host::native::folder::Folder;

use crate::server::{PATIENCE, bucket, start};

const MEGABYTE: usize = 1024 * 1024;
/// As many bytes as a bucket takes in one part.
const PART: usize = 10 * MEGABYTE;

/// Files below this folder, whatever they are.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found.sort();
    found
}

/// Bytes that differ from place to place, so that a part that is lost or in another place is seen.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place / 251 + place % 241).to_le_bytes()[0]).collect()
}

async fn all(reading: Reading) -> Vec<u8> {
    let pieces: Vec<Bytes> = reading.pieces().try_collect().await.unwrap();
    pieces.concat()
}

async fn a_key_is_a_name_and_never_a_place(store: &dyn BlobStore) {
    store.ping().await.unwrap();
    let long = "long".repeat(300);
    for key in ["a", "../../etc/passwd", "a/b", "", "ü n%2f\n", &long] {
        assert_eq!(store.get(key).await.unwrap(), None, "{key}");
        assert!(store.read(key).await.unwrap().is_none(), "{key}");
        let first = store.put(key, Bytes::from_static(b"one\ntwo"), "text/plain").await.unwrap();
        let second = store.put(key, Bytes::from_static(b"\0\xff"), "image/png").await.unwrap();
        assert_ne!(first, second);
        let bytes = Bytes::from_static(b"\0\xff");
        let wanted = Blob { bytes, media_type: "image/png".to_owned(), etag: second };
        assert_eq!(store.get(key).await.unwrap(), Some(wanted));
        store.delete(key).await.unwrap();
        store.delete(key).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), None, "{key}");
    }
}

async fn what_is_written_in_pieces_is_read_back_as_it_was(store: &dyn BlobStore) {
    let mut tags = Vec::new();
    for size in [0, 1, PART - 1, PART, PART + 1, 2 * PART + 12_345] {
        let wanted = content(size);
        let mut upload = store.upload("film", "video/mp4").await.unwrap();
        for piece in wanted.chunks(777_777) {
            upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        assert_eq!(upload.written(), size as u64);
        let tag = upload.finish().await.unwrap();
        let reading = store.read("film").await.unwrap().expect("there");
        assert_eq!((reading.size, reading.media_type.as_str()), (size as u64, "video/mp4"));
        assert_eq!(reading.etag, tag, "{size}");
        assert!(all(reading).await == wanted, "{size} bytes are not the same");
        let whole = store.get("film").await.unwrap().expect("there");
        assert!(whole.bytes == wanted && whole.etag == tag, "{size}");
        assert!(!tag.is_empty() && !tags.contains(&tag), "{size}: {tag}");
        tags.push(tag);
    }
}

async fn a_range_is_read_and_nothing_else(store: &dyn BlobStore) {
    let wanted = content(PART + 5);
    let mut upload = store.upload("film", "video/mp4").await.unwrap();
    upload.write(Bytes::from(wanted.clone())).await.unwrap();
    upload.finish().await.unwrap();
    let end = wanted.len();
    for (begin, stop) in [(0, 1), (0, end), (end - 1, end), (1, PART + 1), (7, 7), (end, end + 9)] {
        let reading = store.read("film").await.unwrap().expect("there");
        let made = reading.modified.expect("a time");
        assert!(made > 1_700_000_000_000, "{made} is not in milliseconds since 1970");
        let pieces: Vec<Bytes> =
            reading.range(begin as u64..stop as u64).try_collect().await.unwrap();
        assert!(pieces.concat() == wanted[begin..stop.min(end)], "{begin}..{stop}");
    }
}

async fn a_file_is_there_when_it_is_finished_and_not_before(store: &dyn BlobStore) {
    store.put("song", Bytes::from_static(b"the old one"), "text/plain").await.unwrap();
    let mut upload = store.upload("song", "audio/flac").await.unwrap();
    upload.write(Bytes::from(content(PART + 1))).await.unwrap();
    let old = store.get("song").await.unwrap().expect("there");
    assert_eq!(old.bytes, Bytes::from_static(b"the old one"));
    upload.finish().await.unwrap();
    assert_eq!(store.read("song").await.unwrap().expect("there").size, PART as u64 + 1);
}

async fn what_is_not_finished_leaves_nothing(store: &dyn BlobStore, folder: &Path) {
    let before = files(folder);
    for size in [5, PART + 5, 2 * PART + 5] {
        let begin = async || {
            let mut upload = store.upload("draft", "video/mp4").await.unwrap();
            upload.write(Bytes::from(content(size))).await.unwrap();
            upload
        };
        begin().await.abort().await.unwrap();
        assert_eq!(files(folder), before, "{size}");
        drop(begin().await);
        let deadline = Instant::now() + PATIENCE;
        while files(folder) != before {
            assert!(Instant::now() < deadline, "{size}: {:?}", files(folder));
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(store.read("draft").await.unwrap().is_none());
    }
}

/// What the process holds in memory, in megabytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

async fn a_large_file_does_not_go_through_memory(store: &dyn BlobStore) {
    let (before, mut most) = (resident(), 0);
    let mut upload = store.upload("archive", "application/zip").await.unwrap();
    for number in 0..256_u32 {
        let piece = vec![number.to_le_bytes()[0]; MEGABYTE];
        upload.write(Bytes::from(piece)).await.unwrap();
        most = most.max(resident());
    }
    upload.finish().await.unwrap();
    let reading = store.read("archive").await.unwrap().expect("there");
    let (mut size, told) = (0, reading.size);
    let mut pieces = reading.pieces();
    while let Some(piece) = pieces.try_next().await.unwrap() {
        size += piece.len();
        most = most.max(resident());
    }
    assert_eq!((size, told), (256 * MEGABYTE, 256 * MEGABYTE as u64));
    assert!(most < before + 64, "{before} MB before, {most} MB at most");
}

async fn unfinished_uploads_are_found_and_files_are_not_taken_for_them(store: &dyn BlobStore) {
    let names = ["unfinished.b.00000", "unfinished.a", "unfinished.b"];
    assert_eq!(store.list(UNFINISHED).await.unwrap(), [""; 0]);
    for name in ["a", "b", "x unfinished.c"].iter().chain(&names) {
        store.put(name, Bytes::from_static(b"1"), "text/plain").await.unwrap();
    }
    let mut found = store.list(UNFINISHED).await.unwrap();
    found.sort();
    assert_eq!(found, ["unfinished.a", "unfinished.b", "unfinished.b.00000"]);
    assert_eq!(store.list("unfinished.a").await.unwrap(), ["unfinished.a"]);
    for name in names {
        assert!(store.get(name).await.unwrap().is_some(), "{name}");
        store.delete(name).await.unwrap();
    }
    assert_eq!(store.list(UNFINISHED).await.unwrap(), [""; 0]);
}

async fn all_promises(store: &dyn BlobStore, folder: &Path) {
    // First, as what the other ones free is not given back to the system at once.
    a_large_file_does_not_go_through_memory(store).await;
    a_key_is_a_name_and_never_a_place(store).await;
    what_is_written_in_pieces_is_read_back_as_it_was(store).await;
    a_range_is_read_and_nothing_else(store).await;
    a_file_is_there_when_it_is_finished_and_not_before(store).await;
    what_is_not_finished_leaves_nothing(store, folder).await;
    unfinished_uploads_are_found_and_files_are_not_taken_for_them(store).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes hundreds of megabytes: cargo xtask test --only stores"]
async fn a_folder_keeps_every_promise() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::open(directory.path().join("files")).unwrap();
    all_promises(&folder, directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs s3s-fs: cargo xtask test --only stores"]
async fn a_bucket_keeps_every_promise() {
    let server = start();
    let store = bucket(&server, "files", "a-secret");
    all_promises(&store, server.folder()).await;
}
