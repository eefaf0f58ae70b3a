//! The target `workers`: its tools, the build of a worker, and how wrangler is called.

pub(crate) mod build;
pub(crate) mod deploy;
mod offenders;
pub(crate) mod toolchain;
pub(crate) mod tools;
pub(crate) mod wrangler;
