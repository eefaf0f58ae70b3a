//! What a route can do, one file each. Anything else is a method of the generated `Handlers` trait.

mod asset;
mod control;
mod dead_letters;
mod download;
mod enqueue;
mod health;
mod login;
mod lti;
mod query;
mod resume;
mod room;
mod search;
mod transaction;
mod upload;

pub use asset::{Asset, asset};
pub use control::{evaluate_flags, flags, set_flag, set_switch, switches};
pub use dead_letters::{dead_letters, replay};
pub use download::download;
pub use enqueue::enqueue;
pub use health::{Check, health, liveness, readiness};
pub use login::{Login, login};
pub use lti::{lti_configuration, lti_deep_link, lti_keys, lti_launch, lti_login, lti_register};
pub use query::query;
pub use resume::resume;
pub use room::room;
pub use search::{index, index_pending, search};
pub use transaction::{Transaction, transaction};
pub use upload::{Record, upload};
