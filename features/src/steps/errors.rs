//! Error answers: problem documents, or what the spec declares instead, that leak nothing of the inside.

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::Method;
use serde_json::json;

use super::samples::Sample;
use super::{Arguments, is_now, steps};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::vectors;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "malformed requests of many kinds are sent" => malformed;
        then "every error has the form that the spec declares" => declared_form;
        then "every error tells when it happened and its id" => traceable;
        then "no answer is a server error" => no_server_errors;
        then "no error tells anything of the inside" => no_leaks;
        then "a wrong password and an unknown account are answered alike" => alike;
        then "an unknown account takes no less time than a wrong password" => takes_as_long;
    }
}

fn mangled(call: &Call) -> Vec<(&'static str, Request)> {
    let method = call.key.method.as_str();
    let path = call.target();
    let send = |kind: &str, body: &[u8]| {
        Request::new(method, &path).headers(&call.headers).body(kind, body)
    };
    let nested = [b"[".repeat(5_000), b"]".repeat(5_000)].concat();
    vec![
        ("no JSON", send("application/json", b"{\"a\":")),
        ("an empty body", send("application/json", b"")),
        ("no body", Request::new(method, &path).headers(&call.headers)),
        ("bytes that are no text", send("application/json", b"{\"a\":\"\xff\xfe\"}")),
        ("a number that is too large", send("application/json", b"{\"a\":1e999999}")),
        ("deep nesting", send("application/json", &nested)),
        ("a zero byte", send("application/json", b"{\"a\":\"\\u0000\"}")),
        ("half a surrogate pair", send("application/json", b"{\"a\":\"\\ud800\"}")),
        ("a form", send("application/x-www-form-urlencoded", b"a=1")),
        (
            "markup",
            send(
                "application/xml",
                b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
            ),
        ),
        ("a member twice", send("application/json", b"{\"a\":1,\"a\":2}")),
        (
            "a prototype",
            send(
                "application/json",
                br#"{"__proto__":{"role":"admin"},"constructor":{"prototype":{}}}"#,
            ),
        ),
        ("an unknown encoding", send("application/json", b"{}").header("Content-Encoding", "br")),
        ("an unknown charset", send("application/json; charset=utf-7", b"{}")),
    ]
}

async fn malformed(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut requests: Vec<(String, Request)> = Vec::new();
    for (key, route) in run.target.routes() {
        let call = Call::valid(&mut generator, key, route);
        if key.method != Method::Get && key.method.has_body() {
            requests.extend(
                mangled(&call)
                    .into_iter()
                    .map(|(name, request)| (format!("{key}: {name}"), request)),
            );
        }
        if route.path.is_empty() && route.query.is_none() {
            continue;
        }
        for bad in ["%00", "%ff", "%F0%9F%98%80", "'\"<>", "a%0d%0ab"] {
            let path = key
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { bad } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let query = if route.query.is_some() {
                format!("?limit={bad}&q={bad}&limit={bad}")
            } else {
                String::new()
            };
            requests.push((
                format!("{key}: {bad}"),
                Request::new(
                    key.method.as_str(),
                    format!("{path}{query}").replace(['"', '<', '>'], ""),
                ),
            ));
        }
    }
    requests.push(("a very long path".to_owned(), Request::get(format!("/{}", "a".repeat(8_000)))));
    requests.push((
        "a very long query".to_owned(),
        Request::get(format!("/?{}", "a=1&".repeat(2_000))),
    ));
    requests.push((
        "a very long header".to_owned(),
        Request::get("/").header("X-Long", "a".repeat(8_000)),
    ));
    requests.push((
        "a content type that is none".to_owned(),
        Request::new("POST", "/")
            .header("Content-Type", b"\xff".to_vec())
            .header("Accept", "nothing/at-all"),
    ));
    for (name, request) in requests {
        let answer = world.send(request).await?;
        world.memory.samples.push(Sample { name, answer });
    }
    signed_in(world).await?;
    let errors = world.memory.samples.iter().filter(|sample| sample.answer.status >= 400).count();
    if errors == 0 {
        return Err(Failure::wrong("not one of the malformed requests was refused"));
    }
    Ok(format!("{} requests, {errors} errors", world.memory.samples.len()))
}

