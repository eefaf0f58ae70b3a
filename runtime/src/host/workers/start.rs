//! Brings a service and the bindings of its environment together, once for each isolate.

use std::collections::HashMap;
use std::sync::Arc;

use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::clock::{PlatformClock, PlatformEntropy};
use super::d1::Binding;
use super::gathering::Gathering;
use super::glue;
use super::kv::Kv;
use super::observer::{Console, Records};
use super::password::Argon2id;
use super::queue::PlatformQueue;
use super::r2::R2;
use super::rates::PlatformRates;
use super::rooms::Objects;
use super::rsa::WebCrypto;
use super::search;
use super::upstream::FetchUpstream;
use crate::binding::blob::BlobStore;
use crate::binding::clock::{Clock, Entropy};
use crate::binding::kv::KeyValueStore;
use crate::binding::queue::Queue;
use crate::binding::room::Rooms;
use crate::binding::sql::Database;
use crate::binding::upstream::Upstream;
use crate::chain::Chain;
use crate::context::{Bindings, Context};
use crate::definition::Definition;
use crate::host::BODY_TIMEOUT;
use crate::host::config::{self, Config, ConfigProblem, Reader};
use crate::host::control::Control;
use crate::host::d1::D1;
use crate::host::faults::{self, FaultControl, Faults, FaultyService};
use crate::host::log::{Level, Log};
use crate::service::Service;

/// A service in its environment.
pub(super) struct Started<S> {
    pub(super) control: Control<S>,
    pub(super) log: Log,
    /// Who writes counts of calls.
    pub(super) counts: Gathering,
    /// Who sends records of requests.
    pub(super) records: Gathering,
}

/// A log before the configuration says what is to be left out.
pub(super) fn log(least: Level) -> Log {
    Log::new(least, Arc::new(Console), Arc::new(PlatformClock))
}

/// Reads the configuration and connects the bindings; else everything that is wrong.
pub(super) fn start<S: Service>(
    service: S,
    env: &JsValue,
) -> Result<Started<FaultyService<S>>, Vec<String>> {
    let definition = service.definition();
    let config = read(definition, env)?;
    let log = log(config.log_level);
    let clock: Arc<dyn Clock> = Arc::new(PlatformClock);
    let entropy: Arc<dyn Entropy> = Arc::new(PlatformEntropy::default());
    let faults = config.faults.then(|| Arc::new(Faults::default()));
    let clock = faults.as_ref().map_or_else(|| Arc::clone(&clock), |f| f.clock(Arc::clone(&clock)));
    let fault_control = faults.as_ref().map(|faults| (faults, &clock));
    let disturbed = fault_control.map(|(faults, clock)| (Arc::clone(faults), Arc::clone(clock)));
    let service = FaultyService::new(service, disturbed);
    let databases = databases(definition, env, &clock, fault_control);
    let bindings = Bindings {
        embedders: search::embedders(definition, env),
        indexes: search::indexes(definition, env, &databases),
        databases,
        stores: stores(definition, env, fault_control),
        queues: queues(definition, env, fault_control),
        blobs: blobs(definition, env),
        rooms: rooms(definition, env),
        upstreams: upstreams(definition, &config, env, &clock, &entropy),
        passwords: Arc::new(Argon2id::new(Arc::clone(&entropy))),
        rsa: Arc::new(WebCrypto),
        clock,
        entropy,
    };
    let context = Arc::new(Context::new(definition, config.settings, bindings));
    let rates = Arc::new(PlatformRates::new(definition, env, Arc::new(log.clone())));
    let dataset = definition.analytics.map(|name| SendWrapper::new(glue::binding(env, name)));
    let records = Arc::new(Records { log: log.clone(), dataset });
    let chain = Chain::new(service, context, rates, records, BODY_TIMEOUT);
    let control =
        chain.and_then(|chain| Control::new(chain, faults)).map_err(|error| vec![error])?;
    let counts = Gathering::new(definition.metering.as_ref().map(|metering| metering.flush));
    let records = Gathering::new(definition.request_records.as_ref().map(|records| records.gather));
    Ok(Started { control, log, counts, records })
}

