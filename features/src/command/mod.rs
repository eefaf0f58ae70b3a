//! The commands of the binary.

mod accounts;
mod verify;

pub use accounts::accounts;
pub use verify::{Environment, assemble, target, verify};
