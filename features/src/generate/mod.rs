//! Makes valid and invalid values from JSON Schemas.

mod cases;
pub mod file;
mod text;
mod valid;

pub use cases::{Case, cases};
pub use text::{matching, text_of_format};
pub use valid::Generator;
