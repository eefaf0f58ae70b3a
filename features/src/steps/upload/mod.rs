//! Files that clients send: what they are, their names, their size, and what is left of those that are refused.

mod large;
mod limit;
mod names;
mod parts;
mod ranges;
mod unfinished;

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{
    Answer as Content, Disposition, HealthKind, Method, Operation, RouteKey, Upload,
};

use super::{Arguments, steps};
use crate::accounts::Account;
use crate::call::{self, Call};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::{Generator, file};
use crate::raw;
use crate::world::World;

/// More than fits into one packet, so that a file is read in several pieces.
const ORDINARY: usize = 300_000;
/// The service may hold so much more than before.
const MOST_GROWTH: u64 = 64_000_000;

/// What a scenario knows about uploads.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What the process held when the scenario began to ask.
    before: Option<u64>,
    large: large::Large,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = steps! { collection;
        then "a file of each kind that is taken comes back as it was, and as what it is" => comes_back;
        then "a file whose content is not what it is said to be is refused and leaves nothing" => mismatch;
        then "a file whose content is of no kind that is taken is refused and leaves nothing" => unknown;
        then "an image with as many pixels as are allowed is taken" => largest_image;
        then "an image with more pixels is refused and leaves nothing" => bombs;
        then "a file that is packed is refused and leaves nothing" => packed;
        then "the service holds less than 64 MB more in memory than before" => memory;
        then "a file that breaks off leaves nothing" => breaks_off;
    };
    unfinished::steps(limit::steps(ranges::steps(large::steps(parts::steps(names::steps(
        collection,
    ))))))
}

/// A route that takes files.
#[derive(Debug, Clone)]
struct Taking {
    key: RouteKey,
    upload: Upload,
    /// The status of a file that is taken.
    status: u16,
    /// The route that lists what was taken.
    list: Option<RouteKey>,
    /// The route that gives a file back.
    download: Option<RouteKey>,
    /// What browsers do with what it gives back.
    disposition: Disposition,
}

/// The routes that take files of somebody.
fn taking(world: &World) -> Result<Vec<Taking>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let mut found = Vec::new();
    for (key, route) in target.routes() {
        let Operation::Upload(upload) = &route.op else { continue };
        if !target.takes_principals(route) || route.roles.is_some() {
            continue;
        }
        let success = target.success(route);
        let status = success.as_ref().map_or(201, |(status, _)| *status);
        let list = target.routes().find(|(other, route)| {
            let answered = target.success(route).map(|(_, content)| content);
            let same = match (&success, answered) {
                (Some((_, Content::One(of))), Some(Content::List(listed))) => *of == listed,
                _ => false,
            };
            same && other.method == Method::Get && route.roles.is_none()
        });
        let download = target.routes().find_map(|(key, route)| match &route.op {
            Operation::Download(download) if download.from == upload.to => {
                Some((key.clone(), download.disposition))
            }
            _ => None,
        });
        found.push(Taking {
            key: key.clone(),
            upload: upload.clone(),
            status,
            list: list.map(|(key, _)| key.clone()),
            disposition: download.as_ref().map_or_else(Disposition::default, |(_, how)| *how),
            download: download.map(|(key, _)| key),
        });
    }
    if found.is_empty() {
        return Err(Failure::not_applicable("no route takes files of somebody who is known"));
    }
    Ok(found)
}

/// A request with a file; what it is said to be and what it is called only when that is given.
fn request(
    world: &World,
    taking: &Taking,
    who: &Account,
    said: Option<&str>,
    file: Vec<u8>,
) -> Result<Request, Failure> {
    let run = world.run()?;
    let route = run.target.route(&taking.key);
    let route = route.ok_or_else(|| Failure::broken("the route is gone"))?;
    let call = Call::valid(&mut Generator::new(&run.target, world.seed), &taking.key, route);
    let mut request = Request::new(taking.key.method.as_str(), call.target());
    request = request.headers(&[who.bearer()]);
    if let Some(said) = said {
        request = request.header("Content-Type", said);
    }
    request.body = Some(file);
    Ok(request)
}

/// How many files somebody has, as the service says.
async fn count(world: &World, taking: &Taking, who: &Account) -> Result<Option<usize>, Failure> {
    world.recorder.about("bindings", &taking.upload.to);
    let Some(list) = &taking.list else { return Ok(None) };
    let answer = world.send(Request::get(&list.path).headers(&[who.bearer()])).await?;
    let items = answer.json().pointer("/items").and_then(|items| items.as_array().map(Vec::len));
    let broken = || Failure::Broken(format!("there is no list: {}", answer.describe()));
    items.map(Some).ok_or_else(broken)
}

/// Sends what must be refused with one of these, and leave nothing.
async fn refused(
    world: &World,
    taking: &Taking,
    who: &Account,
    request: Request,
    with: &[u16],
) -> Result<(), Failure> {
    let before = count(world, taking, who).await?;
    let answer = world.send(request).await?;
    let right = with.contains(&answer.status) && answer.is_problem();
    require(right, || format!("must be refused with one of {with:?}"), &answer)?;
    let after = count(world, taking, who).await?;
    require(before == after, || "what is refused must leave nothing".to_owned(), &answer)
}

