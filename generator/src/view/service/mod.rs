//! The view of a service's Rust code: one file for each generated module.
pub(crate) mod definition;
pub(crate) mod expressions;
mod flags;
pub(crate) mod handlers;
pub(crate) mod literals;
mod lti;
pub(crate) mod operations;
pub(crate) mod patterns;
mod rooms;
pub(crate) mod routes;
pub(crate) mod schemas;
mod search;
pub(crate) mod statements;
pub(crate) mod types;
