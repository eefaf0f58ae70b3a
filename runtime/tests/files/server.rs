//! A server that speaks S3 and checks signatures; a test's own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proofline_runtime::host::native::object_store::Bucket;
use proofline_runtime::host::native::storage;
use proofline_runtime::secret::Secret;
use tempfile::TempDir;

/// Nothing here takes long; this only bounds a test that would wait for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server(Child, u16, TempDir);

impl Server {
    /// Where it keeps its buckets, each as a folder.
    pub(crate) fn folder(&self) -> &Path {
        self.2.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn start() -> Server {
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

pub(crate) fn bucket(server: &Server, name: &str, key: &str) -> Bucket {
    Bucket::new(&settings(server, name, key), "luna", "FILES").unwrap()
}

pub(crate) fn settings(server: &Server, name: &str, key: &str) -> storage::Bucket {
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
