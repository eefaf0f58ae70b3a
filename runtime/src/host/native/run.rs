//! Brings a service and its stores together and runs them until the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::clock::{SystemClock, SystemEntropy};
use super::config::Config;
use super::inside::Inside;
use super::memory::queue::{self, Receiver};
use super::metrics::Metrics;
use super::open::{self, Opening};
use super::password::Argon2id;
use super::{server, tasks};
use crate::binding::clock::Clock;
use crate::chain::Chain;
use crate::context::{Bindings, Context};
use crate::definition;
use crate::host::control::Control;
use crate::host::faults::{Faults, FaultyService};
use crate::host::log::{Level, Log};
use crate::host::rates::MemoryRates;
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
    let opening =
        Opening { definition, config: &config, faults: faults.as_ref(), clock: &clock, log: &log };
    let (queues, receivers) = open::queues(&opening);
    let bindings = Bindings {
        databases: open::databases(&opening).await?,
        stores: open::stores(&opening),
        queues,
        blobs: open::blobs(&opening)?,
        upstreams: open::upstreams(&opening)?,
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
