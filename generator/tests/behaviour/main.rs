//! The generator's behaviour, through its public interface.

mod sql;
mod support;
mod tree;
