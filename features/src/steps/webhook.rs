//! Webhooks: a signature over the raw body, and no second effect.

use cucumber::step::Collection;
use proofline_spec::document::{Operation, Route, RouteKey, Schema, SchemaType};
use serde_json::{Value, json};

use super::{Arguments, atomicity, faults, people, steps};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::{Target, WebhookScheme};
use crate::token;
use crate::world::World;

/// Among so many events there is one whose effect the user sees.
const EVENTS: u32 = 40;

/// What a scenario knows about webhooks.
#[derive(Debug, Default)]
pub(super) struct Webhook {
    /// How many events were made.
    made: u64,
    /// When the last one was signed, in seconds since 1970-01-01T00:00:00Z.
    at: u64,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a webhook with a right signature about the user is accepted" => accepted;
        then "a webhook with a right signature is told to come again" => come_again;
        then "a webhook is refused with each of these signatures" => refused;
        then "a signed webhook that was edited afterwards is refused" => edited;
        then "an event that is sent again has no second effect" => replayed;
        then "an event that failed is done when it is sent again" => failed_first;
        then "a rightly signed webhook is refused when its time is one of these" => other_times;
        then "a webhook that was signed half the window ago is accepted" => within_the_window;
    }
}

fn hook(world: &World) -> Result<(RouteKey, Route, WebhookScheme, Vec<u8>), Failure> {
    let run = world.run()?;
    let (key, route, scheme) = run
        .target
        .routes()
        .find_map(|(key, route)| Some((key.clone(), route.clone(), run.target.webhook_of(route)?)))
        .ok_or_else(|| Failure::not_applicable("no route takes a signed webhook"))?;
    let secret = run.target.secrets.get(&scheme.secret);
    let secret = secret
        .ok_or_else(|| Failure::broken("the webhook's secret is not known"))?
        .clone()
        .into_bytes();
    Ok((key, route, scheme, secret))
}

/// Puts the user's e-mail address wherever an event holds one: the event is about the user then.
fn address_to(target: &Target, schema: &Schema, value: &mut Value, email: &str) {
    let schema = target.resolve(schema);
    for (name, property) in &schema.properties {
        let property = target.resolve(property);
        let Some(member) = value.get_mut(name) else { continue };
        match property.main_type() {
            Some(SchemaType::Object) => address_to(target, property, member, email),
            Some(SchemaType::String) if property.format.as_deref() == Some("email") => {
                *member = Value::String(email.to_owned());
            }
            _ => {}
        }
    }
}

/// The scenario's next event: each is another one, but the same ones come in the same order in every run.
fn event(world: &mut World) -> Result<Vec<u8>, Failure> {
    let (key, route, ..) = hook(world)?;
    let run = world.run()?;
    let seed = world.seed.wrapping_add(world.memory.webhook.made);
    world.memory.webhook.made += 1;
    let call = Call::valid(&mut Generator::new(&run.target, seed), &key, &route);
    let mut body = call.body.ok_or_else(|| Failure::not_applicable("the webhook has no body"))?;
    if let Some(schema) = route.body.as_deref().and_then(|name| run.target.schema(name)) {
        address_to(&run.target, schema, &mut body, &world.user("user")?.email);
    }
    if let Some(pointer) = event_id(&route)
        && let Some(id) = body.pointer_mut(&pointer)
    {
        *id = Value::String(uuid::Uuid::new_v4().to_string());
    }
    Ok(body.to_string().into_bytes())
}

/// Where an event's id is, from the query that records it once.
fn event_id(route: &Route) -> Option<String> {
    let Operation::Transaction(transaction) = &route.op else { return None };
    let once = transaction.once.as_ref()?;
    once.with.values().find_map(|expression| {
        expression
            .to_string()
            .strip_prefix("body.")
            .map(|path| format!("/{}", path.replace('.', "/")))
    })
}

