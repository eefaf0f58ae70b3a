//! Correlation ids and trace context.

use cucumber::step::Collection;

use super::{Arguments, steps};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// What a scenario knows about correlation.
#[derive(Debug, Default)]
pub(super) struct Correlation {
    id: String,
    trace: String,
    last: Option<Answer>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "a request with a correlation id is sent" => with_id;
        when "a request with a correlation id fails" => failing;
        when "a request with a trace context is sent" => with_trace;
        then "the answer has the same correlation id" => same;
        then "the error names the correlation id" => in_error;
        then "each answer to a request without one has an id of its own" => fresh;
        then "an id that is malformed or too long is replaced" => replaced;
        then "the log line of the request has the correlation id" => in_log;
        then "the log line of the request has the trace" => trace_in_log;
        then "a trace context that is malformed is not continued" => malformed_trace;
    }
}

/// The header that the spec declares.
pub(super) fn header(world: &World) -> Result<String, Failure> {
    Ok(world.run()?.target.dialect().correlation.header.clone())
}

fn path(world: &World) -> Result<String, Failure> {
    let run = world.run()?;
    let found = run.target.health_route().map(|(key, _)| key.path.clone());
    Ok(found.unwrap_or_else(|| "/".to_owned()))
}

async fn with_id(world: &mut World, _: Arguments) -> Seen {
    let id = format!("check-{}", uuid::Uuid::new_v4());
    let name = header(world)?;
    let answer = world.send(Request::get(path(world)?).header(&name, id.clone())).await?;
    let seen = format!("sent {id}, got {:?}", answer.header(&name));
    world.memory.correlation = Correlation { id, trace: String::new(), last: Some(answer) };
    Ok(seen)
}

async fn failing(world: &mut World, _: Arguments) -> Seen {
    let id = format!("check-{}", uuid::Uuid::new_v4());
    let request = Request::get("/does/not/exist").header(header(world)?, id.clone());
    let answer = world.send(request).await?;
    require(answer.status == 404, || "must be answered 404".to_owned(), &answer)?;
    world.memory.correlation = Correlation { id, trace: String::new(), last: Some(answer) };
    Ok("404".to_owned())
}

async fn with_trace(world: &mut World, _: Arguments) -> Seen {
    let trace = uuid::Uuid::new_v4().simple().to_string();
    let id = format!("check-{}", uuid::Uuid::new_v4());
    let request = Request::get(path(world)?)
        .header(header(world)?, id.clone())
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = world.send(request).await?;
    world.memory.correlation = Correlation { id, trace: trace.clone(), last: Some(answer) };
    Ok(format!("trace {trace}"))
}

fn last(world: &World) -> Result<(&str, &Answer), Failure> {
    let known = &world.memory.correlation;
    let answer = known.last.as_ref().ok_or_else(|| Failure::broken("nothing was sent"))?;
    Ok((&known.id, answer))
}

async fn same(world: &mut World, _: Arguments) -> Seen {
    let (id, answer) = last(world)?;
    let name = header(world)?;
    let found = answer.header(&name).unwrap_or_default();
    require(found == id, || format!("`{name}` must be {id:?}, is {found:?}"), answer)?;
    Ok(id.to_owned())
}

async fn in_error(world: &mut World, _: Arguments) -> Seen {
    let (id, answer) = last(world)?;
    let run = world.run()?;
    let (_, Some(pointer)) = run.target.error_traces() else {
        return Err(Failure::not_applicable("the spec's errors do not tell the correlation id"));
    };
    let found = answer.at(pointer).unwrap_or_default();
    require(
        run.target.is_error(answer) && found == id,
        || format!("`{}` must be {id:?}, is {found:?}", &pointer[1..]),
        answer,
    )?;
    Ok(id.to_owned())
}

fn is_valid(id: &str, longest: usize) -> bool {
    (1..=longest).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

async fn fresh(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let declared = &run.target.dialect().correlation;
    let (name, longest) = (declared.header.as_str(), usize::from(declared.longest));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let answer = world.send(Request::get(path(world)?)).await?;
        let id = answer.header(name).unwrap_or_default().to_owned();
        let is_proper = is_valid(&id, longest);
        require(is_proper, || format!("`{name}` must be a proper id, is {id:?}"), &answer)?;
        require(seen.insert(id), || format!("`{name}` must differ each time"), &answer)?;
    }
    Ok(format!("{} different ids", seen.len()))
}

