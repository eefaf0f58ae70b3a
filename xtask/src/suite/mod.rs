//! Every suite of this workspace: what it tests, which tools it needs, how it runs.

mod chaos;
mod containers;
mod d1;
mod deploy;
mod export;
mod foreign;
mod formats;
mod kubernetes;
pub(crate) mod program;
pub(crate) mod record;
mod replicas;
mod rust;
mod search;
mod service;
mod stores;
mod table;
pub(crate) mod tool;
mod wrangler;

pub(crate) use table::{Outcome, SUITES, Suite};
pub(crate) use tool::{DOCKER, INITDB, POSTGRES, REDIS, Tool, find};
