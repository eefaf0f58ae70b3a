//! A reduced Luna: what the generator writes, and the few files that people write.
//!
//! Everything but `custom.rs` and the migrations is as generated code looks. In a service,
//! `custom.rs` is `src/handlers.rs`, and the rest is `src/generated/`.

#![expect(unreachable_pub, reason = "generated code is a library's; here it is part of a test")]

pub mod custom;
pub mod definition;
pub mod handlers;
pub mod operations;
pub mod routes;
pub mod schemas;
pub mod statements;
pub mod types;

pub use handlers::Generated;
