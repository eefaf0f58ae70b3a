//! What a route can do, one file each. Anything else is a method of the generated `Handlers` trait.

mod dead_letters;
mod enqueue;
mod health;
mod login;
mod query;
mod transaction;

pub use dead_letters::{dead_letters, replay};
pub use enqueue::enqueue;
pub use health::{Check, health, liveness, readiness};
pub use login::{Login, login};
pub use query::query;
pub use transaction::{Transaction, transaction};
