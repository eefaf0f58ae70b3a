//! Hashing of passwords, which takes long on purpose.

use super::Reply;
use crate::secret::Secret;

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are being hashed.
    #[error("too many passwords are being hashed")]
    Busy,
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes and verifies passwords without holding up other requests.
pub trait PasswordHasher: Send + Sync + 'static {
    /// The PHC string of a password.
    fn hash(&self, password: Secret) -> Reply<'_, Result<String, PasswordError>>;

    /// Whether a password has this hash. Without a hash it works as long and says no, so that the
    /// time tells nobody which accounts exist.
    fn verify(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Reply<'_, Result<bool, PasswordError>>;
}
