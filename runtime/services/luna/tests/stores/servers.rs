//! A Postgres and a Redis of a test's own: stopped, frozen, and started again with what they had.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::ground::{eventually, signal};

/// The user `nobody`: a server of databases does not run as root.
const NOBODY: u32 = 65534;

/// A server that can be taken away.
pub(crate) struct Server {
    child: Child,
    start: Box<dyn Fn(&Path) -> Child + Send + Sync>,
    pub(crate) url: String,
    folder: TempDir,
}

fn program(variable: &str, otherwise: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| otherwise.into(), PathBuf::from)
}

fn free_port() -> u16 {
    // Free a moment ago; nobody else is told of it.
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until a server answers that was just started.
fn ready(mut child: Child, what: &str, log: &Path, answers: impl Fn() -> bool) -> Child {
    eventually(what, || {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{what}: {}", std::fs::read_to_string(log).unwrap_or_default());
        answers().then_some(())
    });
    child
}

impl Server {
    fn new(
        url: String,
        folder: TempDir,
        start: impl Fn(&Path) -> Child + Send + Sync + 'static,
    ) -> Self {
        Self { child: start(folder.path()), start: Box::new(start), url, folder }
    }

    /// A Redis that keeps its data, as the generated deployments have it.
    pub(crate) fn redis() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let start = move |folder: &Path| {
            let log = folder.join("log");
            let mut command = Command::new(program("PROOFLINE_TEST_REDIS", "redis-server"));
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder);
            let child = command.stdout(file(&log)).spawn().unwrap();
            ready(child, "Redis answers", &log, || TcpStream::connect(("127.0.0.1", port)).is_ok())
        };
        Self::new(format!("redis://127.0.0.1:{port}/0"), folder, start)
    }

    /// A Postgres with an empty database.
    pub(crate) fn postgres() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        if folder.path().metadata().unwrap().uid() == 0 {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = postgres(folder.path(), "initdb")
            .args(["--username=luna", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let start = move |folder: &Path| {
            let log = folder.join("log");
            let child = postgres(folder, "postgres")
                .arg("-D")
                .arg(folder.join("data"))
                .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", "", "-F"])
                .stdout(file(&log))
                .stderr(file(&log))
                .spawn()
                .unwrap();
            let child = ready(child, "Postgres is ready", &log, || {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                said.contains("ready to accept connections")
            });
            // What it says when it is started again must not be taken for this.
            std::fs::rename(&log, folder.join("log.old")).unwrap();
            child
        };
        Self::new(
            format!("postgres://luna@127.0.0.1:{port}/postgres?sslmode=disable"),
            folder,
            start,
        )
    }

    /// Ends it and everything that it started at once, as a machine that is switched off.
    pub(crate) fn kill(&mut self) {
        for pid in self.processes() {
            signal(pid, "-KILL");
        }
        self.child.wait().unwrap();
    }

    /// Starts it again at the same place with what it had.
    pub(crate) fn start_again(&mut self) {
        // What a killed server left, that would be in the next one's way.
        let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
        self.child = (self.start)(self.folder.path());
    }

    /// It keeps its connections and answers nothing.
    pub(crate) fn freeze(&self) {
        for pid in self.processes() {
            signal(pid, "-STOP");
        }
    }

    /// It goes on where it was.
    pub(crate) fn thaw(&self) {
        for pid in self.processes() {
            signal(pid, "-CONT");
        }
    }

    /// The server and its children, which may lead sessions of their own.
    fn processes(&self) -> Vec<u32> {
        let parent = self.child.id();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let stats = entries.filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok());
        let children = stats.filter_map(|stat| {
            // The id, the name in brackets, the state, the parent's id.
            let (pid, rest) = stat.split_once(" (")?;
            let above: u32 = rest.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            (above == parent).then_some(pid.parse().ok()?)
        });
        // The parent first: it starts no further ones then.
        std::iter::once(parent).chain(children).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in self.processes() {
            signal(pid, "-KILL");
        }
        let _ = self.child.wait();
    }
}

fn file(path: &Path) -> Stdio {
    File::options().append(true).create(true).open(path).unwrap().into()
}

/// One of Postgres's programs, as somebody who may run it.
fn postgres(folder: &Path, name: &str) -> Command {
    let programs = program("PROOFLINE_TEST_POSTGRES", "/usr/lib/postgresql/15/bin");
    let mut command = Command::new(programs.join(name));
    command.current_dir(folder).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if folder.metadata().unwrap().uid() == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
