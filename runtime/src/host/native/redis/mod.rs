//! Redis or Valkey: what replicas of a service share.
//!
//! One server holds everything, and every key begins with the name of the service, so that services
//! can share it.

mod address;
pub mod kv;
pub mod lease;
pub mod link;
pub mod queue;
pub mod rates;

use std::time::Duration;

use redis::RedisError;

use super::trust;
use crate::context::hex;

/// An error in one line. What Redis says never holds the URL or its password.
fn explain(error: &RedisError) -> String {
    trust::advised(error.to_string())
}

/// As Redis takes a time.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A name that no other process gives itself.
fn name() -> Result<String, String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    Ok(hex(&random))
}
