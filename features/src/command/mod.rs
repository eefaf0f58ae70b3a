//! The commands of the binary.

mod accounts;
mod identify;
mod verify;

pub use accounts::accounts;
pub use identify::{Identity, identify};
pub use verify::{Environment, assemble, target, verify};
