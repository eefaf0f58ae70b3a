//! Argon2id, as every host computes it.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

/// A hash of the same cost that belongs to nobody: who has no account is not told by the time.
pub const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$Lj8K2nQdWc7tJx0bq0m4gk1oXr5s9VvYzUe3pHfTa6E";
/// How long a salt is, in bytes.
pub const SALT: usize = 16;

/// 19 MiB, two passes, one lane: OWASP's first choice.
fn hasher() -> Result<Argon2<'static>, String> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a password.
pub fn hash(password: &str, salt: &[u8; SALT]) -> Result<String, String> {
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether a password has this hash.
pub fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let hash = hash("correct horse", b"sixteen bytes...").expect("hashing works");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse", &hash));
        assert!(!verify("wrong horse", &hash));
        assert!(!verify("correct horse", "not a hash"));
    }

    #[test]
    fn the_hash_of_nobody_costs_as_much_as_any() {
        let nobody = PasswordHash::new(NOBODY).expect("a hash");
        let other = hash("x", b"sixteen bytes...").expect("hashing works");
        let other = PasswordHash::new(&other).expect("a hash");
        assert_eq!(nobody.algorithm, other.algorithm);
        assert_eq!(nobody.version, other.version);
        assert_eq!(nobody.params, other.params);
        assert_eq!(nobody.hash.map(|hash| hash.len()), other.hash.map(|hash| hash.len()));
    }
}
