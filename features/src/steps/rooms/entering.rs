//! Who is let into a room.

use super::super::{Arguments, cors};
use super::{Door, Inside, doors, enter, make};
use crate::accounts;
use crate::call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::socket::Socket;
use crate::world::World;

/// The subprotocol beside a token.
const SUBPROTOCOL: &str = "proofline.v1";

/// Opening must be answered over HTTP, with this status.
async fn refused(
    world: &World,
    path: &str,
    headers: &[(String, String)],
    status: u16,
) -> Result<(), Failure> {
    match Socket::open(world, path, headers).await? {
        Err(found) if found == status => Ok(()),
        Err(found) => Err(Failure::Wrong(format!("it is answered {found}, not {status}"))),
        Ok(_) => Err(Failure::wrong("the room is entered")),
    }
}

pub(super) async fn strangers(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let user = world.user("user")?.clone();
    for door in doors(world)? {
        let path = make(world, &door).await?;
        let forged = ("Authorization".to_owned(), "Bearer a.b.c".to_owned());
        let nowhere = call::path_to(&door.key, &uuid::Uuid::new_v4().to_string());
        let no_id = call::path_to(&door.key, "%");
        for (why, path, headers, status) in [
            ("without a credential", &path, vec![], 401),
            ("with a forged credential", &path, vec![forged], 401),
            ("where there is no room", &nowhere, vec![user.bearer()], 404),
            ("with an id that is none", &no_id, vec![user.bearer()], 422),
        ] {
            let result = refused(world, path, &headers, status).await;
            findings.add(&format!("{} {why}", door.key), result)?;
        }
        let answer = world.send(Request::get(&path).headers(&[user.bearer()])).await?;
        let result = require(
            answer.status == 426 && answer.header("sec-websocket-version") == Some("13"),
            || "who does not switch protocols must be told to".to_owned(),
            &answer,
        );
        findings.add(&format!("{} as a plain request", door.key), result)?;
        enter(world, &path, &user).await?;
    }
    findings.finish("there are no rooms", |count| {
        format!("{count} who may not enter are refused over HTTP; who may is let in")
    })
}

pub(super) async fn page(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let user = world.user("user")?.clone();
    for door in doors(world)? {
        let path = make(world, &door).await?;
        let with = |token: &str| {
            let offered = format!("{SUBPROTOCOL}, bearer.{token}");
            [("Sec-WebSocket-Protocol".to_owned(), offered)]
        };
        let result = match Socket::open(world, &path, &with(&user.token)).await? {
            Ok(_) => Ok(()),
            Err(status) => Err(Failure::Wrong(format!("a page's token is refused: {status}"))),
        };
        findings.add(&format!("{} from a page", door.key), result)?;
        let result = refused(world, &path, &with("a.b.c"), 401).await;
        findings.add(&format!("{} from a page with a forged token", door.key), result)?;
    }
    findings.finish("there are no rooms", |count| format!("{count} handshakes of pages"))
}

pub(super) async fn origins(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let user = world.user("user")?.clone();
    let declared = cors::cors(world)?;
    for door in doors(world)? {
        let path = make(world, &door).await?;
        let with = |origin: String| [user.bearer(), ("Origin".to_owned(), origin)];
        for origin in cors::allowed(&declared) {
            let result = match Socket::open(world, &path, &with(origin.clone())).await? {
                Ok(_) => Ok(()),
                Err(status) => Err(Failure::Wrong(format!("it is refused with {status}"))),
            };
            findings.add(&format!("{} from {origin}", door.key), result)?;
        }
        for (why, origin) in cors::lookalikes(&declared)? {
            // What no header can hold, no browser sends.
            if http::HeaderValue::try_from(&origin).is_err() {
                continue;
            }
            let result = refused(world, &path, &with(origin.clone()), 403).await;
            findings.add(&format!("{} from {origin} ({why})", door.key), result)?;
        }
    }
    findings.finish("there are no rooms", |count| format!("{count} origins"))
}

pub(super) async fn full(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for door in doors(world)? {
        findings.add(&door.key.to_string(), fill(world, &door).await)?;
    }
    findings.finish("there are no rooms", |count| format!("{count} rooms were full, and no more"))
}

async fn fill(world: &mut World, door: &Door) -> Result<(), Failure> {
    let path = make(world, door).await?;
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut inside: Vec<Inside> = Vec::new();
    for number in 1..door.participants {
        let guest = accounts::sign_up(world, &format!("guest {number}")).await?;
        world.users.push(guest.clone());
        inside.push(enter(world, &path, &guest).await?);
    }
    let mut last = enter(world, &path, &user).await?;
    if last.members.len() != inside.len() {
        let message = format!("{} are in it, and {} are told of", inside.len(), last.members.len());
        return Err(Failure::Wrong(message));
    }
    refused(world, &path, &[other.bearer()], 409).await?;
    // Who is inside has a place, also when they come again.
    let mut again = enter(world, &path, &user).await?;
    last.ends(4409).await?;
    if let Some(guest) = inside.pop() {
        guest.socket.leave().await;
        again.next("left").await?;
    }
    enter(world, &path, &other).await.map(drop)
}
