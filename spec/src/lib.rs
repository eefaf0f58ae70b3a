//! What a Proofline spec can say, and whether it makes sense.
//!
//! A synchronous library without C code. Documents ([`document`]) with their units ([`mod@unit`]) are loaded
//! ([`load`]) and checked ([`check`]); what is wrong with them is data ([`diagnostic`]). Their JSON Schemas are
//! generated ([`schema`]). Evidence and verdicts are in [`evidence`], the exit codes of every command in [`exit`].

pub mod check;
pub mod diagnostic;
pub mod document;
pub mod evidence;
pub mod exit;
pub mod load;
pub mod schema;
pub mod unit;
