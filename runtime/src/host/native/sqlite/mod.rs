//! SQLite as the embedded database: one connection writes, several read.
//!
//! Short reads run where they are asked for, on one of several connections and within a small
//! budget; what needs longer is stopped there and runs again on a thread of its own, so that a
//! long query never holds up other requests. Writes are lined up for one thread.

mod connection;
pub mod migration;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures::channel::oneshot;

use self::connection::Guarded;
use crate::binding::sql::{Batch, Bound, Database, Done, SqlError, Transacted};
use crate::binding::{Reply, later, ready};

/// How long a read may hold up the thread that asks.
const INLINE_BUDGET: Duration = Duration::from_millis(2);
/// Connections for short reads.
const READERS: usize = 8;
/// Threads for long reads.
const LONG_READERS: usize = 2;
/// So many statements wait; more are refused.
const LONGEST_LINE: usize = 1024;

type Job = Box<dyn FnOnce(&mut Guarded) + Send>;

/// An SQLite database.
pub struct Sqlite {
    readers: Vec<Mutex<Guarded>>,
    next: AtomicUsize,
    long_reads: mpsc::SyncSender<Job>,
    writes: mpsc::SyncSender<Job>,
    timeout: Duration,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens a database whose migrations have been applied.
    pub fn open(path: &Path, timeout: Duration) -> Result<Self, String> {
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(Mutex::new(Guarded::reader(path)?));
        }
        let (long_reads, jobs) = mpsc::sync_channel(LONGEST_LINE);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..LONG_READERS {
            work(Guarded::reader(path)?, Arc::clone(&jobs));
        }
        let (writes, jobs) = mpsc::sync_channel(LONGEST_LINE);
        work(Guarded::writer(path)?, Arc::new(Mutex::new(jobs)));
        Ok(Self { readers, next: AtomicUsize::new(0), long_reads, writes, timeout })
    }

    /// Runs a short read here; `None` when it is not a short one, or all connections are in use.
    fn read_inline(&self, bound: &Bound) -> Option<Result<Done, SqlError>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for offset in 0..self.readers.len() {
            let reader = &self.readers[(first + offset) % self.readers.len()];
            if let Ok(mut reader) = reader.try_lock() {
                return match reader.run(bound, INLINE_BUDGET) {
                    Err(SqlError::TimedOut(_)) => None,
                    result => Some(result),
                };
            }
        }
        None
    }

    fn submit<'a, T: Send + 'static>(
        line: &mpsc::SyncSender<Job>,
        work: impl FnOnce(&mut Guarded) -> Result<T, SqlError> + Send + 'static,
    ) -> Reply<'a, Result<T, SqlError>> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Who asked may be gone by now, and was told that nothing came of it.
            if !sender.is_canceled() {
                let _ = sender.send(work(connection));
            }
        });
        if line.try_send(job).is_err() {
            return ready(Err(SqlError::Unavailable("too many statements wait".to_owned())));
        }
        later(async {
            let gone = |_| Err(SqlError::Unavailable("the connection is gone".to_owned()));
            receiver.await.unwrap_or_else(gone)
        })
    }
}

/// Gives a connection a thread that does jobs until nobody can ask for any.
fn work(mut connection: Guarded, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    std::thread::spawn(move || {
        loop {
            let job = match jobs.lock() {
                Ok(jobs) => jobs.recv(),
                Err(_) => return,
            };
            match job {
                Ok(job) => job(&mut connection),
                Err(_) => return,
            }
        }
    });
}

impl Database for Sqlite {
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>> {
        let timeout = self.timeout;
        if !bound.statement.reads {
            return Self::submit(&self.writes, move |connection| connection.write(bound, timeout));
        }
        match self.read_inline(&bound) {
            Some(result) => ready(result),
            None => {
                Self::submit(&self.long_reads, move |connection| connection.run(&bound, timeout))
            }
        }
    }

    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>> {
        let timeout = self.timeout;
        Self::submit(&self.writes, move |connection| connection.transact(&batch, timeout))
    }

    fn ping(&self) -> Reply<'_, Result<(), SqlError>> {
        for reader in &self.readers {
            if let Ok(mut reader) = reader.try_lock() {
                return ready(reader.ping());
            }
        }
        Self::submit(&self.long_reads, Guarded::ping)
    }
}
