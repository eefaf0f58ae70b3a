//! Redis or Valkey: what replicas of a service share.
//!
//! One server holds everything, and every key begins with the name of the service, so that services
//! can share it.

pub mod kv;
pub mod lease;
pub mod link;
pub mod queue;
pub mod rates;

use redis::RedisError;

/// An error in one line. What Redis says never holds the URL or its password.
fn explain(error: &RedisError) -> String {
    error.to_string()
}
