//! Opens what a service is bound to, by the configuration: one file for each kind of binding.

mod blobs;
pub(super) mod databases;
mod queues;
mod shared;
mod stores;
mod upstreams;

use std::sync::Arc;

pub(super) use blobs::blobs;
pub(super) use databases::databases;
pub(super) use queues::{Receiver, queues};
pub(super) use shared::Shared;
pub(super) use stores::stores;
pub(super) use upstreams::upstreams;

use super::config::Config;
use crate::binding::clock::Clock;
use crate::definition::Definition;
use crate::host::faults::FaultControl;
use crate::host::log::Log;

/// What every kind of binding is opened with.
pub(super) struct Opening<'a> {
    /// What the service is.
    pub(super) definition: &'static Definition,
    /// How it was configured.
    pub(super) config: &'a Config,
    /// What replicas share.
    pub(super) shared: &'a Shared,
    /// The faults that tests may switch on, where they may.
    pub(super) faults: FaultControl<'a>,
    /// Time.
    pub(super) clock: &'a Arc<dyn Clock>,
    /// Where what was done is told.
    pub(super) log: &'a Log,
}
