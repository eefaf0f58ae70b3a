//! RSA by AWS-LC, which is here already for TLS.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};

use crate::binding::rsa::{PublicKey, Rsa, RsaError};
use crate::binding::{Reply, ready};

/// RSA by AWS-LC.
#[derive(Debug)]
pub struct AwsLc;

fn key_pair(key: &[u8]) -> Result<RsaKeyPair, RsaError> {
    RsaKeyPair::from_pkcs8(key).map_err(|error| RsaError(error.to_string()))
}

fn sign(key: &[u8], message: &[u8]) -> Result<Vec<u8>, RsaError> {
    let pair = key_pair(key)?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
        .map_err(|error| RsaError(error.to_string()))?;
    Ok(signature)
}

fn public(key: &[u8]) -> Result<PublicKey, RsaError> {
    let pair = key_pair(key)?;
    let public = pair.public_key();
    let (modulus, exponent) = (public.modulus(), public.exponent());
    PublicKey::new(
        modulus.big_endian_without_leading_zero(),
        exponent.big_endian_without_leading_zero(),
    )
    .ok_or_else(|| RsaError("it must have 2048 bits or more".to_owned()))
}

impl Rsa for AwsLc {
    fn verify<'a>(
        &'a self,
        key: &'a PublicKey,
        message: &'a [u8],
        signature: &'a [u8],
    ) -> Reply<'a, Result<bool, RsaError>> {
        let components = PublicKeyComponents { n: key.modulus(), e: key.exponent() };
        ready(Ok(components.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()))
    }

    fn sign<'a>(
        &'a self,
        key: &'a [u8],
        message: &'a [u8],
    ) -> Reply<'a, Result<Vec<u8>, RsaError>> {
        ready(sign(key, message))
    }

    fn public<'a>(&'a self, key: &'a [u8]) -> Reply<'a, Result<PublicKey, RsaError>> {
        ready(public(key))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;

    use super::*;

    #[tokio::test]
    async fn what_a_key_signs_is_verified_by_its_public_half_only() {
        let private = || {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
            let der: Pkcs8V1Der<'_> = pair.as_der().expect("its DER");
            der.as_ref().to_vec()
        };
        let (key, other) = (private(), private());
        let signature = AwsLc.sign(&key, b"signed").await.expect("a signature");
        let public = AwsLc.public(&key).await.expect("a public half");
        let other = AwsLc.public(&other).await.expect("a public half");
        let verify = async |key, message| AwsLc.verify(key, message, &signature).await;
        assert!(verify(&public, b"signed").await.expect("an answer"));
        assert!(!verify(&public, b"Signed").await.expect("an answer"));
        assert!(!verify(&other, b"signed").await.expect("an answer"));
        assert!(AwsLc.sign(b"no key", b"signed").await.is_err());
    }
}
