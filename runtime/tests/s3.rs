//! Files in a bucket, against a server that checks signatures: `PROOFLINE_S3S` names its program, s3s-fs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proofline_runtime::binding::blob::BlobStore as _;
use proofline_runtime::host::native::object_store::Bucket;
use proofline_runtime::host::native::storage;
use proofline_runtime::secret::Secret;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

struct Server(Child, u16, TempDir);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start() -> Server {
    let program = std::env::var_os("PROOFLINE_S3S").unwrap_or_else(|| "s3s-fs".into());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("files")).unwrap();
    let mut command = Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--access-key", "an-id", "--secret-key", "a-secret"]).arg(folder.path());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.expect("s3s-fs, which .ci/install brings");
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "s3s-fs does not start");
        std::thread::yield_now();
    }
    Server(child, port, folder)
}

fn bucket(server: &Server, name: &str, key: &str) -> Bucket {
    Bucket::new(&settings(server, name, key), "luna", "FILES").unwrap()
}

fn settings(server: &Server, name: &str, key: &str) -> storage::Bucket {
    storage::Bucket {
        bucket: name.to_owned(),
        prefix: "some/prefix".to_owned(),
        endpoint: Some(format!("http://127.0.0.1:{}", server.1)),
        region: "us-east-1".to_owned(),
        path_style: true,
        create: false,
        key_id: Secret::new("an-id"),
        key: Secret::new(key),
    }
}

#[tokio::test]
#[ignore = "needs s3s-fs: cargo xtask test --only stores"]
async fn a_file_is_kept_replaced_and_removed_whatever_its_key() {
    let server = start();
    let store = bucket(&server, "files", "a-secret");
    store.ping().await.unwrap();
    let long = "long".repeat(300);
    for key in ["a", "../../etc/passwd", "a/b", "", "ü n%2f", &long] {
        assert_eq!(store.get(key).await.unwrap(), None, "{key}");
        let first = store.put(key, Bytes::from_static(b"one\ntwo"), "text/plain").await.unwrap();
        let second = store.put(key, Bytes::from_static(b"\0\xff"), "image/png").await.unwrap();
        assert_ne!(first, second);
        let found = store.get(key).await.unwrap().expect("there");
        assert_eq!(found.bytes, Bytes::from_static(b"\0\xff"));
        assert_eq!((found.media_type.as_str(), found.etag), ("image/png", second));
    }
    let folder = server.2.path().join("files/some/prefix/luna/FILES");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 6, "one for each key, none elsewhere");
    store.delete("a").await.unwrap();
    store.delete("a").await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), None);
}

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
    assert!(server.2.path().join("asked").is_dir());
    let twins = (open("twins"), open("twins"));
    let (first, second) = tokio::join!(twins.0.ping(), twins.1.ping());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let wrong = storage::Bucket { key: Secret::new("wrong"), ..settings("other") };
    assert!(Bucket::new(&wrong, "luna", "FILES").unwrap().ping().await.is_err());
    assert!(!server.2.path().join("other").exists());
    // To put is no question here: this server makes the folder of any bucket that it is given a file for.
    assert!(bucket(&server, "absent", "a-secret").ping().await.is_err());
    assert!(!server.2.path().join("absent").exists());
}