fn read(definition: &'static Definition, env: &JsValue) -> Result<Config, Vec<String>> {
    let variable = |name: &str| glue::variable(env, name);
    let mut reader = Reader::new(&variable);
    let config = config::read(&mut reader, definition);
    let substitutes = search::substitutes(definition, env);
    for (name, said, fits) in &substitutes {
        if said != fits {
            let wrong = format!("`{said}` does not stand in for `{name}`");
            reader.wrong(&crate::host::search::variable(name), wrong, format!("write `{fits}`"));
        }
    }
    let real = |name: &&str| !substitutes.iter().any(|(known, ..)| known == name);
    for name in bound(definition).filter(real) {
        if glue::binding(env, name).is_undefined() {
            let fix = "deploy with the generated wrangler.jsonc";
            reader.wrong(name, "the worker has no such binding", fix);
        }
    }
    reader
        .finish(config)
        .map_err(|problems| problems.iter().map(ConfigProblem::to_string).collect())
}

/// Names of everything that the environment must have besides texts.
fn bound(definition: &'static Definition) -> impl Iterator<Item = &'static str> {
    let databases = definition.databases.iter().map(|database| database.name);
    let stores = definition.stores.iter().map(|store| store.name);
    let queues = definition.queues.iter().map(|queue| queue.name);
    let blobs = definition.blobs.iter().map(|blob| blob.name);
    let rooms = definition.rooms.iter().map(|room| room.name);
    let models = definition.ais.iter().map(|ai| ai.name);
    let indexes = definition.vectors.iter().map(|vector| vector.name);
    let named = databases.chain(stores).chain(queues).chain(blobs).chain(rooms);
    named.chain(models).chain(indexes).chain(definition.analytics)
}

fn databases(
    definition: &'static Definition,
    env: &JsValue,
    clock: &Arc<dyn Clock>,
    faults: FaultControl<'_>,
) -> HashMap<&'static str, Arc<dyn Database>> {
    let database = |database: &'static crate::definition::Database| {
        let binding = glue::binding(env, database.name);
        let d1 = D1::new(Binding::new(binding), Arc::clone(clock), database.statement_timeout);
        (database.name, faults::database(database.name, Arc::new(d1), faults))
    };
    definition.databases.iter().map(database).collect()
}

fn stores(
    definition: &'static Definition,
    env: &JsValue,
    faults: FaultControl<'_>,
) -> HashMap<&'static str, Arc<dyn KeyValueStore>> {
    let store = |store: &'static crate::definition::KeyValue| {
        let kv = Kv::new(glue::binding(env, store.name));
        (store.name, faults::store(store.name, Arc::new(kv), faults))
    };
    definition.stores.iter().map(store).collect()
}

fn queues(
    definition: &'static Definition,
    env: &JsValue,
    faults: FaultControl<'_>,
) -> HashMap<&'static str, Arc<dyn Queue>> {
    let queue = |queue: &'static crate::definition::Queue| {
        let sender = PlatformQueue::new(glue::binding(env, queue.name));
        (queue.name, faults::queue(queue.name, Arc::new(sender), faults))
    };
    definition.queues.iter().map(queue).collect()
}

fn blobs(
    definition: &'static Definition,
    env: &JsValue,
) -> HashMap<&'static str, Arc<dyn BlobStore>> {
    let blob = |blob: &'static crate::definition::Blob| {
        let bucket: Arc<dyn BlobStore> = Arc::new(R2::new(glue::binding(env, blob.name)));
        (blob.name, bucket)
    };
    definition.blobs.iter().map(blob).collect()
}

fn rooms(definition: &'static Definition, env: &JsValue) -> HashMap<&'static str, Arc<dyn Rooms>> {
    let of = |room: &'static crate::definition::Room| {
        let objects = Objects::new(room.name, glue::binding(env, room.name));
        let rooms: Arc<dyn Rooms> = Arc::new(objects);
        (room.name, rooms)
    };
    definition.rooms.iter().map(of).collect()
}

fn upstreams(
    definition: &'static Definition,
    config: &Config,
    env: &JsValue,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> HashMap<&'static str, Arc<dyn Upstream>> {
    let upstream = |upstream: &'static crate::definition::Upstream| {
        let base_url = config.base_urls.get(upstream.name);
        let bearer = upstream.bearer.and_then(|name| config.settings.secrets.get(name).cloned());
        let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
        let client = FetchUpstream::new(upstream, base_url, bearer, env, clock, entropy);
        let client: Arc<dyn Upstream> = Arc::new(client);
        (upstream.name, client)
    };
    definition.upstreams.iter().map(upstream).collect()
}
