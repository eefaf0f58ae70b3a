//! RSA signatures (RS256, RFC 7518 section 3.3), made and checked by what the host has: never by code of ours.

use super::Reply;

/// The smallest modulus that is accepted, in bytes (2048 bits, RFC 7518 section 3.3).
const SMALLEST: usize = 256;
/// The largest one, so that nobody makes a check take for ever (8192 bits).
const LARGEST: usize = 1024;
/// The largest exponent that is accepted, in bytes.
const LARGEST_EXPONENT: usize = 4;

/// Why a signature was not made or not checked.
#[derive(Debug, thiserror::Error)]
#[error("the key cannot be used: {0}")]
pub struct RsaError(pub String);

/// The public half of a key, big-endian and without leading zeroes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// A key of a size that is accepted.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let strip = |bytes: &[u8]| {
            let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes[zeroes..].to_vec()
        };
        let (modulus, exponent) = (strip(modulus), strip(exponent));
        let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last & 1 == 1);
        let fits = (SMALLEST..=LARGEST).contains(&modulus.len())
            && exponent.len() <= LARGEST_EXPONENT
            && exponent != [1]
            && is_odd(&modulus)
            && is_odd(&exponent);
        fits.then_some(Self { modulus, exponent })
    }

    /// The modulus.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

/// Makes and checks signatures with RSASSA-PKCS1-v1_5 and SHA-256.
pub trait Rsa: Send + Sync + 'static {
    /// Whether a signature over a message is one of this key.
    fn verify<'a>(
        &'a self,
        key: &'a PublicKey,
        message: &'a [u8],
        signature: &'a [u8],
    ) -> Reply<'a, Result<bool, RsaError>>;

    /// Signs a message with a private key (PKCS #8, DER).
    fn sign<'a>(&'a self, key: &'a [u8], message: &'a [u8])
    -> Reply<'a, Result<Vec<u8>, RsaError>>;

    /// The public half of a private key (PKCS #8, DER).
    fn public<'a>(&'a self, key: &'a [u8]) -> Reply<'a, Result<PublicKey, RsaError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_neither_too_small_nor_too_large_and_its_exponent_does_something() {
        let modulus = |length: usize| vec![0xff; length];
        let exponent = [1, 0, 1];
        assert!(PublicKey::new(&modulus(256), &exponent).is_some());
        assert!(PublicKey::new(&[&[0], &*modulus(256)].concat(), &exponent).is_some());
        for (length, exponent) in
            [(255, &exponent[..]), (1025, &exponent), (256, &[1]), (256, &[2]), (256, &[])]
        {
            assert!(PublicKey::new(&modulus(length), exponent).is_none(), "{length} {exponent:?}");
        }
        assert!(PublicKey::new(&[&[0; 250][..], &modulus(128)].concat(), &exponent).is_none());
    }
}
