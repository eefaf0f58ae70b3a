//! Children: started in a group of their own, told to stop when the user says so, never left behind.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::context::Context;

/// A child that is stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// How long it may take to stop before it is killed.
    grace: Duration,
}

/// How long what a child started may live on.
const REST: Duration = Duration::from_secs(3);
/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(20);

impl Process {
    /// Starts a child in a process group of its own, so that Ctrl-C reaches only us and we decide what stops when.
    pub(crate) fn spawn(command: &mut Command, grace: Duration) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self { child, grace })
    }

    /// Writes its whole standard input, and closes it.
    pub(crate) fn give(&mut self, input: &str) -> io::Result<()> {
        match self.child.stdin.take() {
            Some(mut stdin) => stdin.write_all(input.as_bytes()),
            None => Ok(()),
        }
    }

    /// Its standard input and output, where they are pipes; whoever takes them talks with it.
    pub(crate) fn talk(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// Kills the child and everything that it started, at once.
    pub(crate) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::SIGKILL);
        self.child.wait()
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The status, if it has ended.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for the end; when the user stops us, the child is asked to stop first.
    pub(crate) fn wait(&mut self, context: &Context) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if context.interrupted() {
                return self.stop();
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Asks the child to stop (SIGTERM), and kills it when it does not within its grace. Nothing of its group stays.
    pub(crate) fn stop(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            self.signal(Signal::SIGKILL);
            return Ok(status);
        }
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + self.grace;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                self.stop_rest();
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
        self.signal(Signal::SIGKILL);
        self.child.wait()
    }

    /// What the child started itself may take a little longer than the child.
    fn stop_rest(&self) {
        let deadline = Instant::now() + REST;
        while self.signal(None) && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        self.signal(Signal::SIGKILL);
    }

    /// Whether there was anybody in the group to tell.
    fn signal(&self, signal: impl Into<Option<Signal>>) -> bool {
        i32::try_from(self.child.id()).is_ok_and(|id| killpg(Pid::from_raw(id), signal).is_ok())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody waits for the result any more; leaving nothing behind is all that counts.
        let _ = self.stop();
    }
}
