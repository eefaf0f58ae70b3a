//! Stores in the memory of this process: the embedded default.

pub mod kv;
pub mod queue;
