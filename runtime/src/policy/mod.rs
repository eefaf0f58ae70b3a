//! What every request passes, one file or folder each; `crate::chain` says in which order.

pub mod address;
pub mod auth;
pub mod body;
pub mod breaker;
pub mod correlation;
pub mod cors;
pub mod headers;
pub mod limit;
pub mod metering;
pub mod owner;
pub mod problem;
pub mod records;
pub mod retry;
pub mod role;
pub mod switch;
pub mod target;
pub mod timeout;
pub mod transport;
pub mod validate;