/// What the process holds in memory, as it says itself.
async fn resident(world: &World) -> Result<u64, Failure> {
    let run = world.run()?;
    let route = run.target.health_route_of(HealthKind::Detail);
    let (key, _) = route.ok_or_else(|| Failure::not_applicable("no route tells the memory"))?;
    let answer = world.send_again(Request::get(&key.path)).await?;
    let told = answer.at("/checks/memory/rssBytes").and_then(|text| text.parse().ok());
    told.ok_or_else(|| Failure::not_applicable("the service does not tell what it holds in memory"))
}

/// Notes once what the process holds, so that its growth can be told.
async fn note_memory(world: &mut World) -> Result<(), Failure> {
    if world.memory.upload.before.is_none() {
        // Where it is not told, the step that needs it says so.
        world.memory.upload.before = resident(world).await.ok();
    }
    Ok(())
}

/// Where a file is given back.
fn download_path(taking: &Taking, id: &str) -> Option<String> {
    taking.download.as_ref().map(|key| call::path_to(key, id))
}

async fn download(
    world: &World,
    taking: &Taking,
    who: &Account,
    id: &str,
) -> Result<Option<Answer>, Failure> {
    let Some(path) = download_path(taking, id) else { return Ok(None) };
    world.send(Request::get(path).headers(&[who.bearer()])).await.map(Some)
}

/// What came back is the file, and nothing that a browser would take for something else.
fn same(answer: &Answer, kind: &str, file: &[u8]) -> Result<(), Failure> {
    require(answer.body == file, || "must be the file as it was sent".to_owned(), answer)?;
    let given = answer.header("content-type").unwrap_or_default();
    require(given == kind, || format!("must say that it is {kind}, not {given}"), answer)?;
    let sniffs = answer.header("x-content-type-options") != Some("nosniff");
    require(!sniffs, || "must forbid to guess what it is (nosniff)".to_owned(), answer)?;
    let how = answer.header("content-disposition").unwrap_or_default();
    require(how.contains("filename"), || "must say under which name to save it".to_owned(), answer)
}

/// What is told of a file's content is of that content, where it is told.
fn described(answer: &Answer, file: &[u8]) -> Result<(), Failure> {
    let told = answer.json();
    if let Some(size) = told["size"].as_u64() {
        require(size == file.len() as u64, || "must tell its own size".to_owned(), answer)?;
    }
    let Some(digest) = told["sha256"].as_str() else { return Ok(()) };
    let own = proofline_spec::evidence::Digest::of(file).to_string();
    let is_own = digest.eq_ignore_ascii_case(&own);
    require(is_own, || format!("must tell its own digest, {own}"), answer)
}

async fn comes_back(world: &mut World, _: Arguments) -> Seen {
    note_memory(world).await?;
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        for kind in &taking.upload.accept {
            let most = usize::try_from(taking.upload.max_size.get()).unwrap_or(usize::MAX);
            let Some(file) = file::of_kind(kind, ORDINARY.min(most)) else { continue };
            let asked = request(world, &taking, &user, Some(kind), file.clone())?;
            let answer = world.send(asked).await?;
            let right = answer.status == taking.status;
            let mut result = require(right, || "must be taken".to_owned(), &answer);
            let id = answer.at("/id").unwrap_or_default();
            result = result.and_then(|()| described(&answer, &file));
            if result.is_ok()
                && let Some(found) = download(world, &taking, &user, &id).await?
            {
                result = same(&found, kind, &file);
            }
            findings.add(&format!("{}: {kind}", taking.key), result)?;
        }
    }
    findings.finish("no kind of file is taken", |count| format!("{count} files came back"))
}

async fn mismatch(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        let kinds = &taking.upload.accept;
        for (said, is) in kinds.iter().zip(kinds.iter().cycle().skip(1)) {
            let Some(file) = file::of_kind(is, 0).filter(|_| said != is) else { continue };
            let asked = request(world, &taking, &user, Some(said), file)?;
            let result = refused(world, &taking, &user, asked, &[415, 422]).await;
            findings.add(&format!("{is} that is said to be {said}"), result)?;
        }
    }
    findings.finish("only one kind of file is taken", |count| format!("{count} files were refused"))
}

