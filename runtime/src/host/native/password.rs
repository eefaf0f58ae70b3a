//! Argon2id on a few threads of its own, so that hashing never holds up other requests.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::binding::password::{PasswordError, PasswordHasher};
use crate::binding::{Reply, later};
use crate::host::password::{NOBODY, ROOM, Room, SALT};
use crate::secret::Secret;

/// So many wait for their turn; more are refused.
const LONGEST_LINE: usize = 64;

/// Hashing may use so much of the memory that the process may have: one part of this many.
const SHARE: u64 = 4;

/// Hashes passwords with argon2id.
#[derive(Debug)]
pub struct Argon2id {
    turns: Arc<Semaphore>,
    line: Semaphore,
    /// As many as ever had their turn at the same time.
    rooms: Arc<Mutex<Vec<Room>>>,
}

impl Argon2id {
    /// Hashes at most so many passwords at a time.
    pub fn new(at_once: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            line: Semaphore::new(LONGEST_LINE),
            rooms: Arc::default(),
        }
    }

    /// One for each processor, as far as they fit into the memory that the process may have.
    pub fn fitting(processors: usize, memory: Option<u64>) -> Self {
        let fitting = memory.map_or(u64::MAX, |bytes| bytes / SHARE / ROOM);
        Self::new(processors.min(usize::try_from(fitting).unwrap_or(usize::MAX)))
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Room) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = self.line.try_acquire().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| PasswordError::Busy)?;
        let rooms = Arc::clone(&self.rooms);
        let done = tokio::task::spawn_blocking(move || {
            // Whoever asked may be gone by now, but the work goes on: the turn ends with the work.
            let _turn = turn;
            let lock = || rooms.lock().unwrap_or_else(PoisonError::into_inner);
            let mut room = lock().pop().unwrap_or_default();
            let result = work(&mut room);
            lock().push(room);
            result
        });
        let done = done.await;
        drop(place);
        done.map_err(|error| PasswordError::Failed(error.to_string()))
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: Secret) -> Reply<'_, Result<String, PasswordError>> {
        later(async move {
            let mut salt = [0_u8; SALT];
            let filled = getrandom::fill(&mut salt);
            filled.map_err(|error| PasswordError::Failed(error.to_string()))?;
            let hashed = self.in_turn(move |room| room.hash(password.expose(), &salt)).await?;
            hashed.map_err(PasswordError::Failed)
        })
    }

    fn verify(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Reply<'_, Result<bool, PasswordError>> {
        later(async move {
            let exists = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let matches = self.in_turn(move |room| room.verify(password.expose(), &hash)).await?;
            Ok(exists && matches)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_waits_for_any_more_keeps_its_turn() {
        let hasher = Arc::new(Argon2id::new(1));
        let (tells, told) = mpsc::channel();
        let (finish, finished) = mpsc::channel::<()>();
        let first = Arc::clone(&hasher);
        let first = tokio::spawn(async move {
            let work = move |_: &mut Room| {
                tells.send(()).expect("somebody waits for it");
                finished.recv().expect("somebody says when");
            };
            first.in_turn(work).await
        });
        tokio::task::spawn_blocking(move || told.recv()).await.expect("it ran").expect("it began");
        first.abort();
        assert!(first.await.expect_err("it was aborted").is_cancelled());
        assert_eq!(hasher.turns.available_permits(), 0, "the work still goes on");
        finish.send(()).expect("the work goes on");
        hasher.in_turn(|_| ()).await.expect("its turn came");
        assert_eq!(hasher.rooms.lock().expect("unharmed").len(), 1);
    }

    #[test]
    fn only_so_many_work_as_fit_into_a_quarter_of_the_memory() {
        let turns =
            |processors, memory| Argon2id::fitting(processors, memory).turns.available_permits();
        assert_eq!(turns(8, None), 8);
        assert_eq!(turns(8, Some(256 * 1024 * 1024)), 3);
        assert_eq!(turns(2, Some(256 * 1024 * 1024)), 2);
        assert_eq!(turns(2, Some(1024 * 1024)), 1);
    }
}
