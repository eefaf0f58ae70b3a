//! The end of a process: what clients see of it, what becomes of jobs, and in which order its parts end.

mod readiness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{Binding, Operation, Route, RouteKey};
use proofline_spec::evidence::ConfigurationCheck;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::configuration::{configuration, spawn, tell_to_end};
use super::{Arguments, steps};
use crate::call::Call;
use crate::failure::{Failure, Seen};
use crate::generate::Generator;
use crate::kept::Kept;
use crate::run::Run;
use crate::token;
use crate::world::World;

/// Nobody waits longer for an instance to start; its end may take as long as the spec says besides.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many connections are kept.
const CONNECTIONS: usize = 16;
/// So many requests are answered before the instance is told to end.
const BEFORE: u64 = 500;
/// So long does a slow client take for its last byte, once the instance has begun to end.
const SLOW: Duration = Duration::from_secs(1);
/// How many jobs are given.
const JOBS: u64 = 40;
/// What an instance says while it ends, in this order; not every service has what can be followed.
const ORDER: [&str; 6] = [
    "draining",
    "listener_closed",
    WEBSOCKETS_CLOSED,
    "requests_finished",
    "workers_finished",
    "stopped",
];
const WEBSOCKETS_CLOSED: &str = "websockets_closed";

/// What a scenario knows about an instance that ends.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    instance: Option<Instance>,
    load: Option<JoinSet<()>>,
    counts: Arc<Counts>,
    code: Option<i32>,
    said: Vec<Value>,
}

#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    unanswered: AtomicU64,
    announced: AtomicU64,
    jobs: AtomicU64,
    not_ready: AtomicU64,
    still_ready: AtomicU64,
}

/// An instance of the service that belongs to one scenario.
#[derive(Debug)]
pub(super) struct Instance {
    child: Child,
    /// Reads its log to the end.
    log: JoinHandle<Vec<Value>>,
    /// Whether it has said that its end has begun.
    ending: watch::Receiver<bool>,
    /// Where it listens.
    pub(super) authority: String,
    /// The provider that never answers: connections are taken, and nothing comes.
    _silent: TcpListener,
    _folder: tempfile::TempDir,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "another instance under load over connections that are kept" => under_load;
        given "another instance that says over connections that are kept that it is ready" => readiness::ready;
        given "another instance with a request of which not all is sent" => with_half;
        given "another instance with jobs that no provider ever finishes" => with_jobs;
        when "that instance is told to end in the middle" => end;
        then "each request that it accepted was answered" => all_answered;
        then "whoever asks it then is told that it is not ready any more" => readiness::not_ready;
        then "the last answer on each connection announced its end" => all_announced;
        then "each job that it accepted was delivered or is kept" => all_jobs;
        then "its parts ended in the declared order" => in_order;
    }
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Broken(error.to_string())
}

async fn start(run: &Run, check: &ConfigurationCheck) -> Result<Instance, Failure> {
    start_with(run, check, &[]).await
}

