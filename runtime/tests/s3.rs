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
    let settings = storage::Bucket {
        bucket: name.to_owned(),
        prefix: "some/prefix".to_owned(),
        endpoint: Some(format!("http://127.0.0.1:{}", server.1)),
        region: "us-east-1".to_owned(),
        path_style: true,
        key_id: Secret::new("an-id"),
        key: Secret::new(key),
    };
    Bucket::new(&settings, "luna", "FILES").unwrap()
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
