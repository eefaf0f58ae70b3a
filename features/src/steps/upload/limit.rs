//! Files that are too large: they say so, or it turns out.

use std::time::Duration;

use cucumber::step::Collection;

use super::{Taking, count, promising, taking};
use crate::failure::{Failure, Findings, Seen};
use crate::generate::file;
use crate::raw;
use crate::steps::{Arguments, steps};
use crate::world::World;

/// What is larger is not sent by a check.
const MOST_SENT: u64 = 200_000_000;
/// One chunk of a body that does not say how long it is.
const CHUNK: usize = 64 * 1024;

/// Another check may have used a limit of everybody's up: so often it is tried, after so long, until it is renewed.
const TRIES: u32 = 6;
const REFUSED: Duration = Duration::from_secs(15);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a file that says that it is too large is refused before it is sent" => too_large;
        then "a file that turns out to be too large is refused and leaves nothing" => turns_out;
    }
}

async fn too_large(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    if !world.run()?.target.base.starts_with("http://") {
        return Err(Failure::not_applicable("raw requests are only sent over plain HTTP"));
    }
    let mut findings = Findings::new();
    for taking in taking(world)? {
        let most = taking.upload.max_size.get();
        for length in [most + 1, most.saturating_mul(1000)] {
            let (authority, bytes) = promising(world, &taking, &user, length, b"")?;
            let mut statuses = Vec::new();
            for _ in 0..TRIES {
                let answer = raw::send(&authority, &bytes, Duration::from_secs(5)).await;
                let answer = answer.map_err(|error| Failure::Broken(error.to_string()))?;
                statuses = answer.statuses();
                noted(world, &taking, &statuses);
                if statuses != [429] {
                    break;
                }
                tokio::time::sleep(REFUSED).await;
            }
            let result = if statuses == [413] {
                Ok(())
            } else {
                Err(Failure::Wrong(format!("must be refused with 413 at once, not {statuses:?}")))
            };
            findings.add(&format!("{length} bytes"), result)?;
        }
    }
    findings.finish("no route takes files", |count| format!("{count} promises were refused"))
}

/// What was sent as bare bytes is noted by its statuses alone.
fn noted(world: &World, taking: &Taking, statuses: &[u16]) {
    world.recorder.about("bindings", &taking.upload.to);
    match statuses {
        [] => world.recorder.count(1),
        _ => {
            for status in statuses {
                world.recorder.asked(taking.key.method.as_str(), &taking.key.path, *status);
            }
        }
    }
}

/// The same request, but in chunks and without a word about its length.
fn in_chunks(promising: &[u8], mut file: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(promising);
    let lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with("Content-Length"));
    let mut bytes: Vec<u8> = lines.flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
    bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    while !file.is_empty() {
        let (chunk, rest) = file.split_at(file.len().min(CHUNK));
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        file = rest;
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

async fn turns_out(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        let most = taking.upload.max_size.get();
        if most > MOST_SENT {
            continue;
        }
        let largest = usize::try_from(most).unwrap_or(usize::MAX);
        for (size, right) in [(largest, taking.status), (largest + 1, 413)] {
            let kind = taking.upload.accept.iter().find(|kind| !kind.starts_with("image/"));
            let Some(file) = kind.and_then(|kind| file::of_kind(kind, size)) else { continue };
            let before = count(world, &taking, &user).await?;
            let (authority, head) = promising(world, &taking, &user, 0, b"")?;
            let bytes = in_chunks(&head, &file[..size]);
            let answer = raw::send(&authority, &bytes, Duration::from_secs(30)).await;
            let answer = answer.map_err(|error| Failure::Broken(error.to_string()))?;
            let (statuses, after) = (answer.statuses(), count(world, &taking, &user).await?);
            noted(world, &taking, &statuses);
            let kept = before.map(|count| count + usize::from(right != 413));
            let result = if statuses == [right] && after == kept {
                Ok(())
            } else {
                let text = format!("must be answered {right}, not {statuses:?}; {after:?} files");
                Err(Failure::Wrong(text))
            };
            findings.add(&format!("{}: {size} bytes", taking.key), result)?;
        }
    }
    findings.finish("no route takes files that a check could send", |count| {
        format!("{count} files without a length were judged by what came")
    })
}
