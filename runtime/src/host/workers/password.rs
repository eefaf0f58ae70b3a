//! Argon2id in the isolate: nothing else runs meanwhile, and it counts toward the CPU limit.

use std::sync::Arc;

use crate::binding::clock::Entropy;
use crate::binding::password::{PasswordError, PasswordHasher};
use crate::binding::{Reply, ready};
use crate::host::password::{NOBODY, Room, SALT};
use crate::secret::Secret;

/// Hashes passwords with argon2id.
pub(super) struct Argon2id(Arc<dyn Entropy>);

impl Argon2id {
    /// Salts come from here.
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self(entropy)
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: Secret) -> Reply<'_, Result<String, PasswordError>> {
        let mut salt = [0_u8; SALT];
        let filled = self.0.fill(&mut salt);
        let hashed = filled.and_then(|()| Room::default().hash(password.expose(), &salt));
        ready(hashed.map_err(PasswordError::Failed))
    }

    fn verify(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Reply<'_, Result<bool, PasswordError>> {
        let known = hash.as_deref().unwrap_or(NOBODY);
        let matches = Room::default().verify(password.expose(), known);
        ready(Ok(matches && hash.is_some()))
    }
}
