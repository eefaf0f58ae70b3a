//! Files in several requests (tus 1.0.0): progress, breaks, and whose they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cucumber::step::Collection;
use proofline_spec::document::{Method, Operation};

use super::{ORDINARY, Taking, count, download, same, taking};
use crate::accounts::Account;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::file;
use crate::steps::{Arguments, steps};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a file in several requests tells how far it is, goes on after a break and comes back as it was" => whole;
        then "the other user can neither see nor continue nor end it" => others;
        then "a part at a wrong offset is refused and changes nothing" => wrong_offset;
        then "a file in several requests that is no file of a kind that is taken is refused" => unknown;
        then "an upload that is given up leaves nothing" => given_up;
    }
}

/// Routes that take files in several requests.
pub(super) fn resumable(world: &World) -> Result<Vec<Taking>, Failure> {
    let run = world.run()?;
    let goes_on = |taking: &Taking| {
        let name = taking.key.to_string();
        run.target.routes().any(|(key, route)| {
            key.method == Method::Patch && matches!(&route.op, Operation::Resume(of) if *of == name)
        })
    };
    let found: Vec<Taking> = taking(world)?.into_iter().filter(goes_on).collect();
    if found.is_empty() {
        return Err(Failure::not_applicable("no route takes files in several requests"));
    }
    Ok(found)
}

/// A request of the protocol.
pub(super) fn tus(method: &str, path: &str, who: &Account) -> Request {
    Request::new(method, path).headers(&[who.bearer()]).header("Tus-Resumable", "1.0.0")
}

/// Begins an upload, and says where it goes on.
pub(super) async fn begin(
    world: &World,
    taking: &Taking,
    who: &Account,
    length: u64,
    name: &str,
) -> Result<(String, Answer), Failure> {
    begin_as(world, taking, who, length, (name, None)).await
}

/// The same, with what the file is said to be.
async fn begin_as(
    world: &World,
    taking: &Taking,
    who: &Account,
    length: u64,
    (name, kind): (&str, Option<&str>),
) -> Result<(String, Answer), Failure> {
    let kind = kind.map(|kind| format!(",filetype {}", STANDARD.encode(kind))).unwrap_or_default();
    let metadata = format!("filename {}{kind}", STANDARD.encode(name));
    let asked = tus(taking.key.method.as_str(), &taking.key.path, who)
        .header("Upload-Length", length.to_string())
        .header("Upload-Metadata", metadata);
    let answer = world.send(asked).await?;
    let place = answer.header("location").unwrap_or_default().to_owned();
    let right = answer.status == 201 && place.starts_with('/');
    require(right, || "an upload must begin with 201 and Location".to_owned(), &answer)?;
    Ok((place, answer))
}

/// A part of a file.
fn part(place: &str, who: &Account, offset: u64, bytes: &[u8]) -> Request {
    tus("PATCH", place, who)
        .header("Upload-Offset", offset.to_string())
        .body("application/offset+octet-stream", bytes)
}

/// How far an upload is, as it is told.
pub(super) async fn offset(world: &World, place: &str, who: &Account) -> Result<u64, Failure> {
    let answer = world.send(tus("HEAD", place, who)).await?;
    let told = answer.header("upload-offset").and_then(|text| text.parse().ok());
    require(
        answer.status == 200 && told.is_some(),
        || "HEAD must say how far the upload is (Upload-Offset)".to_owned(),
        &answer,
    )?;
    Ok(told.unwrap_or_default())
}

