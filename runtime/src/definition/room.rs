//! Rooms in which those who are in them hear each other.

use std::time::Duration;

use super::Rate;
use crate::schema::Schema;

/// A kind of room; there is one for each id.
#[derive(Debug)]
pub struct Room {
    /// Name of the binding.
    pub name: &'static str,
    /// The schema of what is said in it.
    pub message: &'static Schema,
    /// How many may be in one at the same time.
    pub participants: u32,
    /// The largest message, in bytes.
    pub max_message: usize,
    /// How much one participant may say.
    pub rate: Rate,
    /// Who is silent for so long is no longer in it.
    pub idle: Duration,
}
