//! What only a bucket has: signatures, a server, and that it may not be there.

use bytes::Bytes;
use proofline_runtime::binding::blob::BlobStore as _;
use proofline_runtime::host::native::object_store::Bucket;
use proofline_runtime::host::native::storage;
use proofline_runtime::secret::Secret;

use crate::server::{bucket, settings, start};

#[tokio::test]
#[ignore = "needs s3s-fs: cargo xtask test --only stores"]
async fn a_wrong_signature_a_missing_bucket_and_a_server_that_is_away_are_errors() {
    let server = start();
    let wrong = bucket(&server, "files", "another-secret");
    assert!(wrong.ping().await.is_err());
    assert!(wrong.put("a", Bytes::new(), "text/plain").await.is_err());
    let error = wrong.get("a").await.unwrap_err().to_string();
    assert!(!error.contains("another-secret"), "{error}");
    let store = bucket(&server, "files", "a-secret");
    assert!(store.ping().await.is_ok());
    assert!(bucket(&server, "absent", "a-secret").ping().await.is_err());
    drop(server);
    assert!(store.ping().await.is_err());
}

#[tokio::test]
#[ignore = "needs s3s-fs: cargo xtask test --only stores"]
async fn a_bucket_that_is_not_there_is_made_where_that_is_wanted_and_only_there() {
    let server = start();
    let settings =
        |name: &str| storage::Bucket { create: true, ..settings(&server, name, "a-secret") };
    let open = |name: &str| Bucket::new(&settings(name), "luna", "FILES").unwrap();
    let (asked, filled) = (open("asked"), open("filled"));
    assert_eq!(filled.get("a").await.unwrap(), None);
    asked.ping().await.unwrap();
    filled.put("a", Bytes::from_static(b"1"), "text/plain").await.unwrap();
    assert!(asked.get("a").await.unwrap().is_none() && filled.get("a").await.unwrap().is_some());
    assert!(server.folder().join("asked").is_dir());
    let twins = (open("twins"), open("twins"));
    let (first, second) = tokio::join!(twins.0.ping(), twins.1.ping());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let wrong = storage::Bucket { key: Secret::new("wrong"), ..settings("other") };
    assert!(Bucket::new(&wrong, "luna", "FILES").unwrap().ping().await.is_err());
    assert!(!server.folder().join("other").exists());
    // To put is no question here: this server makes the folder of any bucket that it is given a file for.
    assert!(bucket(&server, "absent", "a-secret").ping().await.is_err());
    assert!(!server.folder().join("absent").exists());
}

#[tokio::test]
#[ignore = "needs s3s-fs: cargo xtask test --only stores"]
async fn a_server_that_goes_away_in_the_middle_of_an_upload_is_an_error_and_not_a_file() {
    let server = start();
    let store = bucket(&server, "files", "a-secret");
    let mut upload = store.upload("film", "video/mp4").await.unwrap();
    let piece = Bytes::from(vec![7; 12 * 1024 * 1024]);
    upload.write(piece.clone()).await.unwrap();
    drop(server);
    let mut result = Ok(());
    for _ in 0..4 {
        result = result.and(upload.write(piece.clone()).await);
    }
    assert!(result.is_err());
    assert!(upload.finish().await.is_err());
}
