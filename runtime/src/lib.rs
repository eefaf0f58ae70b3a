//! What a generated Proofline service is made of.
//!
//! Generated code is mostly constant tables ([`definition`], [`schema`], [`binding::sql::Statement`])
//! and one short function per operation. Everything general lives here: the life of a request, the
//! policies that it passes, the operations, and the hosts that run it all.

pub mod answer;
pub mod binding;
pub mod cache;
mod call;
pub mod chain;
pub mod context;
pub mod definition;
pub mod flags;
pub mod host;
mod lti;
pub mod operation;
pub mod pattern;
mod percent;
pub mod policy;
pub mod problem;
pub mod queue;
pub mod room;
pub mod schema;
pub mod secret;
pub mod service;
mod text_enum;
pub mod time;
pub mod upload;
pub mod watch;

pub use answer::{Answer, IntoOutcome, Outcome};
pub use binding::sql::{AsJson, Batch};
pub use call::{Call, Principal};
pub use context::{Context, hash_token, search_terms};
pub use problem::Failure;
pub use queue::{Delivery, ErrorClass};
pub use service::Service;
pub use upload::Received;

#[doc(hidden)]
pub use serde;
/// Any JSON value.
pub use serde_json::Value as Json;