/// Starts an instance with some variables more.
pub(super) async fn start_with(
    run: &Run,
    check: &ConfigurationCheck,
    more: &[(&str, &str)],
) -> Result<Instance, Failure> {
    let folder = tempfile::tempdir().map_err(broken)?;
    if let Some(template) = &check.database {
        tokio::fs::copy(template, folder.path().join("configuration.db")).await.map_err(broken)?;
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.map_err(broken)?;
    let provider = format!("http://{}", silent.local_addr().map_err(broken)?);
    let mut variables = check.variables.clone();
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    for (name, binding) in &run.target.service.bindings {
        if matches!(binding, Binding::Upstream { .. }) {
            variables.insert(format!("{name}_BASE_URL"), provider.clone());
        }
    }
    let mut child = spawn(check, folder.path(), &variables)?;
    let stdout = child.stdout.take().ok_or_else(|| Failure::broken("no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let listening = async {
        while let Ok(Some(line)) = lines.next_line().await {
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["event"] == "listening" {
                return line["address"].as_str().map(str::to_owned);
            }
        }
        None
    };
    let authority = tokio::time::timeout(PATIENCE, listening).await.map_err(broken)?;
    let authority = authority.ok_or_else(|| Failure::broken("the instance does not listen"))?;
    let (begins, ending) = watch::channel(false);
    let log = tokio::spawn(rest(lines, begins));
    Ok(Instance { child, log, ending, authority, _silent: silent, _folder: folder })
}

/// Everything that is logged besides requests, until the end.
async fn rest(mut lines: Lines<BufReader<ChildStdout>>, begins: watch::Sender<bool>) -> Vec<Value> {
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        let line: Value = serde_json::from_str(&line).unwrap_or_default();
        if line["event"] == ORDER[0] {
            begins.send_replace(true);
        }
        if line["event"] != "request" {
            said.push(line);
        }
    }
    said
}

/// A request as bytes, from a client address of its own where the checks may choose one.
fn request(run: &Run, call: &Call) -> Vec<u8> {
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    let mut head = format!("{} {} HTTP/1.1\r\nHost: x\r\n", call.key.method, call.target());
    let mut headers = call.headers.clone();
    headers.extend(run.address_headers(&run.fresh_address()));
    if !body.is_empty() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        headers.push(("Content-Length".to_owned(), body.len().to_string()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{head}\r\n{body}").into_bytes()
}

async fn under_load(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let open = run.target.routes().find(|(key, route)| {
        key.method.is_safe()
            && key.parameters().next().is_none()
            && route.query.is_none()
            && run.target.schemes(route).is_empty()
    });
    let (key, route) =
        open.ok_or_else(|| Failure::not_applicable("no route can be read by anybody"))?;
    let call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    let instance = start(&run, &configuration(world)?).await?;
    let counts = Arc::clone(&world.memory.shutdown.counts);
    let mut load = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (run, call, counts) = (Arc::clone(&run), call.clone(), Arc::clone(&counts));
        let authority = instance.authority.clone();
        load.spawn(async move {
            while let Some(connection) = Kept::open(&authority).await {
                use_up(connection, &run, &call, &counts).await;
            }
        });
    }
    let busy = async {
        while counts.answered.load(Ordering::Relaxed) < BEFORE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, busy)
        .await
        .map_err(|_| Failure::broken("the instance hardly answers"))?;
    world.memory.shutdown.instance = Some(instance);
    world.memory.shutdown.load = Some(load);
    Ok(format!("{CONNECTIONS} connections ask for {key}"))
}

/// Asks on a connection until it ends.
async fn use_up(mut connection: Kept, run: &Run, call: &Call, counts: &Counts) {
    loop {
        let Some(answer) = connection.send(&request(run, call)).await else {
            counts.unanswered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        counts.answered.fetch_add(1, Ordering::Relaxed);
        if answer.is_last {
            counts.announced.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
}

/// A request whose last byte is not sent before the instance has begun to end: nobody connects to it any more.
async fn with_half(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let takes_body = run.target.routes().find(|(key, route)| {
        route.body.is_some()
            && key.parameters().next().is_none()
            && run.target.schemes(route).is_empty()
    });
    let (key, route) =
        takes_body.ok_or_else(|| Failure::not_applicable("nobody may send a body unasked"))?;
    let call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route)
        .with(("Expect".to_owned(), "100-continue".to_owned()));
    let bytes = request(&run, &call);
    let (most, last) = bytes.split_at(bytes.len().saturating_sub(1));
    let instance = start(&run, &configuration(world)?).await?;
    let authority = instance.authority.clone();
    let connection = Kept::open(&authority).await;
    let mut connection = connection.ok_or_else(|| Failure::broken("the instance is not there"))?;
    // What reads the body says so first (RFC 9110, section 10.1.1): then the request is under way.
    match connection.send(most).await {
        Some(answer) if answer.status == 100 => {}
        other => return Err(Failure::Broken(format!("{key} reads no body: {other:?}"))),
    }
    let counts = Arc::clone(&world.memory.shutdown.counts);
    let last = last.to_vec();
    let mut load = JoinSet::new();
    load.spawn(async move {
        while Kept::open(&authority).await.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(SLOW).await;
        let count = match connection.send(&last).await {
            Some(_) => &counts.answered,
            None => &counts.unanswered,
        };
        count.fetch_add(1, Ordering::Relaxed);
    });
    world.memory.shutdown.instance = Some(instance);
    world.memory.shutdown.load = Some(load);
    Ok(format!("all but one byte of {key}"))
}

/// The first route that only puts something into a queue, and the header of somebody who may call it.
fn job(run: &Run) -> Option<(&RouteKey, &Route)> {
    run.target.routes().find(|(_, route)| matches!(route.op, Operation::Enqueue(_)))
}

async fn with_jobs(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (key, route) = job(&run).ok_or_else(|| Failure::not_applicable("no route takes jobs"))?;
    let check = configuration(world)?;
    let instance = start(&run, &check).await?;
    let caller = caller(&run, route, &check)?;
    let counts = &world.memory.shutdown.counts;
    for number in 0..JOBS {
        let mut generator = Generator::new(&run.target, world.seed + number);
        let call = Call::valid(&mut generator, key, route).with(caller.clone());
        let connection = Kept::open(&instance.authority).await;
        let mut connection =
            connection.ok_or_else(|| Failure::broken("the instance is not there"))?;
        let answer = connection.send(&request(&run, &call)).await;
        if answer.is_some_and(|answer| (200..300).contains(&answer.status)) {
            counts.jobs.fetch_add(1, Ordering::Relaxed);
        }
    }
    let accepted = counts.jobs.load(Ordering::Relaxed);
    if accepted == 0 {
        return Err(Failure::Broken(format!("{key} accepts no job")));
    }
    world.memory.shutdown.instance = Some(instance);
    Ok(format!("{accepted} jobs accepted by {key}"))
}

/// A token that the instance accepts: it has secrets of its own.
fn caller(
    run: &Run,
    route: &Route,
    check: &ConfigurationCheck,
) -> Result<(String, String), Failure> {
    use proofline_spec::document::Credential;
    let wanted = route.roles.as_deref().unwrap_or_default();
    let credentials = run.target.environment.credentials.iter();
    let minted = credentials
        .filter(|(role, _)| wanted.is_empty() || wanted.contains(role))
        .find_map(|(_, credential)| match credential {
            Credential::Mint(minted) => Some(minted),
            Credential::Env(_) => None,
        });
    let scheme = run.target.jwt();
    let token = minted.zip(scheme).and_then(|(minted, scheme)| {
        let key = check.variables.get(&scheme.secret)?;
        Some(token::mint(&scheme, &minted.subject, key.as_bytes()))
    });
    let token = token.ok_or_else(|| Failure::broken("nobody can be made who may give jobs"))?;
    run.know("TOKEN_OF_INSTANCE", &token);
    Ok(("Authorization".to_owned(), format!("Bearer {token}")))
}

async fn end(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let memory = &mut world.memory.shutdown;
    let mut instance =
        memory.instance.take().ok_or_else(|| Failure::broken("there is no instance"))?;
    tell_to_end(&instance.child).await?;
    let longest = Duration::from_millis(run.target.service.shutdown.longest().as_millis());
    let status = tokio::time::timeout(longest + PATIENCE, instance.child.wait()).await;
    let status = status.map_err(|_| Failure::wrong("the instance does not end"))?;
    memory.code = status.map_err(broken)?.code();
    memory.said = instance.log.await.map_err(broken)?;
    if let Some(load) = memory.load.take() {
        let over = tokio::time::timeout(PATIENCE, load.join_all()).await;
        over.map_err(|_| Failure::broken("a connection neither answers nor ends"))?;
    }
    Ok(format!("exit code {:?}", memory.code))
}

async fn all_answered(world: &mut World, _: Arguments) -> Seen {
    let counts = &world.memory.shutdown.counts;
    let answered = counts.answered.load(Ordering::Relaxed);
    match counts.unanswered.load(Ordering::Relaxed) {
        0 => Ok(format!("{answered} requests, all answered")),
        lost => Err(Failure::Wrong(format!("{lost} of {} requests lost", answered + lost))),
    }
}

async fn all_announced(world: &mut World, _: Arguments) -> Seen {
    let announced = world.memory.shutdown.counts.announced.load(Ordering::Relaxed);
    if announced < CONNECTIONS as u64 {
        let message = format!("{announced} ends were announced on {CONNECTIONS} connections");
        return Err(Failure::Wrong(message));
    }
    Ok(format!("{announced} connections ended with `Connection: close`"))
}

async fn all_jobs(world: &mut World, _: Arguments) -> Seen {
    let memory = &world.memory.shutdown;
    let accepted = memory.counts.jobs.load(Ordering::Relaxed);
    let count = |event: &str| memory.said.iter().filter(|line| line["event"] == event).count();
    let kept =
        memory.said.iter().filter(|line| line["event"] == "dead_lettered" && line["kept"] == true);
    let (delivered, kept) = (count("delivered") as u64, kept.count() as u64);
    if delivered + kept != accepted {
        let message =
            format!("{accepted} jobs were accepted, {delivered} delivered and {kept} kept");
        return Err(Failure::Wrong(message));
    }
    Ok(format!("{accepted} jobs: {delivered} delivered, {kept} kept"))
}

async fn in_order(world: &mut World, _: Arguments) -> Seen {
    let follows = world.run()?.target.routes().any(|(_, route)| route.watch.is_some());
    let order: Vec<&str> =
        ORDER.into_iter().filter(|event| follows || *event != WEBSOCKETS_CLOSED).collect();
    let memory = &world.memory.shutdown;
    let events: Vec<&str> = memory.said.iter().filter_map(|line| line["event"].as_str()).collect();
    let told: Vec<&str> = events.iter().copied().filter(|event| ORDER.contains(event)).collect();
    if told != order {
        return Err(Failure::Wrong(format!("the parts ended in the order {told:?}")));
    }
    let mut before = events.iter().take_while(|event| **event != "workers_finished");
    if before.any(|event| *event == "closed") {
        return Err(Failure::wrong("a store was closed while workers were still busy"));
    }
    if memory.code != Some(0) {
        return Err(Failure::Wrong(format!("the exit code is {:?}, not 0", memory.code)));
    }
    let closed: Vec<&str> = memory
        .said
        .iter()
        .filter(|line| line["event"] == "closed")
        .filter_map(|line| line["binding"].as_str())
        .collect();
    Ok(format!("{}; closed: {}; exit code 0", told.join(", "), closed.join(", ")))
}
