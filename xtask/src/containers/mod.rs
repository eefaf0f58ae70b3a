//! Containers: the engine on this machine, the image of a service, and what runs of it.

pub(crate) mod engine;
pub(crate) mod image;
pub(crate) mod setup;
