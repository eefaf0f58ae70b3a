//! Black-box acceptance checks of any spec's service, over HTTP.
//!
//! A [`plan`] names the spec, the environment and the features. Features ([`catalogue`]) are generic; everything
//! concrete comes from the spec. Scenarios send requests ([`exchange`]) as accounts of their own ([`accounts`]);
//! the [`writer`] records evidence and does its own accounting.

pub mod accounts;
pub mod call;
pub mod catalogue;
pub mod chaos;
pub mod command;
pub mod exchange;
pub mod failure;
pub mod front;
pub mod generate;
pub mod grade;
pub mod harness;
pub mod kept;
pub mod lms;
pub mod needs;
pub mod plan;
pub mod provider;
pub mod proxy;
pub mod raw;
pub mod run;
pub mod socket;
pub mod steps;
pub mod tls;
pub mod token;
pub mod turn;
pub mod vectors;
pub mod world;
pub mod writer;