async fn send(world: &World, body: &[u8], signatures: &[String]) -> Result<Answer, Failure> {
    let (_, _, scheme, _) = hook(world)?;
    let times: Vec<_> = scheme.time(world.memory.webhook.at).into_iter().collect();
    send_with(world, body, signatures, &times).await
}

async fn send_with(
    world: &World,
    body: &[u8],
    signatures: &[String],
    times: &[(String, String)],
) -> Result<Answer, Failure> {
    let (key, _, scheme, _) = hook(world)?;
    let mut request = Request::new(key.method.as_str(), &key.path).body("application/json", body);
    for signature in signatures {
        request = request.header(scheme.header.clone(), signature.clone());
    }
    world.send(request.headers(times)).await
}

/// A right signature, of now.
fn right(world: &mut World, secret: &[u8], body: &[u8]) -> Result<String, Failure> {
    let (_, _, scheme, _) = hook(world)?;
    world.memory.webhook.at = token::now();
    Ok(scheme.signature(secret, world.memory.webhook.at, body))
}

/// Whether an event went through. One that the service knows the signature of, but has no use for (it names
/// something that does not exist), decides nothing: the harness could not make a better one.
fn taken(answer: &Answer, claim: &str) -> Result<(), Failure> {
    let understood = [404, 409, 422].contains(&answer.status);
    if understood {
        return Err(Failure::broken(format!(
            "no event can be made that the service has a use for: it answered {}",
            answer.status
        )));
    }
    require(answer.is_success(), || claim.to_owned(), answer)
}

async fn accepted(world: &mut World, _: Arguments) -> Seen {
    let (_, _, _, secret) = hook(world)?;
    let body = event(world)?;
    let signature = right(world, &secret, &body)?;
    let answer = send(world, &body, &[signature]).await?;
    taken(&answer, "a rightly signed webhook must be accepted")?;
    Ok(answer.status.to_string())
}

/// A provider that is answered 5xx delivers the event once more; it must not be taken for done, nor for wrong.
async fn come_again(world: &mut World, _: Arguments) -> Seen {
    let (_, _, _, secret) = hook(world)?;
    let body = event(world)?;
    let signature = right(world, &secret, &body)?;
    let answer = send(world, &body, &[signature]).await?;
    let right = answer.status == 503 && answer.header("retry-after").is_some();
    require(right, || "the provider must come again: 503 with `Retry-After`".to_owned(), &answer)?;
    Ok(answer.describe())
}

async fn refused(world: &mut World, arguments: Arguments) -> Seen {
    let (_, _, scheme, secret) = hook(world)?;
    let before = profile(world).await?;
    let mut findings = Findings::new();
    for row in &arguments.rows {
        let name = row.first().map(String::as_str).unwrap_or_default();
        let body = event(world)?;
        let right = right(world, &secret, &body)?;
        let at = world.memory.webhook.at;
        let wrong = match name {
            "none" => Vec::new(),
            "an empty one" => vec![String::new()],
            "one with another key" => {
                vec![scheme.signature(b"a key of the attacker, long enough", at, &body)]
            }
            "one with an empty key" => vec![scheme.signature(b"", at, &body)],
            "that of another body" => vec![scheme.signature(&secret, at, b"{}")],
            "one that is cut" => vec![right[..right.len() - 2].to_owned()],
            "one with two letters more" => vec![format!("{right}00")],
            "one whose first letter is another" => vec![flipped(&right, 0)],
            "one whose last letter is another" => vec![flipped(&right, right.len() - 1)],
            "one that is no signature" => vec!["not a signature".to_owned()],
            "all zeroes" => vec!["0".repeat(right.len())],
            "the secret's own name" => vec![scheme.secret.clone()],
            "two, one of them wrong" => vec!["00".to_owned(), flipped(&right, 0)],
            _ => return Err(Failure::Broken(format!("nobody knows the signature `{name}`"))),
        };
        let answer = send(world, &body, &wrong).await?;
        findings.add(
            name,
            require(
                [400, 401, 403].contains(&answer.status),
                || "must be refused".to_owned(),
                &answer,
            ),
        )?;
    }
    let after = profile(world).await?;
    if before != after {
        findings.add(
            "the user",
            Err(Failure::Wrong(format!("changed from {before:?} to {after:?}"))),
        )?;
    }
    findings.finish("the table is empty", |count| {
        format!("{count} signatures were refused, nothing changed")
    })
}

