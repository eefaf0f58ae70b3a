//! The native host: one process with everything that a service needs in it.

pub mod capacity;
pub mod clock;
mod closing;
pub mod command;
pub mod config;
pub mod databases;
pub mod folder;
pub mod framing;
pub mod inside;
pub mod log;
pub mod memory;
pub mod metrics;
#[cfg(feature = "s3")]
pub mod object_store;
mod open;
pub mod pace;
pub mod password;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
pub mod requirements;
mod resident;
pub mod rsa;
mod run;
pub mod server;
pub mod sqlite;
pub mod storage;
pub mod tasks;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod trust;
mod uploads;
pub mod upstream;
mod websocket;

pub use command::main;
pub use run::{Running, start};
