//! What a Proofline spec can say, and whether it makes sense.
//!
//! A synchronous library without C code: loading ([`load`]), diagnostics ([`diagnostic`]), documents ([`document`]) with units ([`unit`]), evidence and
//! verdicts ([`evidence`]), and the exit codes of every command ([`exit`]).

pub mod check;
pub mod diagnostic;
pub mod document;
pub mod evidence;
pub mod exit;
pub mod load;
pub mod schema;
pub mod unit;
