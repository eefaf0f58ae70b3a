//! The commands of the binary.

mod accounts;
mod dead_letters;
mod identify;
mod provider;
mod switch;
mod verify;

pub use accounts::accounts;
pub use dead_letters::{Wanted, dead_letters};
pub use identify::{Identity, identify};
pub use provider::provider;
pub use switch::{Turned, switch};
pub use verify::{Environment, assemble, target, verify};