/// Contents of no kind that is taken, under the names of kinds that are.
const STRANGE: [(&str, &[u8]); 9] = [
    ("nothing", b""),
    ("one byte", b"\x89"),
    ("a page", b"<!DOCTYPE html><script>alert(1)</script>"),
    ("a picture of a browser", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    ("a script", b"#!/bin/sh\nrm -rf /\n"),
    ("PHP", b"<?php system($_GET['x']);"),
    ("a program of Windows", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0"),
    ("a program of Linux", b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
    ("an archive", b"PK\x03\x04\x14\0\0\0\x08\0"),
];

async fn unknown(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        let said = taking.upload.accept.first().cloned().unwrap_or_default();
        for (name, content) in STRANGE {
            for size in [content.len(), ORDINARY] {
                let mut file = content.to_vec();
                file.resize(size.max(content.len()), b' ');
                let asked = request(world, &taking, &user, Some(&said), file)?;
                let asked = asked.header("Content-Disposition", "attachment; filename=\"a.png\"");
                let result = refused(world, &taking, &user, asked, &[415, 422]).await;
                findings.add(&format!("{name}, {size} bytes"), result)?;
            }
        }
    }
    findings.finish("no route takes files", |count| format!("{count} files were refused"))
}

/// The kinds of images that a route takes, with the most pixels that they may have.
fn images(taking: &Taking) -> Vec<(&str, u64)> {
    let most = taking.upload.pixels().unwrap_or(0);
    let kinds = taking.upload.accept.iter().map(String::as_str);
    kinds.filter(|kind| kind.starts_with("image/")).map(|kind| (kind, most)).collect()
}

async fn largest_image(world: &mut World, _: Arguments) -> Seen {
    note_memory(world).await?;
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        for (kind, most) in images(&taking) {
            // The largest square that every form can say.
            let side = u32::try_from(most.isqrt().min(16_000)).unwrap_or(1).max(1);
            let Some(file) = file::image(kind, side, side) else { continue };
            let answer = world.send(request(world, &taking, &user, Some(kind), file)?).await?;
            let right = answer.status == taking.status;
            let result = require(right, || format!("{side} × {side} must be taken"), &answer);
            findings.add(kind, result)?;
        }
    }
    findings.finish("no images are taken", |count| format!("{count} images were taken"))
}

async fn bombs(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        for (kind, most) in images(&taking) {
            let more = u32::try_from((most + 1).isqrt() + 1).unwrap_or(u32::MAX);
            let sides = [(more, more), (65_535, 65_535), (1, 0), (0, 0)];
            for (width, height) in sides {
                let is_bomb = u64::from(width) * u64::from(height) > most;
                // Nothing that this form can say is too large, or this form cannot say that there is nothing.
                if (!is_bomb && width > 0 && height > 0)
                    || (kind == "image/webp" && (width == 0 || height == 0 || width > 16_384))
                    || more > 65_535
                {
                    continue;
                }
                let Some(file) = file::image(kind, width, height) else { continue };
                let asked = request(world, &taking, &user, Some(kind), file)?;
                let result = refused(world, &taking, &user, asked, &[413, 415, 422]).await;
                findings.add(&format!("{kind} of {width} × {height}"), result)?;
            }
        }
    }
    findings.finish("no images are taken", |count| format!("{count} images were refused"))
}

async fn packed(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        let Some(kind) = taking.upload.accept.first() else { continue };
        // What is sent is taken without the header, so that it is the header that is refused.
        let Some(file) = file::of_kind(kind, 0) else { continue };
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
            let asked = request(world, &taking, &user, Some(kind), file.clone())?;
            let asked = asked.header("Content-Encoding", coding);
            let result = refused(world, &taking, &user, asked, &[400, 415, 422]).await;
            findings.add(coding, result)?;
        }
    }
    findings.finish("no route takes files", |count| format!("{count} codings were refused"))
}

/// The bytes of a request that promises so many bytes and brings these.
fn promising(
    world: &World,
    taking: &Taking,
    who: &Account,
    length: u64,
    body: &[u8],
) -> Result<(String, Vec<u8>), Failure> {
    let run = world.run()?;
    let authority = run.target.base.trim_start_matches("http://").to_owned();
    let asked = request(world, taking, who, None, Vec::new())?;
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {authority}\r\n", asked.method, asked.path);
    for (name, value) in &asked.headers {
        head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
    }
    if let Some((name, value)) = run.address_headers(&run.fresh_address()) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {length}\r\n\r\n"));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    Ok((authority, bytes))
}

async fn memory(world: &mut World, _: Arguments) -> Seen {
    let before = world.memory.upload.before;
    let before = before.ok_or_else(|| Failure::not_applicable("the memory is not told"))?;
    let growth = resident(world).await?.saturating_sub(before);
    if growth >= MOST_GROWTH {
        return Err(Failure::Wrong(format!("it holds {growth} bytes more than before")));
    }
    Ok(format!("it holds {growth} bytes more than before"))
}

async fn breaks_off(world: &mut World, _: Arguments) -> Seen {
    note_memory(world).await?;
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        for kind in &taking.upload.accept {
            let Some(file) = file::of_kind(kind, ORDINARY) else { continue };
            let before = count(world, &taking, &user).await?;
            let length = file.len() as u64 + 1;
            let (authority, bytes) = promising(world, &taking, &user, length, &file)?;
            // One byte is missing when the connection ends.
            let answer = raw::send(&authority, &bytes, Duration::from_millis(300)).await;
            let answer = answer.map_err(|error| Failure::Broken(error.to_string()))?;
            world.recorder.count(1);
            let taken = answer.statuses().iter().any(|status| (200..300).contains(status));
            let after = count(world, &taking, &user).await?;
            let result = if taken || before != after {
                Err(Failure::Wrong(format!("{before:?} files before, {after:?} after")))
            } else {
                Ok(())
            };
            findings.add(kind, result)?;
        }
    }
    findings.finish("no route takes files", |count| format!("{count} files left nothing"))
}
