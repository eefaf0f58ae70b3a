//! Answers of every kind that a service gives, to look at together.

use cucumber::step::Collection;
use proofline_spec::document::{LimitKey, Method, Operation, Route};

use super::{Arguments, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Seen};
use crate::generate::Generator;
use crate::plan::rates;
use crate::world::World;

/// An answer and what it is an example of.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// What it is an example of.
    pub name: String,
    /// The answer.
    pub answer: Answer,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "answers of every kind are collected" => every_kind;
    }
}

/// The requests that every service has an answer for, whoever asks.
fn ordinary(world: &World) -> Result<Vec<(String, Request)>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let mut generator = Generator::new(target, world.seed);
    let mut requests = vec![
        ("a path that does not exist".to_owned(), Request::get("/does/not/exist")),
        ("a path that is no proper path".to_owned(), Request::get("/%ff%00")),
    ];
    if let Some((key, _)) = target.health_route() {
        requests.push(("the health endpoint".to_owned(), Request::get(&key.path)));
        requests.push(("HEAD of the health endpoint".to_owned(), Request::new("HEAD", &key.path)));
    }
    if let Some((key, _)) = target.routes().next() {
        requests
            .push(("a method that does not exist".to_owned(), Request::new("PROPFIND", &key.path)));
    }
    if let Some((key, route)) = target.routes().find(|(_, route)| target.takes_principals(route)) {
        let call = Call::valid(&mut generator, key, route);
        requests.push(("a request by nobody".to_owned(), call.request()));
    }
    let with_body =
        target.routes().find(|(_, route)| route.body.is_some() && target.schemes(route).is_empty());
    if let Some((key, route)) = with_body {
        let method = key.method.as_str();
        let large = usize::try_from(target.max_body(route)).unwrap_or(1 << 20) + 1;
        requests.push((
            "a body that is no JSON".to_owned(),
            Request::new(method, &key.path).body("application/json", "{"),
        ));
        requests.push((
            "a body of another type".to_owned(),
            Request::new(method, &key.path).body("text/plain", "x"),
        ));
        requests.push((
            "a body that breaks its schema".to_owned(),
            Request::new(method, &key.path).json(&serde_json::json!({})),
        ));
        requests.push((
            "a body that is too large".to_owned(),
            Request::new(method, &key.path).body("application/json", vec![b' '; large]),
        ));
    }
    if let Some(origin) = target.service.cors.as_ref().and_then(|cors| cors.origins.first())
        && let Some((key, _)) = target.routes().find(|(key, _)| key.method == Method::Get)
    {
        let origin = origin.replace('*', "app");
        let request = Request::new("OPTIONS", &key.path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET");
        requests.push(("a preflight request".to_owned(), request));
    }
    Ok(requests)
}

async fn every_kind(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    for (name, request) in ordinary(world)? {
        let answer = world.send(request).await?;
        world.memory.samples.push(Sample { name, answer });
    }
    static_file(world).await?;
    signed_in(world).await?;
    let exhaust = run.target.environment.permits.exhaust_limits && run.address_header().is_some();
    if exhaust && let Some(answer) = refused_by_limit(world).await? {
        world.memory.samples.push(Sample { name: "a request over a limit".to_owned(), answer });
    }
    let mut statuses: Vec<u16> = world.memory.samples.iter().map(|s| s.answer.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    if statuses.len() < 3 {
        return Err(Failure::Broken(format!("too few kinds of answers: {statuses:?}")));
    }
    Ok(format!("{} answers with the statuses {statuses:?}", world.memory.samples.len()))
}

/// A static file, and the way that leads to it.
async fn static_file(world: &mut World) -> Result<(), Failure> {
    let run = world.run()?;
    let is_file = |route: &Route| matches!(route.op, Operation::Asset(_));
    let Some((key, route)) = run.target.routes().find(|(_, route)| is_file(route)) else {
        return Ok(());
    };
    let call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    let way = world.send(call.request()).await?;
    let location = way.header("location").map(str::to_owned);
    let name = "the way to a static file".to_owned();
    world.memory.samples.push(Sample { name, answer: way });
    if let Some(location) = location.filter(|location| location.starts_with('/')) {
        let answer = world.send(Request::get(&location)).await?;
        world.memory.samples.push(Sample { name: "a static file".to_owned(), answer });
    }
    Ok(())
}

/// Answers that only somebody gets whom the service knows.
async fn signed_in(world: &mut World) -> Result<(), Failure> {
    let run = world.run()?;
    let permitted = run.target.environment.permits.writes || run.target.service.accounts.is_none();
    let Some(jwt) = run.target.jwt().filter(|_| permitted) else { return Ok(()) };
    let user = match accounts::sign_up(world, "user").await {
        Ok(user) => user,
        Err(_) if run.target.service.accounts.is_none() => return Ok(()),
        Err(failure) => return Err(failure),
    };
    world.users.push(user.clone());
    let mut generator = Generator::new(&run.target, world.seed);
    let mut requests = Vec::new();
    if let Some(key) = run.target.safe_route(&jwt.name) {
        requests.push((
            "a page of one's own".to_owned(),
            Request::get(&key.path).headers(&[user.bearer()]),
        ));
    }
    let forbidden = run.target.routes().find(|(key, route)| {
        route.roles.is_some()
            && key.method == Method::Get
            && !user.profile["role"]
                .as_str()
                .is_some_and(|role| route.roles.iter().flatten().any(|r| r == role))
    });
    if let Some((key, route)) = forbidden {
        let call = Call::valid(&mut generator, key, route).with(user.bearer());
        requests.push(("what one's role does not allow".to_owned(), call.request()));
    }
    if let Some((key, route)) =
        run.target.routes().find(|(key, route)| route.owner.is_some() && key.method == Method::Get)
    {
        let call = Call::valid(&mut generator, key, route).with(user.bearer());
        requests.push(("an object that does not exist".to_owned(), call.request()));
    }
    for (name, request) in requests {
        let answer = world.send(request).await?;
        world.memory.samples.push(Sample { name, answer });
    }
    Ok(())
}

/// Uses the lowest limit of a client address up and returns the refusal.
async fn refused_by_limit(world: &World) -> Result<Option<Answer>, Failure> {
    let run = world.run()?;
    let found = run
        .target
        .routes()
        .filter_map(|(key, route)| {
            let limits =
                run.target.limits(route).filter(|(_, limit)| limit.by == LimitKey::ClientIp);
            let count = limits.flat_map(|(_, limit)| rates(limit)).map(|rate| rate.count).min()?;
            Some((count, key, route))
        })
        .min_by_key(|(count, key, _)| (*count, key.method.has_body()));
    let Some((count, key, route)) = found.filter(|(count, ..)| *count <= 1_000) else {
        return Ok(None);
    };
    let mut generator = Generator::new(&run.target, world.seed);
    let mut call = Call::valid(&mut generator, key, route);
    call.body = call.body.map(|_| serde_json::json!({}));
    let address = run.fresh_address();
    for _ in 0..=count {
        let answer = world.send(call.request().from_address(&address).expecting_limit()).await?;
        if answer.status == 429 {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}