fn flipped(text: &str, at: usize) -> String {
    text.char_indices()
        .map(|(index, c)| {
            if index != at {
                c
            } else if c == 'a' {
                'b'
            } else {
                'a'
            }
        })
        .collect()
}

/// Changes a signed body.
type Edit = fn(&[u8]) -> Vec<u8>;

async fn edited(world: &mut World, _: Arguments) -> Seen {
    let (_, _, _, secret) = hook(world)?;
    let mut findings = Findings::new();
    let edits: [(&str, Edit); 3] = [
        ("a space more", |body| [body, b" "].concat()),
        ("a member more", |body| [&b"{\"x\":1,"[..], &body[1..]].concat()),
        ("another order of white space", |body| {
            String::from_utf8_lossy(body).replacen(':', ": ", 1).into_bytes()
        }),
    ];
    for (name, edit) in edits {
        let body = event(world)?;
        let signed = right(world, &secret, &body)?;
        let answer = send(world, &edit(&body), std::slice::from_ref(&signed)).await?;
        findings.add(
            name,
            require(
                [400, 401, 403].contains(&answer.status),
                || "must be refused".to_owned(),
                &answer,
            ),
        )?;
        let answer = send(world, &body, &[signed]).await?;
        findings.add(&format!("without {name}"), taken(&answer, "must be accepted"))?;
    }
    findings.finish("there are no edits", |count| format!("{count} bodies"))
}

/// What the user sees of the own account, but for when it was changed.
async fn profile(world: &World) -> Result<Vec<(String, Value)>, Failure> {
    let mut seen = people::profile(world, world.user("user")?).await?;
    for members in seen.iter_mut().filter_map(|(_, shown)| shown.as_object_mut()) {
        members.remove("updated_at");
    }
    Ok(seen)
}

/// An event, another one with another effect, then the first again: the second one's effect must stay.
async fn replayed(world: &mut World, _: Arguments) -> Seen {
    let (_, _, _, secret) = hook(world)?;
    let mut states = Vec::new();
    for _ in 0..EVENTS {
        let body = event(world)?;
        let signature = right(world, &secret, &body)?;
        let answer = send(world, &body, &[signature]).await?;
        taken(&answer, "must be accepted")?;
        let state = profile(world).await?;
        if states.first().is_none_or(|(_, first)| *first != state) {
            states.push((body, state));
        }
        if states.len() == 2 {
            break;
        }
    }
    let [(first, _), (_, second)] = &states[..] else {
        return Err(Failure::broken("no event has an effect that the user sees"));
    };
    for _ in 0..2 {
        let signature = right(world, &secret, first)?;
        let answer = send(world, first, &[signature]).await?;
        require(
            answer.is_success(),
            || "an event that is sent again must be acknowledged".to_owned(),
            &answer,
        )?;
        let state = profile(world).await?;
        require(
            state == *second,
            || format!("the event had a second effect: {second:?} became {state:?}"),
            &answer,
        )?;
    }
    Ok("the first event was sent twice more and changed nothing".to_owned())
}

