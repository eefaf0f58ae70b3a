//! What every request passes, one file or folder each; `crate::chain` says in which order.

pub mod auth;
pub mod body;
pub mod validate;
