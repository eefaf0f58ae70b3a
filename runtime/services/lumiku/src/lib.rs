//! Backend for an AI media application.

#[rustfmt::skip]
pub mod generated;
pub mod handlers;
pub mod provider;

pub use generated::Generated;
pub use handlers::App;
