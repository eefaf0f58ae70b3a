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
use super::metrics::Metrics;
use super::open::{self, Opening, Receiver, Shared};
use super::password::Argon2id;
use super::server;
use super::tasks::{self, Turns};
use crate::binding::clock::Clock;
use crate::binding::queue::Queue;
use crate::chain::Chain;
use crate::context::{Bindings, Context};
use crate::definition;
use crate::host::control::Control;
use crate::host::faults::{Faults, FaultyService};
use crate::host::log::{Level, Log};
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
    turns: Option<Arc<dyn Turns>>,
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
    let shared = Shared::new(definition, &config, &log)?;
    let opening = Opening {
        definition,
        config: &config,
        shared: &shared,
        faults: faults.as_ref(),
        clock: &clock,
        log: &log,
    };
    let (queues, receivers) = open::queues(&opening)?;
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
    let rates = shared.rates()?;
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
    let turns = shared.lease()?;
    Ok(Running { listener, address, inside: Arc::new(inside), queues: receivers, turns, log })
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
        let Self { listener, inside, queues, turns, log, .. } = self;
        let definition = inside.chain().context().definition();
        let mut background = JoinSet::new();
        for task in definition.tasks {
            let (inside, turns, log) = (Arc::clone(&inside), turns.clone(), log.clone());
            background.spawn(async move {
                let (service, context) = (inside.chain().service(), inside.chain().context());
                tasks::run(service, context, task, turns.as_deref(), &log).await;
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
                receiver.consume(service, context, queue, &stopped, &log).await;
            });
        }
        let finished = server::serve(listener, Arc::clone(&inside), stop).await;
        background.shutdown().await;
        if let Some(turns) = turns {
            turns.give_back().await;
        }
        flush(&inside, &log).await;
        // Nobody listens when there are no queues.
        let _ = stopping.send(true);
        // What is under way gets a moment. What waits elsewhere than in memory stays there.
        let drained = async {
            drain(&inside).await;
            // Those that read memory wait for messages for ever.
            if all_durable(&inside) {
                while consumers.join_next().await.is_some() {}
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            log.event(Level::Error, "messages_not_finished", &[]);
        }
        consumers.shutdown().await;
        finished
    }
}

/// Waits until no queue in memory has messages.
async fn drain<S: Service>(inside: &Inside<S>) {
    let context = inside.chain().context();
    let in_memory = |queue: &dyn Queue| !queue.is_durable() && queue.waiting() > 0;
    for queue in context.definition().queues {
        while context.queue(queue.name).is_ok_and(in_memory) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn all_durable<S: Service>(inside: &Inside<S>) -> bool {
    let context = inside.chain().context();
    let is_durable =
        |queue: &definition::Queue| context.queue(queue.name).is_ok_and(Queue::is_durable);
    context.definition().queues.iter().all(is_durable)
}

async fn flush<S: Service>(inside: &Inside<S>, log: &Log) {
    if let Err(failure) = inside.chain().flush_metering().await {
        log.event(Level::Warn, "metering_failed", &[("cause", failure.to_string().into())]);
    }
}
