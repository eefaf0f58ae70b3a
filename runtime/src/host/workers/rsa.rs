//! RSA by the platform (Web Cryptography): in constant time, and nothing of it is in the worker.

use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, JsValue};

use super::glue;
use crate::binding::rsa::{PublicKey, Rsa, RsaError};
use crate::binding::{Reply, later};

/// RSA by the platform.
#[derive(Debug)]
pub(super) struct WebCrypto;

fn failed(error: &JsValue) -> RsaError {
    RsaError(glue::explain(error))
}

impl Rsa for WebCrypto {
    fn verify<'a>(
        &'a self,
        key: &'a PublicKey,
        message: &'a [u8],
        signature: &'a [u8],
    ) -> Reply<'a, Result<bool, RsaError>> {
        later(SendWrapper::new(async move {
            let verified =
                glue::rsa_verify(key.modulus(), key.exponent(), message, signature).await;
            verified.map(|verified| verified.is_truthy()).map_err(|error| failed(&error))
        }))
    }

    fn sign<'a>(
        &'a self,
        key: &'a [u8],
        message: &'a [u8],
    ) -> Reply<'a, Result<Vec<u8>, RsaError>> {
        later(SendWrapper::new(async move {
            let signature = glue::rsa_sign(key, message).await.map_err(|error| failed(&error))?;
            Ok(signature.to_vec())
        }))
    }

    fn public<'a>(&'a self, key: &'a [u8]) -> Reply<'a, Result<PublicKey, RsaError>> {
        later(SendWrapper::new(async move {
            let both = glue::rsa_public(key).await.map_err(|error| failed(&error))?;
            let bytes = |at| {
                let bytes = glue::field(&both, at).dyn_into::<Uint8Array>();
                bytes.map(|bytes| bytes.to_vec()).unwrap_or_default()
            };
            PublicKey::new(&bytes(0), &bytes(1))
                .ok_or_else(|| RsaError("it must have 2048 bits or more".to_owned()))
        }))
    }
}
