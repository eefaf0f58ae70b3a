//! Writes log lines to standard output, by a thread of its own.

use std::io::Write as _;
use std::sync::{Arc, mpsc};

use super::clock::SystemClock;
use crate::host::log::{Level, Log, Sink};

/// So many lines wait to be written; more are dropped.
const LONGEST: usize = 65_536;

struct Sender(mpsc::SyncSender<Vec<u8>>);

impl Sink for Sender {
    fn take(&self, _: Level, mut line: Vec<u8>) {
        line.push(b'\n');
        // A full line of waiting lines must not stop requests.
        let _ = self.0.try_send(line);
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
    let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(LONGEST);
    let writer = std::thread::spawn(move || {
        let mut out = std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout());
        while let Ok(line) = receiver.recv() {
            // Nobody can be told when standard output is gone.
            let _ = out.write_all(&line);
            while let Ok(line) = receiver.try_recv() {
                let _ = out.write_all(&line);
            }
            let _ = out.flush();
        }
    });
    let log = Log::new(least, Arc::new(Sender(sender)), Arc::new(SystemClock::default()));
    (log, Writer(writer))
}
