//! Random faults under load, from a seed: rounds of load in which something breaks, and what must hold afterwards.
//!
//! What breaks and when is a `schedule` that the seed alone decides. The `load` is made of what the spec declares:
//! movements of a balance, things that are made and listed, what can be read. The `books` hold what each answer
//! promised, and are compared with what the service says once it is ready again.

mod books;
pub(crate) mod check;
mod collection;
mod document;
mod fault;
mod jobs;
mod load;
mod round;
mod schedule;

pub use document::{Document, RoundReport};
pub use fault::{Ability, Fault};
pub use jobs::Tally;
pub use round::{Options, run};
pub use schedule::{Event, Round, Schedule};