/// What only somebody can send whom the service knows, so that more of the inside is reached.
async fn signed_in(world: &mut World) -> Result<(), Failure> {
    let run = world.run()?;
    let nobody =
        run.target.service.accounts.is_none() && run.target.environment.credentials.is_empty();
    if nobody || !run.target.environment.permits.writes {
        return Ok(());
    }
    let mut generator = Generator::new(&run.target, world.seed);
    let routes = run.target.routes().filter(|(_, route)| {
        route.body.is_some() && run.target.takes_principals(route) && route.roles.is_none()
    });
    for (key, route) in routes {
        let user = crate::accounts::sign_up(world, "user").await?;
        let call = Call::valid(&mut generator, key, route).with(user.bearer());
        for (name, request) in mangled(&call) {
            let answer = world.send(request).await?;
            world.memory.samples.push(Sample { name: format!("{key}, signed in: {name}"), answer });
        }
        world.users.push(user);
    }
    Ok(())
}

/// A problem document (RFC 9457), unless the spec declares another form.
fn check_form(target: &Target, answer: &Answer) -> Result<(), Failure> {
    require(target.is_error(answer), || format!("must be {}", target.error_form()), answer)?;
    if target.dialect().errors.is_some() {
        return Ok(());
    }
    let body = answer.json();
    require(
        body.get("type").is_some_and(serde_json::Value::is_string),
        || "`type` is missing".to_owned(),
        answer,
    )?;
    require(
        body.get("title").is_some_and(serde_json::Value::is_string),
        || "`title` is missing".to_owned(),
        answer,
    )?;
    require(
        body.get("status") == Some(&json!(answer.status)),
        || "`status` is not the status".to_owned(),
        answer,
    )
}

async fn declared_form(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let findings = of_each_error(world, |answer| check_form(&run.target, answer))?;
    let form = run.target.error_form();
    findings.finish("there was no error", |count| format!("{count} errors, each {form}"))
}

async fn traceable(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let traces = run.target.error_traces();
    if traces == (None, None) {
        return Err(Failure::not_applicable("the spec's errors tell neither time nor id"));
    }
    let findings = of_each_error(world, |answer| check_traceable(traces, answer))?;
    findings.finish("there was no error", |count| format!("{count} errors tell time and id"))
}

fn of_each_error(
    world: &World,
    check: impl Fn(&Answer) -> Result<(), Failure>,
) -> Result<Findings, Failure> {
    let mut findings = Findings::new();
    for sample in &world.memory.samples {
        // An answer to HEAD has no body, and a health answer reports; neither is a problem document.
        let skipped = sample.answer.record.method == "HEAD" || sample.name.contains("health");
        if sample.answer.status >= 400 && !skipped {
            findings.add(&sample.name, check(&sample.answer))?;
        }
    }
    Ok(findings)
}

/// Who is told of an error can be helped: its id is in the log, and its time says where to look.
fn check_traceable(
    (time, id): (Option<&str>, Option<&str>),
    answer: &Answer,
) -> Result<(), Failure> {
    if let Some(pointer) = time {
        let time = answer.at(pointer).unwrap_or_default();
        let name = &pointer[1..];
        let what = || format!("`{name}` is {time:?}, not the time of the answer");
        require(is_now(&time), what, answer)?;
    }
    let Some(pointer) = id else { return Ok(()) };
    let has_id = answer.at(pointer).is_some_and(|id| !id.is_empty());
    require(has_id, || format!("`{}` is missing", &pointer[1..]), answer)
}

async fn no_server_errors(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for sample in &world.memory.samples {
        let answer = &sample.answer;
        let right = answer.status < 500 || answer.status == 501;
        findings.add(
            &sample.name,
            require(right, || "must not be a server error".to_owned(), answer),
        )?;
    }
    findings.finish("nothing was sent", |count| format!("{count} answers, none a server error"))
}

