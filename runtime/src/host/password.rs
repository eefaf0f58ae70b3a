//! Argon2id, as every host computes it.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// A hash of the same cost that belongs to nobody: who has no account is not told by the time.
pub const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$Lj8K2nQdWc7tJx0bq0m4gk1oXr5s9VvYzUe3pHfTa6E";
/// How long a salt is, in bytes.
pub const SALT: usize = 16;
/// 19 MiB, two passes, one lane: OWASP's first choice.
const MEMORY: u32 = 19_456;
/// What one hash takes, in bytes.
pub const ROOM: u64 = MEMORY as u64 * 1024;

/// The memory that hashes are computed in, one after the other. Who lets go of it and asks for it anew has it once in
/// each heap of the allocator after a while, of which there are several for each processor.
#[derive(Debug, Default)]
pub struct Room(Vec<Block>);

impl Room {
    fn compute(
        &mut self,
        (algorithm, version, params): (Algorithm, Version, &Params),
        password: &[u8],
        salt: &[u8],
    ) -> Result<Output, String> {
        let mut out = [0_u8; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let out = out.get_mut(..length).ok_or("the hash is too long")?;
        let blocks = params.block_count();
        if self.0.len() != blocks {
            // Exactly as much: a hash of another cost must not be paid for from then on.
            self.0 = vec![Block::default(); blocks];
        }
        Argon2::new(algorithm, version, params.clone())
            .hash_password_into_with_memory(password, salt, out, &mut self.0)
            .map_err(|error| error.to_string())?;
        Output::new(out).map_err(|error| error.to_string())
    }

    /// The PHC string of a password.
    pub fn hash(&mut self, password: &str, salt: &[u8; SALT]) -> Result<String, String> {
        let params = Params::new(MEMORY, 2, 1, None).map_err(|error| error.to_string())?;
        let how = (Algorithm::Argon2id, Version::V0x13, &params);
        let output = self.compute(how, password.as_bytes(), salt)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|error| error.to_string())?,
            salt: Some(Salt::new(salt).map_err(|error| error.to_string())?),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    /// Whether a password has this hash.
    pub fn verify(&mut self, password: &str, hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return false };
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return false };
        let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from);
        let algorithm = Algorithm::try_from(hash.algorithm.as_str());
        let (Ok(algorithm), Ok(version), Ok(params)) =
            (algorithm, version, Params::try_from(&hash))
        else {
            return false;
        };
        let output = self.compute((algorithm, version, &params), password.as_bytes(), salt);
        // An output is compared with another in constant time.
        output.is_ok_and(|output| output == *expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let mut room = Room::default();
        let hash = room.hash("correct horse", b"sixteen bytes...").expect("hashing works");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(room.verify("correct horse", &hash));
        assert!(!room.verify("wrong horse", &hash));
        assert!(!room.verify("correct horse", "not a hash"));
    }

    #[test]
    fn the_hash_of_nobody_costs_as_much_as_any() {
        let nobody = PasswordHash::new(NOBODY).expect("a hash");
        let other = Room::default().hash("x", b"sixteen bytes...").expect("hashing works");
        let other = PasswordHash::new(&other).expect("a hash");
        assert_eq!(nobody.algorithm, other.algorithm);
        assert_eq!(nobody.version, other.version);
        assert_eq!(nobody.params, other.params);
        assert_eq!(nobody.hash.map(|hash| hash.len()), other.hash.map(|hash| hash.len()));
    }

    #[test]
    fn what_was_hashed_before_in_the_same_memory_changes_nothing() {
        let mut used = Room::default();
        assert!(
            !used.verify(
                "x",
                "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcw$AAAAAAAAAAAAAAAAAAAAAA"
            )
        );
        used.hash("something else", b"other sixteen...").expect("hashing works");
        let fresh = Room::default().hash("x", b"sixteen bytes...").expect("hashing works");
        assert_eq!(used.hash("x", b"sixteen bytes..."), Ok(fresh));
        assert_eq!(used.0.len(), MEMORY as usize);
    }

    #[test]
    fn hashes_are_those_of_the_reference_implementation() {
        // echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32
        let known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(Room::default().verify("password", known));
    }
}