async fn replaced(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let declared = &run.target.dialect().correlation;
    let (name, most) = (declared.header.as_str(), usize::from(declared.longest));
    let longest = "a".repeat(most);
    let too_long = "a".repeat(most + 1);
    let mut findings = Findings::new();
    let answer = world.send(Request::get(path(world)?).header(name, longest.clone())).await?;
    let kept = answer.header(name) == Some(longest.as_str());
    findings.add(
        &format!("{most} characters"),
        require(kept, || "the longest id must be echoed".to_owned(), &answer),
    )?;
    for bad in [
        too_long.as_str(),
        "with space",
        "a/b",
        "<script>",
        "a\"b",
        "a;b",
        "{id}",
        "a,b",
        "%0d%0aX: y",
        "\u{e9}",
        "a'b",
    ] {
        let answer = world.send(Request::get(path(world)?).header(name, bad)).await?;
        let found =
            answer.headers.get(name).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        let text = String::from_utf8_lossy(&found).into_owned();
        let right = found != bad.as_bytes() && is_valid(&text, most);
        findings.add(bad, require(right, || format!("must be replaced, is {text:?}"), &answer))?;
    }
    findings.finish("there are no ids to try", |count| format!("{count} ids were tried"))
}

async fn in_log(world: &mut World, _: Arguments) -> Seen {
    let id = last(world)?.0.to_owned();
    let line = super::logs::line_with(world, &id).await?;
    let run = world.run()?;
    let member = run.target.log_members().0.unwrap_or_default();
    let found = line.get(member).and_then(|v| v.as_str()).unwrap_or_default();
    if found != id {
        return Err(Failure::Wrong(format!(
            "the log line's `{member}` is {found:?}, not {id:?}: {line}"
        )));
    }
    Ok(format!("log line {line}"))
}

/// W3C Trace Context, section 3.2.2: what breaks any rule of the header is as if it was not there.
async fn malformed_trace(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let member = run.target.log_members().1.unwrap_or_default();
    let name = header(world)?;
    let mut findings = Findings::new();
    for (what, before, after) in [
        ("a forbidden version", "ff-", "-00f067aa0ba902b7-01"),
        ("a parent of zeroes", "00-", "-0000000000000000-01"),
        ("a parent that is too short", "00-", "-00f067aa0ba902-01"),
        ("no flags", "00-", "-00f067aa0ba902b7"),
        ("flags that are no digits", "00-", "-00f067aa0ba902b7-xy"),
    ] {
        let trace = uuid::Uuid::new_v4().simple().to_string();
        let id = format!("check-{}", uuid::Uuid::new_v4());
        let request = Request::get(path(world)?)
            .header(&name, id.clone())
            .header("traceparent", format!("{before}{trace}{after}"));
        let answer = world.send(request).await?;
        let line = super::logs::line_with(world, &id).await?;
        let found = line.get(member).and_then(|v| v.as_str()).unwrap_or_default();
        let is_new = found != trace;
        findings
            .add(what, require(is_new, || format!("must not be continued: {line}"), &answer))?;
    }
    let zeroes = "0".repeat(32);
    let id = format!("check-{}", uuid::Uuid::new_v4());
    let request = Request::get(path(world)?)
        .header(&name, id.clone())
        .header("traceparent", format!("00-{zeroes}-00f067aa0ba902b7-01"));
    let answer = world.send(request).await?;
    let line = super::logs::line_with(world, &id).await?;
    let is_new = line.get(member).and_then(|v| v.as_str()) != Some(zeroes.as_str());
    let what = || format!("must not be continued: {line}");
    findings.add("a trace of zeroes", require(is_new, what, &answer))?;
    findings.finish("there is nothing to try", |count| format!("{count} are not continued"))
}

async fn trace_in_log(world: &mut World, _: Arguments) -> Seen {
    let (id, trace) = (world.memory.correlation.id.clone(), world.memory.correlation.trace.clone());
    let line = super::logs::line_with(world, &id).await?;
    let run = world.run()?;
    let member = run.target.log_members().1.unwrap_or_default();
    let found = line.get(member).and_then(|v| v.as_str()).unwrap_or_default();
    if found != trace {
        return Err(Failure::Wrong(format!(
            "the log line's `{member}` is {found:?}, not {trace:?}: {line}"
        )));
    }
    Ok(format!("log line {line}"))
}
