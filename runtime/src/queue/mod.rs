//! What is the same for the messages of all queues: ids, classes of errors, what was delivered, what died.

pub mod claim;
mod class;
pub mod delivered;
mod figures;
pub mod letters;
mod message;

pub use class::ErrorClass;
pub use figures::{Deliveries, Figure};
pub use message::{Delivery, Message};
