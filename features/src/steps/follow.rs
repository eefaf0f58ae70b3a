//! What is followed over a WebSocket: what is told, to whom, and how it ends.

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::watch::{CONNECTIONS, POLL};
use proofline_spec::document::{Machine, Route, RouteKey, Watch};
use serde_json::{Value, json};

use super::{Arguments, cors, eventually, flags, machines, steps};
use crate::accounts::{self, Account};
use crate::call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::socket::{Came, Socket};
use crate::world::World;

/// The subprotocol beside a token.
const SUBPROTOCOL: &str = "proofline.v1";
/// How long a session lasts that is meant to end while it is used.
const SHORT: u64 = 3;

/// Within this time there is room for another connection once one is closed.
const ROOM_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "each change is told as asking gives it, and the last one closes the connection" => told;
        then "nobody follows without a credential or what is another user's" => strangers;
        then "a token is taken from the subprotocols, as pages send it" => page;
        then "pages of listed origins may follow, and pages of no other origin" => origins;
        then "one user follows as often as declared, and no more" => most;
        then "it is answered over HTTP while its flag is off" => by_flag;
        then "a session that ends ends what it follows" => session_ends;
    }
}

/// A route that can be followed.
struct Followed {
    key: RouteKey,
    watch: Watch,
    machine: Machine,
}

fn followed(world: &World) -> Result<Vec<Followed>, Failure> {
    let run = world.run()?;
    let of = |(key, route): (&RouteKey, &Route)| {
        let watch = route.watch.clone()?;
        let machine = run.target.service.machines.get(&watch.machine)?.clone();
        Some(Followed { key: key.clone(), watch, machine })
    };
    Ok(run.target.routes().filter_map(of).collect())
}

/// Opens one that must be opened.
async fn opened(world: &World, path: &str, who: &Account) -> Result<Socket, Failure> {
    let opened = Socket::open(world, path, &[who.bearer()]).await?;
    opened.map_err(|status| Failure::Wrong(format!("{path} cannot be followed: {status}")))
}

/// What asking gives.
async fn asked(world: &World, path: &str, who: &Account) -> Result<Value, Failure> {
    let answer = world.send(Request::get(path).headers(&[who.bearer()])).await?;
    require(answer.is_success(), || "the owner must be served".to_owned(), &answer)?;
    Ok(answer.json())
}

/// The next message must be what asking gives, in this state.
async fn same(
    world: &World,
    socket: &mut Socket,
    path: &str,
    at: &str,
    state: &str,
) -> Result<(), Failure> {
    let came = socket.next().await;
    let Came::Text(text) = &came else {
        return Err(Failure::Wrong(format!("{state} must be told, and there came {came:?}")));
    };
    let told: Value = serde_json::from_str(text).unwrap_or_default();
    let asked = asked(world, path, world.user("user")?).await?;
    if told.pointer(at) != Some(&json!(state)) || told != asked {
        return Err(Failure::Wrong(format!(
            "{told} was told in {state}, and asking gives {asked}"
        )));
    }
    Ok(())
}

async fn told(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Followed { key, machine, watch } in followed(world)? {
        let poll = Duration::from_millis(watch.poll.unwrap_or(POLL).as_millis());
        let states = machines::states(world, &machine)?;
        let ways = machines::ways(&machine);
        for end in machine.ends(&states) {
            let Some(way) = ways.get(end) else { continue };
            let result = walk(world, &key, &machine, way, poll).await;
            findings.add(&format!("{key} until {end}"), result)?;
        }
    }
    findings.finish("no end can be reached", |count| format!("{count} ends were followed to"))
}

