//! Brings a service and its stores together and runs them until the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::capacity::{self, Capacity};
use super::clock::{SystemClock, SystemEntropy};
use super::config::Config;
use super::inside::Inside;
use super::metrics::Metrics;
use super::open::{self, Opening, Receiver, Shared};
use super::password::Argon2id;
use super::rsa::AwsLc;
use super::tasks::{self, Turns};
use super::{resident, server, uploads};
use crate::binding::clock::Clock;
use crate::chain::Chain;
use crate::context::{Bindings, Context};
use crate::definition::{self, Http};
use crate::host::BODY_TIMEOUT;
use crate::host::control::Control;
use crate::host::faults::{Faults, FaultyService};
use crate::host::isolated;
use crate::host::log::{Level, Log};
use crate::host::records;
use crate::service::Service;

/// How long it may take to keep what could not be delivered.
const KEEPING: Duration = Duration::from_secs(5);

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
    let clock = faults.as_ref().map_or_else(|| Arc::clone(&clock), |f| f.clock(Arc::clone(&clock)));
    let shared = Shared::new(definition, &config, &log)?;
    let opening = Opening {
        definition,
        config: &config,
        shared: &shared,
        faults: faults.as_ref().map(|faults| (faults, &clock)),
        clock: &clock,
        log: &log,
    };
    let (queues, receivers) = open::queues(&opening)?;
    let bindings = Bindings {
        databases: open::databases(&opening).await?,
        stores: open::stores(&opening),
        queues,
        blobs: open::blobs(&opening)?,
        // The checks of a spec refuse rooms on this host.
        rooms: std::collections::HashMap::new(),
        embedders: std::collections::HashMap::new(),
        indexes: std::collections::HashMap::new(),
        upstreams: open::upstreams(&opening)?,
        clock: Arc::clone(&clock),
        entropy: Arc::new(SystemEntropy),
        rsa: Arc::new(AwsLc),
        passwords: Arc::new(Argon2id::fitting(
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            resident::memory().and_then(|memory| memory.limit),
        )),
    };
    let settings = std::mem::take(&mut config.common.settings);
    let context =
        Arc::new(Context::new(definition, settings, bindings).with_memory(resident::memory));
    let metrics = Arc::new(Metrics::new(definition, log.clone()));
    let observer = Arc::clone(&metrics);
    let rates = shared.rates()?;
    let disturbed = faults.clone().map(|faults| (faults, clock));
    let service = FaultyService::new(service, disturbed);
    let chain = Chain::new(service, context, rates, observer, BODY_TIMEOUT)?;
    let most = capacity::most(config.connections, &log);
    let members = [("most", most.connections.into()), ("because", most.because.into())];
    log.event(Level::Info, "connections", &members);
    let inside = Inside {
        capacity: Capacity::new(most.connections, log.clone()),
        control: Control::new(chain, faults)?,
        metrics,
        serves_metrics: config.metrics,
        metrics_token: config.metrics_token,
        faults_token: config.common.faults_token,
        trusted_proxies: config.trusted_proxies,
        forwarding: Http { trusted_hops: config.trusted_hops, ..definition.http },
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

    /// Answers requests until it is told to stop, then finishes what is under way, in this order: it
    /// stops accepting, answers, lets workers finish, and closes databases, then caches. False when
    /// not everything could be finished.
    pub async fn until(self, stop: impl Future<Output = ()>) -> bool {
        let Self { listener, inside, queues, turns, log, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let workers = workers(&inside, queues, turns.as_ref(), &stopped, &log);
        let metering = inside.chain().context().definition().metering.as_ref().map(|metering| {
            let (inside, log) = (Arc::clone(&inside), log.clone());
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(metering.flush).await;
                    flush(&inside, &log).await;
                }
            })
        });
        let records = inside.chain().context().definition().request_records.as_ref();
        let records = records.map(|records| {
            let (inside, log, mut stopped) = (Arc::clone(&inside), log.clone(), stopped.clone());
            tokio::spawn(async move {
                while tokio::time::timeout(records.gather, stopped.changed()).await.is_err() {
                    records::send(inside.chain(), &log).await;
                }
            })
        });
        let answered = server::serve(listener, Arc::clone(&inside), stop, &log).await;
        // While somebody still takes messages.
        records::send(inside.chain(), &log).await;
        // Nobody listens when there are no workers.
        let _ = stopping.send(true);
        let context = inside.chain().context();
        let finished = finish(workers, context.definition().shutdown.workers).await;
        if let Some(turns) = turns {
            turns.give_back().await;
        }
        log.event(Level::Info, "workers_finished", &[("finished", finished.into())]);
        if let Some(records) = records {
            // It only fails when it was aborted, which nobody does.
            let _ = records.await;
        }
        if let Some(metering) = metering {
            metering.abort();
            flush(&inside, &log).await;
        }
        for binding in context.close().await {
            log.event(Level::Info, "closed", &[("binding", binding.into())]);
        }
        answered && finished
    }
}

/// Starts the workers of schedules and queues. They end by themselves once the process is stopping.
fn workers<S: Service>(
    inside: &Arc<Inside<S>>,
    queues: Vec<(&'static definition::Queue, Receiver)>,
    turns: Option<&Arc<dyn Turns>>,
    stopped: &watch::Receiver<bool>,
    log: &Log,
) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    for task in inside.chain().context().definition().tasks {
        let (inside, log, stopped) = (Arc::clone(inside), log.clone(), stopped.clone());
        let turns = turns.cloned();
        workers.spawn(async move {
            tasks::run(&inside.control, task, turns.as_deref(), stopped, &log).await;
        });
    }
    {
        let (inside, log, stopped) = (Arc::clone(inside), log.clone(), stopped.clone());
        workers.spawn(async move {
            uploads::keep_clean(inside.chain().context(), stopped, &log).await;
        });
    }
    for (queue, receiver) in queues {
        let (inside, log, stopped) = (Arc::clone(inside), log.clone(), stopped.clone());
        workers.spawn(async move {
            let (service, context) = (inside.chain().service(), inside.chain().context());
            receiver.consume(service, context, queue, &stopped, &log).await;
        });
    }
    workers
}

/// Waits until all workers have ended. Those of queues in memory watch their time themselves, so that
/// they can keep what they could not deliver; what waits elsewhere stays there.
async fn finish(mut workers: JoinSet<()>, longest: Duration) -> bool {
    let finished = async { while workers.join_next().await.is_some() {} };
    let finished = tokio::time::timeout(longest + KEEPING, finished).await.is_ok();
    workers.shutdown().await;
    finished
}

async fn flush<S: Service>(inside: &Inside<S>, log: &Log) {
    // A panic must not end the writing of counts for good.
    let flushed = isolated(async { inside.chain().flush_metering().await.map(drop) }).await;
    if let Err(failure) = flushed {
        log.event(Level::Warn, "metering_failed", &[("cause", failure.to_string().into())]);
    }
}
