//! Bookmarks of a database with copies: a client reads what it wrote, and nobody is harmed by a bookmark that is none.

use cucumber::step::Collection;
use proofline_spec::document::{Binding, Method, Operation, Route, RouteKey};

use super::{Arguments, steps};
use crate::accounts::Account;
use crate::call::{self, Call};
use crate::exchange::{Answer, BOOKMARK, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

/// A state that no database has come to.
const NEVER: &str = "fffffff0-00000000-00000000-00000000000000000000000000000000";

/// What a scenario knows about what was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    id: String,
    bookmark: String,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the user writes something and is told a bookmark" => write;
        then "it is read with that bookmark, and no older one is told" => read;
        then "what is written next has a later bookmark, and is read with it" => next;
        then "a bookmark that is malformed or too long is ignored" => ignored;
        then "a bookmark of a state that never was does no harm" => harmless;
        then "a refusal and an answer from a cache tell none" => none_told;
    }
}

/// A route that reads one thing of a user's own, which another route makes.
pub(crate) fn reader(target: &Target) -> Option<(&RouteKey, &Route)> {
    let copied = |b: &Binding| matches!(b, Binding::Sql { replicas: true, .. });
    let has_copies = target.service.bindings.values().any(copied)
        && target.environment.target == proofline_spec::document::Target::Workers;
    let mut routes = target.routes().filter(|_| has_copies);
    routes.find(|(key, route)| {
        key.method == Method::Get
            && route.cache.is_none()
            && matches!(route.op, Operation::Query(_))
            && route.owner.is_some()
            && call::creator(target, key).is_some()
    })
}

fn of(world: &World) -> Result<RouteKey, Failure> {
    let run = world.run()?;
    let none = || Failure::not_applicable("no database has copies, or nobody writes to it");
    reader(&run.target).map(|(key, _)| key.clone()).ok_or_else(none)
}

/// The bookmark that an answer tells.
fn told(answer: &Answer) -> Result<String, Failure> {
    let bookmark = answer.header(BOOKMARK).unwrap_or_default().to_owned();
    let is_group = |group: &str| group.len() >= 8 && group.bytes().all(|b| b.is_ascii_hexdigit());
    let is_right = bookmark.contains('-') && bookmark.split('-').all(is_group);
    require(is_right, || format!("`{BOOKMARK}` must be told, and is `{bookmark}`"), answer)?;
    Ok(bookmark)
}

async fn write(world: &mut World, _: Arguments) -> Seen {
    let key = of(world)?;
    let run = world.run()?;
    let user = world.user("user")?.clone();
    let none = || Failure::not_applicable("nothing can be written");
    let (maker, route) = call::creator(&run.target, &key).ok_or_else(none)?;
    let mut generator = Generator::new(&run.target, world.seed);
    let call = Call::valid(&mut generator, maker, route).with(user.bearer());
    let answer = world.send(call.request()).await?;
    require(answer.is_success(), || "it must be written".to_owned(), &answer)?;
    let bookmark = told(&answer)?;
    let id = answer.at("/id").ok_or_else(|| Failure::Broken(answer.describe()))?;
    world.memory.written = Written { id, bookmark: bookmark.clone() };
    Ok(format!("{maker} told {bookmark}"))
}

/// Reads what was written, with this bookmark.
async fn look(world: &World, user: &Account, bookmark: &[u8]) -> Result<Answer, Failure> {
    let path = call::path_to(&of(world)?, &world.memory.written.id);
    let request = Request::get(path).headers(&[user.bearer()]).header(BOOKMARK, bookmark);
    world.send(request).await
}

async fn read(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let written = world.memory.written.bookmark.clone();
    let answer = look(world, &user, written.as_bytes()).await?;
    require(answer.status == 200, || "what was written must be read".to_owned(), &answer)?;
    let bookmark = told(&answer)?;
    require(bookmark >= written, || format!("{bookmark} is older than {written}"), &answer)?;
    Ok(format!("read at {bookmark}"))
}

async fn next(world: &mut World, arguments: Arguments) -> Seen {
    let before = world.memory.written.bookmark.clone();
    write(world, arguments.clone()).await?;
    let after = world.memory.written.bookmark.clone();
    if after <= before {
        return Err(Failure::Wrong(format!("{after} comes after {before}, and is not later")));
    }
    read(world, arguments).await
}

async fn ignored(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let long = format!("{}-{}", world.memory.written.bookmark, "0".repeat(4000));
    let mut findings = Findings::new();
    for bad in [
        &b""[..],
        b"first-primary",
        b"first-unconstrained",
        b"zzzzzzzz-zzzzzzzz",
        b"' or 1=1 --",
        b"00000000",
        b"\xff\xfe",
        long.as_bytes(),
    ] {
        let answer = look(world, &user, bad).await?;
        let shown = String::from_utf8_lossy(bad).chars().take(40).collect::<String>();
        let same = require(answer.status == 200, || "it must be ignored".to_owned(), &answer);
        findings.add(&shown, same.and_then(|()| told(&answer).map(drop)))?;
    }
    findings.finish("nothing was tried", |count| format!("{count} bookmarks were ignored"))
}

async fn harmless(world: &mut World, arguments: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let answer = look(world, &user, NEVER.as_bytes()).await?;
    require(answer.status == 200, || "it must be read all the same".to_owned(), &answer)?;
    // Nor does it harm the one who comes with the right one then.
    read(world, arguments).await
}

async fn none_told(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let user = world.user("user")?.clone();
    let written = world.memory.written.bookmark.clone();
    let mut findings = Findings::new();
    let cached = run.target.routes().find(|(key, route)| {
        key.method == Method::Get
            && route.cache.is_some()
            && key.parameters().next().is_none()
            && route.roles.is_none()
    });
    let path = call::path_to(&of(world)?, &world.memory.written.id);
    let mut asked = vec![(Request::get("/does/not/exist"), 404), (Request::get(path), 401)];
    if let Some((key, _)) = cached {
        asked.push((Request::get(&key.path).headers(&[user.bearer()]), 200));
    }
    for (request, status) in asked {
        let case = format!("{} {}", request.method, request.path);
        let answer = world.send(request.header(BOOKMARK, written.clone())).await?;
        require(answer.status == status, || format!("must be {status}"), &answer)?;
        let is_none = answer.header(BOOKMARK).is_none();
        let what = || format!("no `{BOOKMARK}` must be told");
        findings.add(&case, require(is_none, what, &answer))?;
    }
    findings.finish("nothing was asked", |count| format!("{count} answers tell no bookmark"))
}