/// A provider sends an event until it is taken: what failed half-way must be done then, and not be taken for done.
async fn failed_first(world: &mut World, _: Arguments) -> Seen {
    let (_, route, _, secret) = hook(world)?;
    let last = atomicity::later_writes(world, &route)?.pop();
    let last = last.ok_or_else(|| Failure::not_applicable("an event writes only once"))?;
    for number in 1..=EVENTS {
        let before = profile(world).await?;
        let body = event(world)?;
        let signature = right(world, &secret, &body)?;
        faults::make(world, &json!({ "query": last, "fault": "cut_off" })).await?;
        let failed = send(world, &body, &[signature]).await;
        faults::restore(world).await?;
        let failed = failed?;
        require(failed.status >= 500, || format!("must fail while `{last}` does"), &failed)?;
        let signature = right(world, &secret, &body)?;
        let again = send(world, &body, &[signature]).await?;
        taken(&again, "an event that failed must be accepted when it is sent again")?;
        if profile(world).await? != before {
            return Ok(format!("`{last}` failed, and event {number} had its effect afterwards"));
        }
    }
    Err(Failure::Wrong(format!(
        "{EVENTS} events failed, were sent again and accepted, and none had an effect"
    )))
}

/// The header and the tolerance of the time that is signed.
fn window(scheme: &WebhookScheme) -> Result<(String, u64), Failure> {
    let declared = scheme.timestamp.as_ref();
    let declared = declared.ok_or_else(|| Failure::not_applicable("no time is signed"))?;
    Ok((declared.header.clone(), declared.tolerance.as_millis() / 1000))
}

/// Signatures that would be right, if it were not for their time.
async fn other_times(world: &mut World, arguments: Arguments) -> Seen {
    let (_, _, scheme, secret) = hook(world)?;
    let (header, tolerance) = window(&scheme)?;
    let before = profile(world).await?;
    let mut findings = Findings::new();
    for row in &arguments.rows {
        let name = row.first().map(String::as_str).unwrap_or_default();
        let (body, now) = (event(world)?, token::now());
        // Farther than the request takes.
        let (old, new) = (now.saturating_sub(tolerance + 5), now + tolerance + 30);
        let text = |time: u64| time.to_string();
        let (signed, sent) = match name {
            "older than the window" => (text(old), vec![text(old)]),
            "a year old" => (text(now - 31_557_600), vec![text(now - 31_557_600)]),
            "of the future" => (text(new), vec![text(new)]),
            "not told" => (String::new(), Vec::new()),
            "empty" => (String::new(), vec![String::new()]),
            "no number" => ("now".to_owned(), vec!["now".to_owned()]),
            "a number with a sign" => (format!("+{now}"), vec![format!("+{now}")]),
            "not that of the signature" => (text(old), vec![text(now)]),
            "two times" => (text(old), vec![text(now), text(old)]),
            "beyond all numbers" => ("9".repeat(40), vec!["9".repeat(40)]),
            _ => return Err(Failure::Broken(format!("nobody knows the time `{name}`"))),
        };
        let times: Vec<_> = sent.into_iter().map(|value| (header.clone(), value)).collect();
        // But for its time it is right.
        let signature = scheme.signature_with(&secret, &signed, &body);
        let answer = send_with(world, &body, &[signature], &times).await?;
        let is_refused = [400, 401, 403].contains(&answer.status);
        findings.add(name, require(is_refused, || "must be refused".to_owned(), &answer))?;
    }
    let after = profile(world).await?;
    if before != after {
        let what = format!("changed from {before:?} to {after:?}");
        findings.add("the user", Err(Failure::Wrong(what)))?;
    }
    findings.finish("the table is empty", |count| format!("{count} times, nothing changed"))
}

async fn within_the_window(world: &mut World, _: Arguments) -> Seen {
    let (_, _, scheme, secret) = hook(world)?;
    let (header, tolerance) = window(&scheme)?;
    let (body, at) = (event(world)?, token::now() - tolerance / 2);
    let signature = scheme.signature(&secret, at, &body);
    let answer = send_with(world, &body, &[signature], &[(header, at.to_string())]).await?;
    taken(&answer, "a webhook within the window must be accepted")?;
    Ok(format!("{} s old: {}", tolerance / 2, answer.status))
}
