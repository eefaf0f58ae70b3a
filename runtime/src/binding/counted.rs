//! Counts what a database could not do, for `/metrics` and the alerts about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use futures::future::Either;

use super::sql::{Batch, Bound, Database, Done, Pool, SqlError, Transacted};
use super::{Reply, ready};

/// A database whose failures are counted: that it was away or too late, not that it refused.
pub(crate) struct Counted {
    database: Arc<dyn Database>,
    failures: AtomicU64,
}

impl Counted {
    pub(crate) const fn new(database: Arc<dyn Database>) -> Self {
        Self { database, failures: AtomicU64::new(0) }
    }

    fn count<T>(&self, done: &Result<T, SqlError>) {
        if matches!(done, Err(SqlError::Unavailable(_) | SqlError::TimedOut(_))) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted<'a, T: Send + 'a>(
        &'a self,
        reply: Reply<'a, Result<T, SqlError>>,
    ) -> Reply<'a, Result<T, SqlError>> {
        match reply {
            Either::Left(done) => {
                let done = done.into_inner();
                self.count(&done);
                ready(done)
            }
            Either::Right(doing) => Either::Right(doing.inspect(|done| self.count(done)).boxed()),
        }
    }
}

impl Database for Counted {
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>> {
        self.counted(self.database.run(bound))
    }

    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>> {
        self.counted(self.database.transact(batch))
    }

    fn ping(&self) -> Reply<'_, Result<(), SqlError>> {
        self.counted(self.database.ping())
    }

    fn pool(&self) -> Option<Pool> {
        self.database.pool()
    }

    fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn close(&self) -> Reply<'_, ()> {
        self.database.close()
    }
}
