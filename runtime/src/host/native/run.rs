//! Brings a service and its stores together and runs them until the end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::clock::{SystemClock, SystemEntropy};
use super::config::Config;
use super::folder::Folder;
use super::inside::Inside;
use super::memory::kv::MemoryStore;
use super::memory::queue::{self, Receiver};
use super::metrics::Metrics;
use super::password::Argon2id;
use super::sqlite::{Sqlite, migration};
use super::upstream::HttpUpstream;
use super::{server, tasks};
use crate::binding::blob::BlobStore;
use crate::binding::clock::Clock;
use crate::binding::kv::KeyValueStore;
use crate::binding::queue::Queue;
use crate::binding::sql::Database;
use crate::binding::upstream::Upstream;
use crate::chain::Chain;
use crate::context::{Bindings, Context};
use crate::definition::{self, Definition};
use crate::host::control::Control;
use crate::host::faults::{Faults, FaultyDatabase, FaultyService, FaultyStore};
use crate::host::log::{Level, Log};
use crate::host::rates::MemoryRates;
use crate::host::upstream::Attempts;
use crate::service::Service;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long queues may take to empty when the process ends.
const DRAIN: Duration = Duration::from_secs(5);

/// A service that listens.
#[derive(Debug)]
pub struct Running<S> {
    listener: TcpListener,
    address: SocketAddr,
    inside: Arc<Inside<S>>,
    queues: Vec<(&'static definition::Queue, Receiver)>,
    log: Log,
}

/// Applies migrations, opens everything, and listens.
pub async fn start<S: Service>(
    service: S,
    mut config: Config,
    log: Log,
) -> Result<Running<FaultyService<S>>, String> {
    let definition = service.definition();
    let faults = config.common.faults.then(|| Arc::new(Faults::default()));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let fault_control = faults.as_ref().map(|faults| (faults, &clock));
    let (queues, receivers) = queues(definition);
    let bindings = Bindings {
        databases: databases(definition, &config, fault_control, &log)?,
        stores: stores(definition, fault_control),
        queues,
        blobs: blobs(definition, &config)?,
        upstreams: upstreams(definition, &config, &clock)?,
        clock: Arc::clone(&clock),
        entropy: Arc::new(SystemEntropy),
        passwords: Arc::new(Argon2id::new(
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        )),
    };
    let settings = std::mem::take(&mut config.common.settings);
    let context = Arc::new(Context::new(definition, settings, bindings));
    let metrics = Arc::new(Metrics::new(definition, log.clone()));
    let observer = Arc::clone(&metrics);
    let rates = Arc::new(MemoryRates::default());
    let disturbed = faults.clone().map(|faults| (faults, clock));
    let service = FaultyService::new(service, disturbed);
    let chain = Chain::new(service, context, rates, observer, BODY_TIMEOUT)?;
    let inside = Inside {
        control: Control::new(chain, faults)?,
        metrics,
        serves_metrics: config.metrics,
        metrics_token: config.metrics_token,
        trusted_proxies: config.trusted_proxies,
    };
    let listening = TcpListener::bind(config.address).await;
    let listener = listening.map_err(|error| format!("{}: {error}", config.address))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(Running { listener, address, inside: Arc::new(inside), queues: receivers, log })
}

impl<S: Service> Running<S> {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service's log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Answers requests until it is told to stop, then finishes what is under way. False when not
    /// everything could be finished.
    pub async fn until(self, stop: impl Future<Output = ()>) -> bool {
        let Self { listener, inside, queues, log, .. } = self;
        let definition = inside.chain().context().definition();
        let mut background = JoinSet::new();
        for task in definition.tasks {
            let (inside, log) = (Arc::clone(&inside), log.clone());
            background.spawn(async move {
                tasks::run(inside.chain().service(), inside.chain().context(), task, &log).await;
            });
        }
        if let Some(metering) = &definition.metering {
            let (inside, log) = (Arc::clone(&inside), log.clone());
            background.spawn(async move {
                loop {
                    tokio::time::sleep(metering.flush).await;
                    flush(&inside, &log).await;
                }
            });
        }
        let (stopping, stopped) = watch::channel(false);
        let mut consumers = JoinSet::new();
        for (queue, receiver) in queues {
            let (inside, log, stopped) = (Arc::clone(&inside), log.clone(), stopped.clone());
            consumers.spawn(async move {
                let (service, context) = (inside.chain().service(), inside.chain().context());
                queue::consume(service, context, queue, receiver, &stopped, &log).await;
            });
        }
        let finished = server::serve(listener, Arc::clone(&inside), stop).await;
        background.shutdown().await;
        flush(&inside, &log).await;
        // Nobody listens when there are no queues.
        let _ = stopping.send(true);
        // Consumers wait for messages for ever; what is under way gets a moment.
        if !drain(&inside, DRAIN).await {
            log.event(Level::Error, "messages_lost", &[]);
        }
        consumers.shutdown().await;
        finished
    }
}

/// Waits until no queue has messages, at most so long.
async fn drain<S: Service>(inside: &Inside<S>, longest: Duration) -> bool {
    let context = inside.chain().context();
    let idle = async {
        for queue in context.definition().queues {
            while context.queue(queue.name).is_ok_and(|queue| queue.waiting() > 0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    tokio::time::timeout(longest, idle).await.is_ok()
}

async fn flush<S: Service>(inside: &Inside<S>, log: &Log) {
    if let Err(failure) = inside.chain().flush_metering().await {
        log.event(Level::Warn, "metering_failed", &[("cause", failure.to_string().into())]);
    }
}

/// One file for one database; further databases get files beside it.
pub(super) fn path(config: &Config, position: usize, name: &str) -> std::path::PathBuf {
    if position == 0 {
        config.database.clone()
    } else {
        config.database.with_extension(format!("{name}.db"))
    }
}

fn databases(
    definition: &'static Definition,
    config: &Config,
    faults: Option<(&Arc<Faults>, &Arc<dyn Clock>)>,
    log: &Log,
) -> Result<HashMap<&'static str, Arc<dyn Database>>, String> {
    let mut databases: HashMap<&'static str, Arc<dyn Database>> = HashMap::new();
    for (position, database) in definition.databases.iter().enumerate() {
        let path = path(config, position, database.name);
        for name in migration::migrate(&path, database.migrations)? {
            log.event(Level::Info, "migrated", &[("migration", name.into())]);
        }
        let store: Arc<dyn Database> = Arc::new(Sqlite::open(&path, database.statement_timeout)?);
        let store = match faults {
            Some((faults, clock)) => Arc::new(FaultyDatabase::new(
                database.name,
                store,
                Arc::clone(faults),
                Arc::clone(clock),
            )),
            None => store,
        };
        databases.insert(database.name, store);
    }
    Ok(databases)
}

fn stores(
    definition: &'static Definition,
    faults: Option<(&Arc<Faults>, &Arc<dyn Clock>)>,
) -> HashMap<&'static str, Arc<dyn KeyValueStore>> {
    let store = |store: &'static definition::KeyValue| {
        let memory: Arc<dyn KeyValueStore> = Arc::new(MemoryStore::default());
        let memory = match faults {
            Some((faults, clock)) => Arc::new(FaultyStore::new(
                store.name,
                memory,
                Arc::clone(faults),
                Arc::clone(clock),
            )),
            None => memory,
        };
        (store.name, memory)
    };
    definition.stores.iter().map(store).collect()
}

/// Each store of files is a folder beside the database.
fn blobs(
    definition: &'static Definition,
    config: &Config,
) -> Result<HashMap<&'static str, Arc<dyn BlobStore>>, String> {
    let mut blobs: HashMap<&'static str, Arc<dyn BlobStore>> = HashMap::new();
    for blob in definition.blobs {
        let folder = Folder::open(config.database.with_extension(format!("{}.files", blob.name)))?;
        blobs.insert(blob.name, Arc::new(folder));
    }
    Ok(blobs)
}

type Queues = HashMap<&'static str, Arc<dyn Queue>>;

fn queues(
    definition: &'static Definition,
) -> (Queues, Vec<(&'static definition::Queue, Receiver)>) {
    let mut queues: Queues = HashMap::new();
    let mut receivers = Vec::new();
    for queue in definition.queues {
        let (sender, receiver) = queue::queue();
        queues.insert(queue.name, Arc::new(sender));
        receivers.push((queue, receiver));
    }
    (queues, receivers)
}

fn upstreams(
    definition: &'static Definition,
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<HashMap<&'static str, Arc<dyn Upstream>>, String> {
    let mut upstreams: HashMap<&'static str, Arc<dyn Upstream>> = HashMap::new();
    for upstream in definition.upstreams {
        let base_url = config.common.base_urls.get(upstream.name).map(String::as_str);
        let bearer =
            upstream.bearer.and_then(|name| config.common.settings.secrets.get(name).cloned());
        let attempts = Attempts::new(upstream, Arc::clone(clock), Arc::new(SystemEntropy));
        let client = HttpUpstream::new(upstream, base_url, bearer, attempts)?;
        upstreams.insert(upstream.name, Arc::new(client));
    }
    Ok(upstreams)
}
