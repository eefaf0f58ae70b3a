//! How many connections this process holds at once, and what becomes of those that are too many.
//!
//! A connection beyond the most gets one of a few places in which one request is read: one about the
//! service's health is answered, every other is told to come again. Without such a place it is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::resident;
use crate::host::log::{Level, Log};

/// Descriptors for everything but clients: databases, caches, other services, files.
const RESERVED: u64 = 256;
/// So many connections that are too many are listened to at once.
const BEYOND: usize = 64;
/// More descriptors are never asked for; some systems refuse "no limit".
const ENOUGH: u64 = 1 << 20;
/// Where descriptors run out before so many connections, that is worth a line in the log.
const EXPECTED: usize = 10_000;
/// What a connection holds between requests is 18 KiB, and a tenth of it before it has said anything, as the suite
/// `stores` measures and prints; this leaves room for a head that is not finished.
const EACH: u64 = 24 * 1024;

/// How many connections there may be, and why not more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// So many.
    pub connections: usize,
    /// What sets the limit.
    pub because: &'static str,
}

/// Raises the limit of descriptors as far as the system allows, and says how many connections there
/// may be: as configured, or as memory permits, and never more than there are descriptors.
pub fn most(configured: Option<usize>, log: &Log) -> Most {
    let descriptors = raise();
    let memory = resident::memory().and_then(|memory| memory.limit);
    let most = choose(configured, descriptors, memory);
    if most.because == "descriptors" && most.connections < configured.unwrap_or(EXPECTED) {
        let members: [(&str, Value); 3] = [
            ("connections", most.connections.into()),
            ("limit", descriptors.into()),
            ("hint", "raise the hard limit of open files (ulimit -Hn, LimitNOFILE, nofile)".into()),
        ];
        log.event(Level::Warn, "few_descriptors", &members);
    }
    most
}

fn choose(configured: Option<usize>, descriptors: u64, memory: Option<u64>) -> Most {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let files = size(descriptors.saturating_sub(RESERVED)).saturating_sub(BEYOND).max(1);
    // Half of the memory is for all the rest.
    let wanted = match (configured, memory) {
        (Some(most), _) => Some((most, "configuration")),
        (None, Some(limit)) => Some((size(limit / 2 / EACH), "memory")),
        (None, None) => None,
    };
    match wanted {
        Some((connections, because)) if connections <= files => {
            Most { connections: connections.max(1), because }
        }
        _ => Most { connections: files, because: "descriptors" },
    }
}

/// The limit of descriptors, raised to the hard one where that works.
fn raise() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return ENOUGH };
    let wanted = hard.min(ENOUGH);
    if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        return wanted;
    }
    soft
}

/// The places for connections.
#[derive(Debug)]
pub struct Capacity {
    most: usize,
    places: Arc<Semaphore>,
    beyond: Arc<Semaphore>,
    full: AtomicBool,
    refused: AtomicU64,
    log: Log,
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// Whether there was none left: one request may be answered, if it is about the service's health.
    pub is_beyond: bool,
    _permit: OwnedSemaphorePermit,
}

impl Capacity {
    /// Places for so many.
    pub fn new(most: usize, log: Log) -> Self {
        Self {
            most,
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            beyond: Arc::new(Semaphore::new(BEYOND)),
            full: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            log,
        }
    }

    /// A place for a connection; `None` when it can only be closed.
    pub fn place(&self) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            // Not at the first free place: a line for each connection that comes and goes helps nobody.
            if self.places.available_permits() > self.most / 10
                && self.full.swap(false, Ordering::Relaxed)
            {
                self.log.event(Level::Info, "connections_accepted_again", &[]);
            }
            return Some(Place { is_beyond: false, _permit: permit });
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        if !self.full.swap(true, Ordering::Relaxed) {
            let members = [("connections", self.most.into())];
            self.log.event(Level::Warn, "connections_refused", &members);
        }
        let permit = Arc::clone(&self.beyond).try_acquire_owned().ok()?;
        Some(Place { is_beyond: true, _permit: permit })
    }

    /// How many there may be.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    /// How many were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_descriptors_memory_and_wish_counts() {
        let most = |configured, descriptors, memory| {
            let most = choose(configured, descriptors, memory);
            (most.connections, most.because)
        };
        assert_eq!(most(None, 20_000, None), (19_680, "descriptors"));
        assert_eq!(most(None, 1 << 20, Some(256 << 20)), (5461, "memory"));
        assert_eq!(most(Some(500), 1 << 20, Some(256 << 20)), (500, "configuration"));
        assert_eq!(most(Some(50_000), 20_000, None), (19_680, "descriptors"));
        assert_eq!(most(None, 100, None), (1, "descriptors"), "it still answers");
    }
}
