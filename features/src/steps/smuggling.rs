//! Request smuggling: ambiguous framing is refused (RFC 9112 §6).

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::Method;

use super::{Arguments, steps};
use crate::failure::{Failure, Findings, Seen};
use crate::raw::{self, RawAnswer};
use crate::vectors::{self, Alternative};
use crate::world::World;

/// A service that waits for more says nothing for this long.
const SILENCE: Duration = Duration::from_secs(3);

/// So long a body is announced of which a byte is sent.
const UNSENT: usize = 20_000;

/// What says that a request's framing is not taken: RFC 9112, section 6.3, and what servers say of lengths and heads.
const REFUSALS: [u16; 6] = [400, 411, 413, 414, 431, 501];

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "two proper requests on one connection get two answers" => pipelined;
        then "a request whose framing is ambiguous is refused and the connection closed" => ambiguous;
        then "a request that is hidden in another one is not answered" => hidden;
        then "who is refused before the body has come is told when the connection ends" => told_of_the_end;
        then "a body that does not come is given up within ([0-9]+) s" => given_up;
    }
}

fn authority(world: &World) -> Result<String, Failure> {
    let run = world.run()?;
    let rest = run.target.base.strip_prefix("http://");
    rest.map(str::to_owned)
        .ok_or_else(|| Failure::broken("raw requests are only sent over plain HTTP"))
}

fn health(world: &World) -> Result<String, Failure> {
    let run = world.run()?;
    Ok(run.target.health_route().map_or_else(|| "/".to_owned(), |(key, _)| key.path.clone()))
}

async fn exchange(world: &World, what: &str, text: &str) -> Result<RawAnswer, Failure> {
    let authority = authority(world)?;
    let answer = raw::send(&authority, text.as_bytes(), SILENCE).await;
    let answer = answer
        .map_err(|error| Failure::Broken(format!("the service cannot be reached: {error}")))?;
    world.recorder.add_raw(what, &answer.statuses(), answer.closed);
    Ok(answer)
}

/// A path that reads a body, whoever sends it.
fn post(world: &World) -> Result<Option<String>, Failure> {
    let run = world.run()?;
    let found = run.target.routes().find(|(key, route)| {
        key.method == Method::Post
            && route.body.is_some()
            && key.parameters().next().is_none()
            && run.target.schemes(route).is_empty()
    });
    Ok(found.map(|(key, _)| key.path.clone()))
}

/// The bytes of a vector. Lines of the file end with a line feed; on the wire they end with CRLF.
fn fill(world: &World, template: &str, marker: &str) -> Result<String, Failure> {
    Ok(template
        .replace('\n', "\r\n")
        .replace("<LF>\r\n", "\n")
        .replace("<CR>", "\r")
        .replace("<NUL>", "\0")
        .replace("<TAB>", "\t")
        .replace("{path}", &health(world)?)
        .replace("{post}", &post(world)?.unwrap_or_default())
        .replace("{host}", &authority(world)?)
        .replace("{marker}", marker))
}

async fn pipelined(world: &mut World, _: Arguments) -> Seen {
    let path = health(world)?;
    let host = authority(world)?;
    let one = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let last = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = exchange(world, "two requests", &format!("{one}{last}")).await?;
    let statuses = answer.statuses();
    if statuses.len() != 2 {
        return Err(Failure::Wrong(format!("two requests got the answers {statuses:?}")));
    }
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    let found = exchange(world, "a chunked request", &chunked).await?.statuses();
    if found.len() != 1 || found[0] == 400 {
        return Err(Failure::Wrong(format!("a proper chunked request got the answers {found:?}")));
    }
    Ok(format!("{statuses:?}, chunked {found:?}"))
}

async fn over(
    world: &World,
    check: impl Fn(&RawAnswer, &str, Option<Alternative>) -> Result<(), Failure>,
) -> Seen {
    let is_generated = world.run()?.target.service.dialect.is_none();
    let mut findings = Findings::new();
    for vector in vectors::smuggling().map_err(Failure::Broken)? {
        if vector.request.contains("{post}") && post(world)?.is_none() {
            continue;
        }
        let marker = format!("hidden-{}", uuid::Uuid::new_v4().simple());
        let text = fill(world, &vector.request, &marker)?;
        let answer = exchange(world, &vector.name, &text).await?;
        let or = vector.or.filter(|_| !is_generated);
        findings.add(&vector.name, check(&answer, &marker, or))?;
    }
    findings.finish("there are no vectors", |count| format!("{count} raw requests"))
}

