//! What emitters and templates see: every name and every decision is made here, none in a template.

pub(crate) mod cluster;
pub(crate) mod names;
pub(crate) mod platform;
pub(crate) mod policies;
pub(crate) mod prose;
pub(crate) mod service;
