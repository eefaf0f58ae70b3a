//! Writes log lines to standard output, by a thread of its own.
//!
//! The thread is woken by the first of several lines and writes them together: to wake it for each
//! line would cost a busy service more than everything else that it does with the line.

use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::SystemClock;
use crate::host::log::{Level, Log, Sink};

/// So many bytes wait to be written; what is more is dropped.
const MOST: usize = 16 * 1024 * 1024;
/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(5);

/// Lines that wait to be written.
#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Nobody will log any more.
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, gathers some more, and puts them in `lines`; `false` once no more will come.
    fn gather(&self, lines: &mut Vec<u8>) -> bool {
        lines.clear();
        let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.ended;
        let waiting = self.changed.wait_while(self.lock(), idle);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let going_on = |waiting: &mut Waiting| !waiting.ended;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, going_on);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(lines, &mut waiting.lines);
        !lines.is_empty()
    }
}

struct Sender(Arc<Shared>);

impl Sink for Sender {
    fn take(&self, _: Level, line: &[u8]) {
        let mut waiting = self.0.lock();
        // Too many waiting lines must not stop requests.
        if waiting.lines.len() + line.len() >= MOST {
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        waiting.lines.push(b'\n');
        drop(waiting);
        if first {
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_one();
    }
}

/// Writes the remaining lines when it is waited for.
#[derive(Debug)]
pub struct Writer(std::thread::JoinHandle<()>);

impl Writer {
    /// Waits until all lines are written; every [`Log`] must be gone by then.
    pub fn finish(self) {
        // A writer that panicked has nothing left to write.
        let _ = self.0.join();
    }
}

/// A log that leaves out less important lines.
pub fn start(least: Level) -> (Log, Writer) {
    let shared = Arc::new(Shared::default());
    let sender = Sender(Arc::clone(&shared));
    let writer = std::thread::spawn(move || {
        let mut lines = Vec::new();
        while shared.gather(&mut lines) {
            let mut out = std::io::stdout().lock();
            // Nobody can be told when standard output is gone.
            let _ = out.write_all(&lines);
            let _ = out.flush();
        }
    });
    let log = Log::new(least, Arc::new(sender), Arc::new(SystemClock::default()));
    (log, Writer(writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_gathered_whole_and_the_last_ones_too() {
        let shared = Arc::new(Shared::default());
        let sender = Sender(Arc::clone(&shared));
        let mut lines = Vec::new();
        sender.take(Level::Info, b"one");
        sender.take(Level::Info, b"two");
        assert!(shared.gather(&mut lines));
        assert_eq!(lines, b"one\ntwo\n");
        sender.take(Level::Info, b"three");
        drop(sender);
        assert!(shared.gather(&mut lines));
        assert_eq!(lines, b"three\n");
        assert!(!shared.gather(&mut lines));
    }

    #[test]
    fn a_reader_that_is_stuck_costs_no_more_than_the_bound() {
        let shared = Arc::new(Shared::default());
        let sender = Sender(Arc::clone(&shared));
        let line = vec![b'x'; 1024 * 1024];
        (0..40).for_each(|_| sender.take(Level::Info, &line));
        assert!(shared.lock().lines.len() <= MOST);
    }
}