async fn tells(world: &World, place: &str, who: &Account, expected: u64) -> Result<(), Failure> {
    let told = offset(world, place, who).await?;
    if told == expected {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{expected} bytes were sent, and {told} are told")))
}

/// A part was taken, and its answer says how far the file is (tus 1.0.0, `PATCH`).
fn taken(answer: &Answer, sent: u64) -> Result<(), Failure> {
    require(answer.status == 204, || "a part must be taken".to_owned(), answer)?;
    let told = answer.header("upload-offset");
    let right = told.and_then(|told| told.parse().ok()) == Some(sent);
    require(right, || format!("must say `Upload-Offset: {sent}`, says {told:?}"), answer)
}

/// Where a page can ask how far an upload is, it is told what `HEAD` tells.
async fn shows(
    world: &World,
    place: &str,
    who: &Account,
    (sent, length): (u64, u64),
) -> Result<(), Failure> {
    tells(world, place, who, sent).await?;
    let answer = world.send(tus("GET", place, who)).await?;
    // The protocol has no GET: a service may do without it.
    if matches!(answer.status, 404 | 405) {
        return Ok(());
    }
    let told = answer.json();
    let right = answer.status == 200
        && told["offset"] == sent
        && told["length"] == length
        && told["complete"] == (sent == length);
    require(right, || format!("must say that {sent} of {length} bytes arrived"), &answer)
}

/// The id of what an upload becomes: the last part of the place where it goes on.
pub(super) fn id(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or_default()
}

async fn one(world: &World, taking: &Taking, who: &Account) -> Result<(), Failure> {
    let Some(kind) = taking.upload.accept.first() else { return Ok(()) };
    let Some(file) = file::of_kind(kind, ORDINARY) else { return Ok(()) };
    let length = file.len() as u64;
    let climbing = begin(world, taking, who, length, "../x.png").await;
    if climbing.is_ok() {
        return Err(Failure::Wrong("a name that leads elsewhere must be refused".to_owned()));
    }
    let (place, _) = begin(world, taking, who, length, "x.y").await?;
    shows(world, &place, who, (0, length)).await?;
    let middle = file.len() / 3;
    let answer = world.send(part(&place, who, 0, &file[..middle])).await?;
    taken(&answer, middle as u64)?;
    shows(world, &place, who, (middle as u64, length)).await?;
    // As after a break: the first byte of this part was sent before, and the offset says so.
    let again = world.send(part(&place, who, 0, &file[..middle])).await?;
    require(again.status == 409, || "a part that came before must be refused".to_owned(), &again)?;
    let told = usize::try_from(offset(world, &place, who).await?).unwrap_or(usize::MAX);
    let rest = file.get(told..).unwrap_or_default();
    let last = world.send(part(&place, who, told as u64, rest)).await?;
    taken(&last, length)?;
    shows(world, &place, who, (length, length)).await?;
    match download(world, taking, who, id(&place)).await? {
        Some(found) => {
            same(&found, kind, &file)?;
            let how = found.header("content-disposition").unwrap_or_default();
            let is_named = how.contains("filename=\"x.") || how.contains("filename=x.");
            require(is_named, || format!("must keep its name `x`, is {how:?}"), &found)
        }
        None => Ok(()),
    }
}

/// A file that is another one than it is said to be; nothing where only one kind is taken.
async fn said_otherwise(world: &World, taking: &Taking, who: &Account) -> Result<(), Failure> {
    let kinds = &taking.upload.accept;
    let (Some(is), Some(said)) = (kinds.first(), kinds.get(1)) else { return Ok(()) };
    let Some(file) = file::of_kind(is, ORDINARY) else { return Ok(()) };
    let before = count(world, taking, who).await?;
    let length = file.len() as u64;
    let (place, _) = begin_as(world, taking, who, length, ("a.b", Some(said))).await?;
    let answer = world.send(part(&place, who, 0, &file)).await?;
    let is_refused = [415, 422].contains(&answer.status);
    require(is_refused, || format!("{is} that is said to be {said} must be refused"), &answer)?;
    let gone = world.send(tus("HEAD", &place, who)).await?;
    let left = count(world, taking, who).await? == before && gone.status == 404;
    require(left, || "what is refused must leave nothing".to_owned(), &gone)
}

async fn whole(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in resumable(world)? {
        findings.add(&taking.key.to_string(), one(world, &taking, &user).await)?;
    }
    findings.finish("no route", |_| "it came back as it was".to_owned())
}

async fn others(world: &mut World, _: Arguments) -> Seen {
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut findings = Findings::new();
    for taking in resumable(world)? {
        let (place, _) = begin(world, &taking, &user, 1000, "x.y").await?;
        for (what, asked) in [
            ("see", tus("HEAD", &place, &other)),
            ("see", tus("GET", &place, &other)),
            ("continue", part(&place, &other, 0, &[0; 1000])),
            ("end", tus("DELETE", &place, &other)),
        ] {
            let answer = world.send(asked).await?;
            let hidden = answer.status == 404;
            let result = require(hidden, || format!("nobody else may {what} it"), &answer);
            findings.add(&format!("{what} by {}", answer.record.method), result)?;
        }
        findings.add("it is as it was", tells(world, &place, &user, 0).await)?;
    }
    findings.finish("no route", |count| format!("{count} requests changed and told nothing"))
}

async fn wrong_offset(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in resumable(world)? {
        let (place, _) = begin(world, &taking, &user, 1000, "x.y").await?;
        for offset in [1, 999, 1000, 1_000_000] {
            let answer = world.send(part(&place, &user, offset, &[0; 10])).await?;
            let result = require(answer.status == 409, || "must be a conflict".to_owned(), &answer);
            findings.add(&format!("offset {offset}"), result)?;
        }
        let long = world.send(part(&place, &user, 0, &[0; 1001])).await?;
        let right = [400, 413].contains(&long.status);
        findings.add("too long", require(right, || "must be refused".to_owned(), &long))?;
        findings.add("it is as it was", tells(world, &place, &user, 0).await)?;
        let too_much = taking.upload.max_size.get().saturating_add(1);
        let asked = tus(taking.key.method.as_str(), &taking.key.path, &user)
            .header("Upload-Length", too_much.to_string());
        let answer = world.send(asked).await?;
        let result = require(answer.status == 413, || "must be too large".to_owned(), &answer);
        findings.add("promised too much", result)?;
    }
    findings.finish("no route", |count| format!("{count} cases were as they must be"))
}

async fn unknown(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in resumable(world)? {
        let before = count(world, &taking, &user).await?;
        let (place, _) = begin(world, &taking, &user, 6000, "a.png").await?;
        let mut statuses = Vec::new();
        for at in [0, 3000] {
            let answer = world.send(part(&place, &user, at, &[b'x'; 3000])).await?;
            statuses.push(answer.status);
        }
        let after = count(world, &taking, &user).await?;
        let gone = world.send(tus("HEAD", &place, &user)).await?;
        let refused = statuses.iter().any(|status| [415, 422].contains(status));
        let result = require(
            refused && before == after && gone.status == 404,
            || format!("must be refused and leave nothing; the parts were answered {statuses:?}"),
            &gone,
        );
        findings.add(&taking.key.to_string(), result)?;
        let result = said_otherwise(world, &taking, &user).await;
        findings.add(&format!("{} said to be another kind", taking.key), result)?;
    }
    findings.finish("no route", |_| "it was refused and left nothing".to_owned())
}

async fn given_up(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in resumable(world)? {
        let before = count(world, &taking, &user).await?;
        let (place, _) = begin(world, &taking, &user, 1000, "x.y").await?;
        let answer = world.send(tus("DELETE", &place, &user)).await?;
        let ended = answer.status == 204;
        findings.add("ended", require(ended, || "it must be ended".to_owned(), &answer))?;
        let gone = world.send(tus("HEAD", &place, &user)).await?;
        let after = count(world, &taking, &user).await?;
        let nothing = gone.status == 404 && before == after;
        findings.add("gone", require(nothing, || "nothing must be left".to_owned(), &gone))?;
    }
    findings.finish("no route", |_| "it left nothing".to_owned())
}
