//! What replicas share when there is a Redis, and what each process has for itself when there is none.

use std::sync::Arc;

use super::queues::Receiver;
use crate::binding::kv::KeyValueStore;
use crate::binding::queue::Queue;
use crate::binding::rate_store::RateStore;
use crate::definition::{self, Definition};
use crate::host::log::Log;
use crate::host::native::config::Config;
use crate::host::native::memory;
use crate::host::native::tasks::Turns;
use crate::host::rates::MemoryRates;

#[cfg(feature = "redis")]
use crate::host::native::redis::{self, lease};

/// The Redis of a service, if it has one. Nothing is connected before it is used.
pub(in crate::host::native) struct Shared {
    #[cfg(feature = "redis")]
    server: Option<Server>,
}

#[cfg(feature = "redis")]
struct Server {
    definition: &'static Definition,
    link: redis::link::Link,
    url: crate::secret::Secret,
    log: Log,
}

#[cfg(feature = "redis")]
impl Shared {
    /// What the configuration names.
    pub(in crate::host::native) fn new(
        definition: &'static Definition,
        config: &Config,
        log: &Log,
    ) -> Result<Self, String> {
        let server = |url: &crate::secret::Secret| {
            let options = redis::link::Options::of(definition);
            let link = redis::link::Link::new(url, options, log.clone());
            let link = link.map_err(|error| format!("REDIS_URL: {error}"))?;
            Ok::<_, String>(Server { definition, link, url: url.clone(), log: log.clone() })
        };
        Ok(Self { server: config.redis.as_ref().map(server).transpose()? })
    }

    /// A key-value store.
    pub(super) fn store(&self, name: &'static str) -> Arc<dyn KeyValueStore> {
        let Some(Server { definition, link, .. }) = &self.server else {
            return Arc::new(memory::kv::MemoryStore::default());
        };
        Arc::new(redis::kv::RedisStore::new(link.clone(), definition.service, name))
    }

    /// The counters of the rate limits.
    pub(in crate::host::native) fn rates(&self) -> Result<Arc<dyn RateStore>, String> {
        let Some(Server { definition, link, url, log }) = &self.server else {
            return Ok(Arc::new(MemoryRates::default()));
        };
        let (service, log) = (definition.service, log.clone());
        Ok(Arc::new(redis::rates::RedisRates::new(link.clone(), service, url, log)?))
    }

    /// Both ends of a queue.
    pub(super) fn queue(
        &self,
        queue: &'static definition::Queue,
    ) -> Result<(Arc<dyn Queue>, Receiver), String> {
        let Some(server) = &self.server else { return Ok(in_memory()) };
        let (service, silence) = (server.definition.service, redis::queue::SILENCE);
        let (sender, receiver) = redis::queue::queue(&server.link, service, queue.name, silence)?;
        Ok((Arc::new(sender), Receiver::Redis(Box::new(receiver))))
    }

    /// Begins to take part in the lease of the schedules; without a Redis every process leads.
    pub(in crate::host::native) fn lease(&self) -> Result<Option<Arc<dyn Turns>>, String> {
        let Some(server) = &self.server else { return Ok(None) };
        if server.definition.tasks.is_empty() {
            return Ok(None);
        }
        let (link, log) = (server.link.clone(), server.log.clone());
        let (service, term) = (server.definition.service, lease::TERM);
        Ok(Some(Arc::new(lease::Lease::start(link, service, term, log)?)))
    }
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with a Redis")]
impl Shared {
    /// What the configuration names: nothing.
    pub(in crate::host::native) fn new(
        _: &'static Definition,
        _: &Config,
        _: &Log,
    ) -> Result<Self, String> {
        Ok(Self {})
    }

    /// A key-value store.
    pub(super) fn store(&self, _: &'static str) -> Arc<dyn KeyValueStore> {
        Arc::new(memory::kv::MemoryStore::default())
    }

    /// The counters of the rate limits.
    pub(in crate::host::native) fn rates(&self) -> Result<Arc<dyn RateStore>, String> {
        Ok(Arc::new(MemoryRates::default()))
    }

    /// Both ends of a queue.
    pub(super) fn queue(
        &self,
        _: &'static definition::Queue,
    ) -> Result<(Arc<dyn Queue>, Receiver), String> {
        Ok(in_memory())
    }

    /// Every process leads.
    pub(in crate::host::native) fn lease(&self) -> Result<Option<Arc<dyn Turns>>, String> {
        Ok(None)
    }
}

fn in_memory() -> (Arc<dyn Queue>, Receiver) {
    let (sender, receiver) = memory::queue::queue();
    (Arc::new(sender), Receiver::Memory(receiver))
}
