//! A file of gigabytes, made while it is sent and thrown away while it is read: neither side ever holds it.

use std::time::{Duration, Instant};

use cucumber::step::Collection;
use sha2::{Digest as _, Sha256};

use super::parts::{begin, id, offset, resumable};
use super::{MOST_GROWTH, Taking, resident};
use crate::accounts::Account;
use crate::call;
use crate::failure::{Failure, Seen};
use crate::generate::file;
use crate::steps::{Arguments, steps};
use crate::token;
use crate::world::World;

/// How often the progress is asked for: not after every part, so that no limit of requests is met.
const ASKED: usize = 10;

/// How often the memory is looked at while the last part is worked on.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Large {
    taking: Option<Taking>,
    place: String,
    length: u64,
    sha256: String,
    /// Sent, and told.
    progress: Vec<(u64, u64)>,
    /// What the process held before, and the most that it held since.
    before: u64,
    most: u64,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the user sends a file of ([0-9]+) GB in parts of ([0-9]+) MB" => sends;
        then "the progress that was told grew with every part" => progress;
        then "the file comes back whole" => comes_back;
        then "the service never held 64 MB more in memory than before" => memory;
    }
}

fn number(arguments: &Arguments, at: usize) -> Result<u64, Failure> {
    arguments.text(at).parse().map_err(|_| Failure::broken("not a number"))
}

/// The part of the file that begins there. No two parts are the same, so that none can be taken for another.
fn part(kind: &str, at: u64, size: usize) -> Option<Vec<u8>> {
    let mut bytes = if at == 0 { file::of_kind(kind, size)? } else { vec![0; size] };
    if at > 0 {
        for (index, block) in bytes.chunks_mut(4096).enumerate() {
            let mark = (at + index as u64).to_le_bytes();
            let fits = mark.len().min(block.len());
            block[..fits].copy_from_slice(&mark[..fits]);
        }
    }
    bytes.truncate(size);
    Some(bytes)
}

/// Bodies of this size are not recorded: what the checks remember would be as large as the file.
async fn send_part(
    world: &World,
    place: &str,
    who: &Account,
    at: u64,
    bytes: Vec<u8>,
) -> Result<u16, Failure> {
    let run = world.run()?;
    let broken = |error: &dyn std::fmt::Display| Failure::Broken(format!("no answer: {error}"));
    let client = run.http.client(None).map_err(|error| broken(&error))?;
    let (authorization, token) = who.bearer();
    let mut asked = client
        .patch(format!("{}{place}", run.http.base()))
        .timeout(Duration::from_secs(150))
        .header(authorization, token)
        .header("Tus-Resumable", "1.0.0")
        .header("Upload-Offset", at.to_string())
        .header("Content-Type", "application/offset+octet-stream")
        .body(bytes);
    if let Some((name, value)) = run.address_headers(&run.fresh_address()) {
        asked = asked.header(name, value);
    }
    let answer = asked.send().await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    world.recorder.asked("PATCH", place, status);
    Ok(status)
}

/// What a request came to, and the most that the process held meanwhile.
async fn watched(
    world: &World,
    sending: impl Future<Output = Result<u16, Failure>>,
) -> Result<(u16, u64), Failure> {
    let mut sending = std::pin::pin!(sending);
    let mut most = 0;
    loop {
        tokio::select! {
            status = &mut sending => return Ok((status?, most)),
            () = tokio::time::sleep(LOOK_AGAIN) => most = most.max(resident(world).await?),
        }
    }
}