async fn walk(
    world: &World,
    key: &RouteKey,
    machine: &Machine,
    way: &[(proofline_spec::document::Move, String)],
    poll: Duration,
) -> Result<(), Failure> {
    let (id, at) = (machines::bring(world, machine, &[]).await?, &machine.read.at);
    let path = call::path_to(key, &id);
    let mut socket = opened(world, &path, world.user("user")?).await?;
    same(world, &mut socket, &path, at, &machine.start).await?;
    // It has looked again by then.
    match socket.within(poll * 2).await {
        Came::Nothing => {}
        other => {
            let message = format!("nothing has changed, and there came {other:?}");
            return Err(Failure::Wrong(message));
        }
    }
    for (step, to) in way {
        let answer = machines::attempt(world, &id, step, to).await?;
        require(answer.is_success(), || format!("it must go to {to}"), &answer)?;
        same(world, &mut socket, &path, at, to).await?;
    }
    match socket.next().await {
        Came::Close(1000) => Ok(()),
        other => Err(Failure::Wrong(format!("it is over, and there came {other:?}, not 1000"))),
    }
}

async fn strangers(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    for Followed { key, .. } in followed(world)? {
        let id = call::make_object(world, &user, &key).await?;
        let path = call::path_to(&key, &id);
        for (who, headers) in [("nobody", Vec::new()), ("another user", vec![other.bearer()])] {
            let over_http = world.send(Request::get(&path).headers(&headers)).await?;
            let result = match Socket::open(world, &path, &headers).await? {
                Err(status) if status == over_http.status && !over_http.is_success() => Ok(()),
                Err(status) => Err(Failure::Wrong(format!(
                    "{who} is refused with {status}, and over HTTP with {}",
                    over_http.status
                ))),
                Ok(_) => Err(Failure::Wrong(format!("{who} follows it"))),
            };
            findings.add(&format!("{key} by {who}"), result)?;
        }
        opened(world, &path, &user).await?;
    }
    findings.finish("nothing can be followed", |count| {
        format!("{count} strangers are refused as over HTTP; the owner follows")
    })
}

async fn page(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let user = world.user("user")?.clone();
    for Followed { key, .. } in followed(world)? {
        let path = call::path_to(&key, &call::make_object(world, &user, &key).await?);
        let with = |token: &str| {
            let offered = format!("{SUBPROTOCOL}, bearer.{token}");
            ("Sec-WebSocket-Protocol".to_owned(), offered)
        };
        let result = match Socket::open(world, &path, &[with(&user.token)]).await? {
            Ok(_) => Ok(()),
            Err(status) => Err(Failure::Wrong(format!("a page's token is refused: {status}"))),
        };
        findings.add(&format!("{key} by its owner's page"), result)?;
        let result = match Socket::open(world, &path, &[with("a.b.c")]).await? {
            Err(401) => Ok(()),
            Err(status) => Err(Failure::Wrong(format!("a forged token is answered {status}"))),
            Ok(_) => Err(Failure::wrong("a forged token is taken")),
        };
        findings.add(&format!("{key} with a forged token"), result)?;
    }
    findings.finish("nothing can be followed", |count| format!("{count} handshakes of pages"))
}

async fn origins(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let user = world.user("user")?.clone();
    let declared = cors::cors(world)?;
    for Followed { key, .. } in followed(world)? {
        let path = call::path_to(&key, &call::make_object(world, &user, &key).await?);
        let with = |origin: String| [user.bearer(), ("Origin".to_owned(), origin)];
        for origin in cors::allowed(&declared) {
            let result = match Socket::open(world, &path, &with(origin.clone())).await? {
                Ok(_) => Ok(()),
                Err(status) => Err(Failure::Wrong(format!("it is refused with {status}"))),
            };
            findings.add(&format!("{key} from {origin}"), result)?;
        }
        for (why, origin) in cors::lookalikes(&declared)? {
            // What no header can hold, no browser sends.
            if http::HeaderValue::try_from(&origin).is_err() {
                continue;
            }
            let result = match Socket::open(world, &path, &with(origin.clone())).await? {
                Err(403) => Ok(()),
                Err(status) => Err(Failure::Wrong(format!("it is answered {status}, not 403"))),
                Ok(_) => Err(Failure::wrong("a foreign page follows with the user's credential")),
            };
            findings.add(&format!("{key} from {origin} ({why})"), result)?;
        }
    }
    findings.finish("nothing can be followed", |count| format!("{count} origins"))
}

