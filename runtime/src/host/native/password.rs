//! Argon2id on a few threads of its own, so that hashing never holds up other requests.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::binding::password::{PasswordError, PasswordHasher};
use crate::binding::{Reply, later};
use crate::secret::Secret;

/// So many wait for their turn; more are refused.
const LONGEST_LINE: usize = 64;

/// Hashes passwords with argon2id (19 MiB, two passes, one lane; OWASP's first choice).
#[derive(Debug)]
pub struct Argon2id {
    turns: Semaphore,
    line: Semaphore,
    nobody: Result<String, String>,
}

impl Argon2id {
    /// Hashes at most so many passwords at a time.
    pub fn new(at_once: usize) -> Self {
        Self {
            turns: Semaphore::new(at_once.max(1)),
            line: Semaphore::new(LONGEST_LINE),
            nobody: hash("the password of nobody"),
        }
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

fn hasher() -> Result<Argon2<'static>, String> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, String> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), &hash).is_ok())
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: Secret) -> Reply<'_, Result<String, PasswordError>> {
        later(async move {
            let hashed = self.in_turn(move || hash(password.expose())).await?;
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
            let hash = match hash {
                Some(hash) => hash,
                None => self.nobody.clone().map_err(PasswordError::Failed)?,
            };
            let matches = self.in_turn(move || verify(password.expose(), &hash)).await?;
            Ok(exists && matches)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let hash = hash("correct horse").expect("hashing works");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse", &hash));
        assert!(!verify("wrong horse", &hash));
        assert!(!verify("correct horse", "not a hash"));
    }
}
