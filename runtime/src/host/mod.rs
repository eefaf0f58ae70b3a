//! What runs a service: a process, or a platform.

#[cfg(feature = "native")]
pub mod native;
