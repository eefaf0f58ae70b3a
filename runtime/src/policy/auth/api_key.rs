//! Long random keys in a header. Only their SHA-256 is stored and looked up, so that neither the
//! database nor the time a look-up takes tells anything about a key.

use http::HeaderMap;

use crate::context::hash_token;
use crate::problem::Failure;

/// The longest key that is hashed.
const LONGEST: usize = 256;

/// The SHA-256 of the key that a request carries, in hexadecimal.
pub fn hash(headers: &HeaderMap, name: &str) -> Result<String, Failure> {
    let key = super::single(headers, name)?;
    if key.is_empty() || key.len() > LONGEST {
        return Err(Failure::unauthenticated("the key has a wrong length"));
    }
    Ok(hash_token(key))
}
