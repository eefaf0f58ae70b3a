//! The command line as its users meet it: in a workspace of its own, through the binary, by exit code and words.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its ground is missing"
)]

mod coverage;
mod documents;
mod edited;
mod evidence;
mod parity;
mod retention;
mod signed;
mod workspace;