async fn most(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let is_one = flags::is_one_instance(&world.run()?.target);
    for Followed { key, watch, .. } in followed(world)? {
        let path = call::path_to(&key, &call::make_object(world, &user, &key).await?);
        let theirs = call::path_to(&key, &call::make_object(world, &other, &key).await?);
        let most = usize::try_from(watch.connections.unwrap_or(CONNECTIONS)).unwrap_or(usize::MAX);
        let mut open_now = Vec::new();
        let mut refused = None;
        // Each of two instances gives as many.
        while refused.is_none() && open_now.len() <= 2 * most {
            match Socket::open_at_once(world, &path, &[user.bearer()]).await? {
                Ok(socket) => open_now.push(socket),
                Err(status) => refused = Some(status),
            }
        }
        let result = match refused {
            Some(429) if open_now.len() == most => Ok(()),
            Some(429) if open_now.len() > most && !is_one => Ok(()),
            other => Err(Failure::Wrong(format!(
                "{} connections are open, and one more is answered {other:?}",
                open_now.len()
            ))),
        };
        findings.add(&format!("{key}: {most} connections"), result)?;
        if let Some(socket) = open_now.pop() {
            socket.leave().await;
            let has_room =
                async || Ok(Socket::open_at_once(world, &path, &[user.bearer()]).await?.ok());
            let again = eventually(ROOM_WITHIN, has_room).await?;
            let why = || Failure::wrong("one is closed, and no other is taken in its place");
            findings.add(&format!("{key}: one is closed"), again.map(drop).ok_or_else(why))?;
        }
        opened(world, &theirs, &other).await?;
    }
    findings.finish("nothing can be followed", |count| format!("{count} routes have a most"))
}

async fn by_flag(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let user = world.user("user")?.clone();
    for Followed { key, watch, .. } in followed(world)? {
        let Some(flag) = watch.flag else { continue };
        let path = call::path_to(&key, &call::make_object(world, &user, &key).await?);
        flags::set(world, &flag, &json!({ "state": "off" })).await?;
        let result = match Socket::open(world, &path, &[user.bearer()]).await? {
            Err(200) => Ok(()),
            Err(status) => Err(Failure::Wrong(format!("it is answered {status}, not 200"))),
            Ok(_) => Err(Failure::wrong("it is followed although the flag is off")),
        };
        findings.add(&format!("{key} without {flag}"), result)?;
        flags::set(world, &flag, &json!({ "state": "on" })).await?;
        opened(world, &path, &user).await?;
    }
    findings.finish("no route that is followed has a flag", |count| {
        format!("{count} routes are asked over HTTP while their flag is off")
    })
}

async fn session_ends(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for Followed { key: route, watch, .. } in followed(world)? {
        let path = call::path_to(&route, &call::make_object(world, &user, &route).await?);
        let bearer = accounts::session_of(&run, &user, SHORT)?;
        let opened = Socket::open(world, &path, &[bearer]).await?;
        let mut socket =
            opened.map_err(|status| Failure::Wrong(format!("the session is refused: {status}")))?;
        // The credential is looked at as often as the row; what that costs on a busy machine is not the question.
        let poll = Duration::from_millis(watch.poll.unwrap_or(POLL).as_millis());
        let longest = Duration::from_secs(SHORT) + 5 * poll + Duration::from_secs(10);
        let result = match socket.end(longest).await {
            Came::Close(4401) => Ok(()),
            other => Err(Failure::Wrong(format!("the session is over, and there came {other:?}"))),
        };
        findings.add(&format!("{route} with a session of {SHORT} s"), result)?;
    }
    findings.finish("nothing can be followed", |count| format!("{count} sessions ended with 4401"))
}
