//! Rooms: who is let in, who hears what, and how it ends.

mod entering;
mod saying;
mod staying;

use cucumber::step::Collection;
use proofline_spec::document::room::{MAX_MESSAGE, PARTICIPANTS};
use proofline_spec::document::{Binding, Operation, Route, RouteKey, Schema};
use proofline_spec::unit::Rate;
use serde_json::Value;

use super::steps;
use crate::accounts::Account;
use crate::call;
use crate::failure::Failure;
use crate::generate::Generator;
use crate::socket::{Came, Socket};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a room is not entered without a credential, with a forged one, without a room, or without switching protocols"
            => entering::strangers;
        then "a token is taken from the subprotocols of a room, as pages send it" => entering::page;
        then "pages of listed origins may enter a room, and pages of no other origin" => entering::origins;
        then "what one says is heard in the same room, under the name that the service knows, and in no other room"
            => saying::heard;
        then "those in a room are told who comes and who goes, and who enters again has one place" => staying::presence;
        then "what does not follow the schema is refused, and the others see nothing of it" => saying::malformed;
        then "what is too large, no text or too much ends the connection, and the others see nothing of it"
            => saying::too_much;
        then "a room takes as many as declared, refuses one more, and takes another one once somebody has left"
            => entering::full;
        then "a session that ends ends the connection to a room" => staying::session_ends;
        then "a room that slept knows who is in it" => staying::slept;
    }
}

/// A route that lets into rooms, and what is declared about them.
#[derive(Debug, Clone)]
struct Door {
    key: RouteKey,
    message: Schema,
    participants: u32,
    max_message: u64,
    rate: Rate,
}

fn doors(world: &World) -> Result<Vec<Door>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let of = |(key, route): (&RouteKey, &Route)| {
        let Operation::Room(enter) = &route.op else { return None };
        let binding = target.service.bindings.get(&enter.binding)?;
        let Binding::Room { message, rate, participants, max_message, .. } = binding else {
            return None;
        };
        Some(Door {
            key: key.clone(),
            message: target.schema(message)?.clone(),
            participants: participants.unwrap_or(PARTICIPANTS),
            max_message: max_message.unwrap_or(MAX_MESSAGE).get(),
            rate: *rate,
        })
    };
    Ok(target.routes().filter_map(of).collect())
}

/// Makes what a room is about, as somebody who may; the path to the room.
async fn make(world: &World, door: &Door) -> Result<String, Failure> {
    let id = call::make_object(world, world.user("user")?, &door.key).await?;
    Ok(call::path_to(&door.key, &id))
}

/// A message that follows the schema, another one for each number.
fn message(world: &World, door: &Door, number: u64) -> Result<Value, Failure> {
    let run = world.run()?;
    let mut generator = Generator::new(&run.target, world.seed.wrapping_add(number));
    Ok(generator.valid(&door.message))
}

/// One who is in a room.
struct Inside {
    socket: Socket,
    /// What the others see of them.
    me: Value,
    /// Who was there before.
    members: Vec<Value>,
}

/// Lets somebody in who must be let in.
async fn enter(world: &World, path: &str, who: &Account) -> Result<Inside, Failure> {
    enter_as(world, path, who, who.bearer()).await
}

/// The same with that credential.
async fn enter_as(
    world: &World,
    path: &str,
    who: &Account,
    credential: (String, String),
) -> Result<Inside, Failure> {
    let socket = Socket::open(world, path, &[credential])
        .await?
        .map_err(|status| Failure::Wrong(format!("the {} is not let in: {status}", who.name)))?;
    let mut inside = Inside { socket, me: Value::Null, members: Vec::new() };
    let welcome = inside.next("welcome").await?;
    inside.me = welcome["you"].clone();
    inside.members = welcome["members"].as_array().cloned().unwrap_or_default();
    let id = inside.me.get("id").and_then(Value::as_str);
    if id.is_some_and(|id| who.id.as_deref().is_some_and(|own| own != id)) {
        return Err(Failure::Wrong(format!("the {} is let in as {}", who.name, inside.me)));
    }
    Ok(inside)
}

impl Inside {
    /// What comes next, which must be of this kind.
    async fn next(&mut self, kind: &str) -> Result<Value, Failure> {
        let came = self.socket.next().await;
        let frame: Option<Value> = match &came {
            Came::Text(text) => serde_json::from_str(text).ok(),
            Came::Close(_) | Came::Nothing => None,
        };
        frame.filter(|frame| frame["type"] == kind).ok_or_else(|| {
            Failure::Wrong(format!("`{kind}` was expected, and there came {came:?}"))
        })
    }

    /// The next is this message of somebody.
    async fn hears(&mut self, who: &Value, message: &Value) -> Result<(), Failure> {
        let frame = self.next("message").await?;
        if frame["from"] == *who && frame["message"] == *message {
            return Ok(());
        }
        Err(Failure::Wrong(format!("{who} said {message}, and there came {frame}")))
    }

    /// The next is the end, with this code.
    async fn ends(&mut self, code: u16) -> Result<(), Failure> {
        match self.socket.next().await {
            Came::Close(found) if found == code => Ok(()),
            other => {
                Err(Failure::Wrong(format!("its end with {code} is due, and there came {other:?}")))
            }
        }
    }

    /// Says something.
    async fn says(&mut self, message: &Value) -> Result<(), Failure> {
        self.socket.say(&message.to_string()).await
    }
}
