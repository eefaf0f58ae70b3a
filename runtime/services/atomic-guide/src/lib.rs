//! Learning tool inside a learning platform.

#[rustfmt::skip]
pub mod generated;
pub mod handlers;

pub use generated::Generated;
pub use handlers::App;

#[cfg(feature = "workers")]
proofline_runtime::workers!(Generated(App));