/// Pieces of the inside that a text holds and that the request did not bring itself.
pub(super) fn leaks(answer: &Answer) -> Result<Option<String>, Failure> {
    let text = answer.text().to_lowercase();
    let sent = format!(
        "{} {}",
        answer.record.path,
        String::from_utf8_lossy(answer.record.request_body.as_deref().unwrap_or_default())
    )
    .to_lowercase();
    Ok(vectors::leaks()
        .map_err(Failure::Broken)?
        .into_iter()
        .map(|vector| vector.text)
        .find(|leak| text.contains(leak.as_str()) && !sent.contains(leak.as_str())))
}

async fn no_leaks(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for sample in world.memory.samples.iter().filter(|sample| sample.answer.status >= 400) {
        let found = leaks(&sample.answer)?;
        findings.add(
            &sample.name,
            require(found.is_none(), || format!("tells of the inside: {found:?}"), &sample.answer),
        )?;
    }
    findings
        .finish("there was no error", |count| format!("{count} errors tell nothing of the inside"))
}

/// A log-in with these words.
pub(super) fn logging_in(target: &Target, email: &str, password: &str) -> Result<Request, Failure> {
    let accounts = target.service.accounts.as_ref();
    let step =
        &accounts.ok_or_else(|| Failure::not_applicable("the spec has no `accounts`"))?.log_in;
    let filled = |value: &serde_json::Value| {
        let text = value.as_str().unwrap_or_default();
        json!(text.replace("{email}", email).replace("{password}", password))
    };
    let body = step.body.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
    Ok(Request::new(step.route.method.as_str(), &step.route.path).json(&body))
}

/// An address that nobody has.
fn unknown_address() -> String {
    format!("nobody-{}@example.com", uuid::Uuid::new_v4().simple())
}

const WRONG_PASSWORD: &str = "Wrong-password-1234";

async fn alike(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let run = world.run()?;
    let ask = |email: &str, password: &str| logging_in(&run.target, email, password);
    let right = world.send(ask(&user.email, &user.password)?).await?;
    require(right.is_success(), || "the right password must be accepted".to_owned(), &right)?;
    let wrong = world.send(ask(&user.email, WRONG_PASSWORD)?).await?;
    let unknown = world.send(ask(&unknown_address(), WRONG_PASSWORD)?).await?;
    require(wrong.status >= 400, || "a wrong password must be refused".to_owned(), &wrong)?;
    let same = wrong.status == unknown.status
        && wrong.at("/type") == unknown.at("/type")
        && wrong.at("/detail") == unknown.at("/detail");
    require(same, || format!("differs from {}", wrong.describe()), &unknown)?;
    Ok(format!("both are answered {}", wrong.status))
}

/// So often each is tried; the quickest one counts, as everything else on the machine only makes it slower.
const LOG_INS: u32 = 4;
/// Checking a password takes long on purpose: who does not do it is quicker by far more than this.
const QUICKER: u32 = 3;

/// Who answers sooner that there is no such account tells who has one.
async fn takes_as_long(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let run = world.run()?;
    let (mut wrong, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..LOG_INS {
        for (email, least) in [(user.email.clone(), &mut wrong), (unknown_address(), &mut unknown)]
        {
            let request = logging_in(&run.target, &email, WRONG_PASSWORD)?;
            let answer = world.send(request.from_address(run.fresh_address())).await?;
            if answer.status == 429 {
                return Err(Failure::broken("a limit refuses so many log-ins"));
            }
            require(answer.status >= 400, || "must be refused".to_owned(), &answer)?;
            *least = answer.duration.min(*least);
        }
    }
    if unknown * QUICKER < wrong {
        let message = format!(
            "a wrong password takes {} ms, an unknown account {} ms",
            wrong.as_millis(),
            unknown.as_millis()
        );
        return Err(Failure::Wrong(message));
    }
    Ok(format!("{} ms and {} ms", wrong.as_millis(), unknown.as_millis()))
}