fn head(answer: &RawAnswer) -> String {
    answer.text.lines().next().unwrap_or("nothing").to_owned()
}

async fn ambiguous(world: &mut World, _: Arguments) -> Seen {
    over(world, |answer, _, or| {
        let status = answer.statuses().first().copied();
        if or.is_some() && status.is_none_or(|status| status < 500) {
            // Taken as the RFC permits; the next step says whether anything hidden was answered.
            return Ok(());
        }
        // Closing without a word refuses too; waiting for more does not, nor that the path has no such method.
        let refused = status.map_or(answer.closed, |status| REFUSALS.contains(&status));
        if !refused || !answer.closed {
            let open = if answer.closed { "closed" } else { "left open" };
            return Err(Failure::Wrong(format!(
                "must be refused and closed; answered {} and {open}",
                head(answer)
            )));
        }
        Ok(())
    })
    .await
}

async fn hidden(world: &mut World, _: Arguments) -> Seen {
    over(world, |answer, marker, or| {
        let statuses = answer.statuses();
        if or == Some(Alternative::Unfold) {
            // What is unfolded is chunks, and nothing is hidden in them: the next request is one of its own.
            return Ok(());
        }
        if statuses.len() > 1 || answer.text.contains(marker) {
            return Err(Failure::Wrong(format!("the hidden request was answered: {statuses:?}")));
        }
        Ok(())
    })
    .await
}

/// RFC 9112, section 9.6: without being told, a client sends its next request on a connection that is closed meanwhile.
async fn told_of_the_end(world: &mut World, _: Arguments) -> Seen {
    let (run, host) = (world.run()?, authority(world)?);
    if run.target.service.dialect.is_some() {
        return Err(Failure::not_applicable("such services may close a connection at any time"));
    }
    let mut findings = Findings::new();
    let guarded = run.target.routes().filter(|(key, route)| {
        key.method == Method::Post
            && route.body.is_some()
            && key.parameters().next().is_none()
            && run.target.takes_principals(route)
    });
    for (key, _) in guarded {
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {UNSENT}\r\n\r\n{{",
            key.path
        );
        let answer = exchange(world, "the beginning of a body", &request).await?;
        let (head, _) = answer.text.split_once("\r\n\r\n").unwrap_or((&answer.text, ""));
        let is_told = head.to_lowercase().lines().any(|line| {
            let value = line.strip_prefix("connection:").map(str::trim);
            value.is_some_and(|value| value.split(',').any(|one| one.trim() == "close"))
        });
        // Who leaves it open takes the rest of the body for what it is.
        let result = if answer.closed && !answer.statuses().is_empty() && !is_told {
            let what =
                "the connection is closed, and the answer does not say so (`Connection: close`)";
            Err(Failure::Wrong(format!("{what}: {head}")))
        } else {
            Ok(())
        };
        findings.add(&key.to_string(), result)?;
    }
    findings.finish("no route with a body asks who calls", |count| format!("{count} routes"))
}

/// A request whose body never comes must not be waited for: there are only so many connections (CWE-400).
async fn given_up(world: &mut World, arguments: Arguments) -> Seen {
    let seconds = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    if world.run()?.target.service.dialect.is_some() {
        return Err(Failure::not_applicable("how long such services wait is not declared"));
    }
    let none = || Failure::not_applicable("no route reads a body of whoever sends it");
    let (path, host) = (post(world)?.ok_or_else(none)?, authority(world)?);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {UNSENT}\r\n\r\n{{"
    );
    let answer = raw::send(&host, request.as_bytes(), Duration::from_secs(seconds)).await;
    let answer = answer
        .map_err(|error| Failure::Broken(format!("the service cannot be reached: {error}")))?;
    world.recorder.add_raw("a body that does not come", &answer.statuses(), answer.closed);
    if answer.statuses() == [408] && answer.closed {
        return Ok(format!("{path} answers 408 and closes the connection"));
    }
    Err(Failure::Wrong(format!(
        "`{path}` must answer 408 and close the connection; it answers {:?}",
        answer.statuses()
    )))
}
