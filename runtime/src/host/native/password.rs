//! Argon2id on a few threads of its own, so that hashing never holds up other requests.

use tokio::sync::Semaphore;

use crate::binding::password::{PasswordError, PasswordHasher};
use crate::binding::{Reply, later};
use crate::host::password::{NOBODY, SALT, hash, verify};
use crate::secret::Secret;

/// So many wait for their turn; more are refused.
const LONGEST_LINE: usize = 64;

/// Hashes passwords with argon2id.
#[derive(Debug)]
pub struct Argon2id {
    turns: Semaphore,
    line: Semaphore,
}

impl Argon2id {
    /// Hashes at most so many passwords at a time.
    pub fn new(at_once: usize) -> Self {
        Self { turns: Semaphore::new(at_once.max(1)), line: Semaphore::new(LONGEST_LINE) }
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.line.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _turn = self.turns.acquire().await.map_err(|_| PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| PasswordError::Failed(error.to_string()))
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: Secret) -> Reply<'_, Result<String, PasswordError>> {
        later(async move {
            let mut salt = [0_u8; SALT];
            let filled = getrandom::fill(&mut salt);
            filled.map_err(|error| PasswordError::Failed(error.to_string()))?;
            let hashed = self.in_turn(move || hash(password.expose(), &salt)).await?;
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
            let matches = self.in_turn(move || verify(password.expose(), &hash)).await?;
            Ok(exists && matches)
        })
    }
}
