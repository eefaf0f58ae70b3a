//! Files that clients send: streamed into a store, in little memory, and taken only for what they are.
//!
//! The first bytes decide what a file is ([`kind`]); its name is made harmless ([`name`]) and never becomes
//! its key. What arrives is passed on piece by piece ([`intake`]), no slower than a client may be
//! ([`arriving`]). What comes in several requests waits in parts ([`unfinished`]) and then goes the same way.
//! Nothing is decoded or unpacked here: archives are no kind of file that can be declared.

pub mod arriving;
pub mod asked;
pub mod intake;
pub mod kind;
pub mod name;
pub(crate) mod parts;
pub mod removed;
pub(crate) mod state;
pub mod unfinished;

pub use intake::Received;
