//! Webhooks: a signature over the raw body, and no second effect.

use cucumber::step::Collection;
use proofline_spec::document::{Operation, Route, RouteKey, Schema, SchemaType};
use serde_json::Value;

use super::{Arguments, people, steps};
use crate::call::{Call, signature};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::{Target, WebhookScheme};
use crate::world::World;

/// What a scenario knows about webhooks.
#[derive(Debug, Default)]
pub(super) struct Webhook {
    /// How many events were made.
    made: u64,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a webhook with a right signature about the user is accepted" => accepted;
        then "a webhook with a right signature is told to come again" => come_again;
        then "a webhook is refused with each of these signatures" => refused;
        then "a signed webhook that was edited afterwards is refused" => edited;
        then "an event that is sent again has no second effect" => replayed;
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
    let (key, _, scheme, _) = hook(world)?;
    let mut request = Request::new(key.method.as_str(), &key.path).body("application/json", body);
    for signature in signatures {
        request = request.header(scheme.header.clone(), signature.clone());
    }
    world.send(request).await
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
    let (_, _, scheme, secret) = hook(world)?;
    let body = event(world)?;
    let answer = send(world, &body, &[signature(scheme.encoding, &secret, &body)]).await?;
    taken(&answer, "a rightly signed webhook must be accepted")?;
    Ok(answer.status.to_string())
}

/// A provider that is answered 5xx delivers the event once more; it must not be taken for done, nor for wrong.
async fn come_again(world: &mut World, _: Arguments) -> Seen {
    let (_, _, scheme, secret) = hook(world)?;
    let body = event(world)?;
    let answer = send(world, &body, &[signature(scheme.encoding, &secret, &body)]).await?;
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
        let right = signature(scheme.encoding, &secret, &body);
        let wrong = match name {
            "none" => Vec::new(),
            "an empty one" => vec![String::new()],
            "one with another key" => {
                vec![signature(scheme.encoding, b"a key of the attacker, long enough", &body)]
            }
            "one with an empty key" => vec![signature(scheme.encoding, b"", &body)],
            "that of another body" => vec![signature(scheme.encoding, &secret, b"{}")],
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
    let (_, _, scheme, secret) = hook(world)?;
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
        let signed = signature(scheme.encoding, &secret, &body);
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
    let (_, _, scheme, secret) = hook(world)?;
    let mut states = Vec::new();
    for _ in 0..40 {
        let body = event(world)?;
        let answer = send(world, &body, &[signature(scheme.encoding, &secret, &body)]).await?;
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
        let answer = send(world, first, &[signature(scheme.encoding, &secret, first)]).await?;
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