async fn sends(world: &mut World, arguments: Arguments) -> Seen {
    let length = number(&arguments, 0)? * 1_000_000_000;
    let size = usize::try_from(number(&arguments, 1)? * 1_000_000).unwrap_or(usize::MAX);
    let user = world.user("user")?.clone();
    let taking =
        resumable(world)?.into_iter().find(|taking| taking.upload.max_size.get() >= length);
    let too_small = || Failure::not_applicable("no route takes files that are so large");
    let taking = taking.ok_or_else(too_small)?;
    // Images have no such size.
    let kind = taking.upload.accept.iter().find(|kind| !kind.starts_with("image/"));
    let kind = kind.ok_or_else(|| Failure::not_applicable("only images are taken"))?.clone();
    let (before, began) = (resident(world).await?, Instant::now());
    let (place, _) = begin(world, &taking, &user, length, "large.x").await?;
    let mut large = Large { before, most: before, place, length, ..Large::default() };
    let (mut at, mut hash, mut count) = (0, Sha256::new(), 0);
    while at < length {
        let size = usize::try_from((length - at).min(size as u64)).unwrap_or(size);
        let bytes = part(&kind, at, size).ok_or_else(|| Failure::broken("no such kind"))?;
        hash.update(&bytes);
        let sending = send_part(world, &large.place, &user, at, bytes);
        let is_last = at + size as u64 == length;
        let status = if is_last {
            // With the last part the whole is looked at and put in its place: that is when memory would grow.
            let (status, most) = watched(world, sending).await?;
            large.most = large.most.max(most);
            status
        } else {
            sending.await?
        };
        if status != 204 {
            return Err(Failure::Wrong(format!("the part at {at} was answered {status}")));
        }
        at += size as u64;
        count += 1;
        if count % ASKED == 0 || at == length {
            large.progress.push((at, offset(world, &large.place, &user).await?));
            large.most = large.most.max(resident(world).await?);
        }
    }
    large.sha256 = token::hex(&hash.finalize());
    large.taking = Some(taking);
    world.memory.upload.large = large;
    Ok(format!("{length} bytes in {count} parts, in {} s", began.elapsed().as_secs()))
}

async fn progress(world: &mut World, _: Arguments) -> Seen {
    let told = &world.memory.upload.large.progress;
    match told.iter().find(|(sent, told)| sent != told) {
        Some((sent, told)) => {
            Err(Failure::Wrong(format!("{sent} bytes were sent, and {told} were told")))
        }
        None if told.len() < 2 => Err(Failure::broken("nothing was told")),
        None => Ok(format!("it was told {} times, and right each time", told.len())),
    }
}

async fn comes_back(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let run = world.run()?;
    let large = &world.memory.upload.large;
    let key = large.taking.as_ref().and_then(|taking| taking.download.clone());
    let key = key.ok_or_else(|| Failure::not_applicable("no route gives files back"))?;
    let path = call::path_to(&key, id(&large.place));
    let broken = |error: &dyn std::fmt::Display| Failure::Broken(format!("no answer: {error}"));
    let client = run.http.client(None).map_err(|error| broken(&error))?;
    let (authorization, token) = user.bearer();
    let asked = client
        .get(format!("{}{path}", run.http.base()))
        .timeout(Duration::from_secs(150))
        .header(authorization, token);
    let mut answer = asked.send().await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    world.recorder.asked("GET", &path, status);
    let (mut hash, mut length, mut looked) = (Sha256::new(), 0_u64, 0);
    let mut most = large.most;
    while let Some(piece) = answer.chunk().await.map_err(|error| broken(&error))? {
        hash.update(&piece);
        length += piece.len() as u64;
        if length / 200_000_000 > looked {
            looked += 1;
            most = most.max(resident(world).await?);
        }
    }
    let sha256 = token::hex(&hash.finalize());
    if status != 200 || length != large.length || sha256 != large.sha256 {
        let message = format!("{status}, {length} bytes with the SHA-256 {sha256} came back");
        return Err(Failure::Wrong(format!("{message}; {} were sent", large.length)));
    }
    world.memory.upload.large.most = most;
    remove(world, &user).await?;
    Ok(format!("{length} bytes, with the same SHA-256"))
}

/// Removes the file, where a route does that: it takes much room.
async fn remove(world: &World, who: &Account) -> Result<(), Failure> {
    let large = &world.memory.upload.large;
    let Some(download) = large.taking.as_ref().and_then(|taking| taking.download.as_ref()) else {
        return Ok(());
    };
    let run = world.run()?;
    let path = crate::call::object_path(download).unwrap_or_default();
    let key = proofline_spec::document::RouteKey {
        method: proofline_spec::document::Method::Delete,
        path: path.to_owned(),
    };
    if run.target.route(&key).is_some() {
        let path = call::path_to(&key, id(&large.place));
        let asked = crate::exchange::Request::new("DELETE", path).headers(&[who.bearer()]);
        world.send(asked).await?;
    }
    Ok(())
}

async fn memory(world: &mut World, _: Arguments) -> Seen {
    let large = &world.memory.upload.large;
    let growth = large.most.saturating_sub(large.before);
    let seen = format!("{} bytes before, at most {growth} more since", large.before);
    if growth >= MOST_GROWTH { Err(Failure::Wrong(seen)) } else { Ok(seen) }
}
