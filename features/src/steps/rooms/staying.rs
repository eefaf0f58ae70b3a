//! Who is in a room, for how long, and after it slept.

use std::time::Duration;

use super::super::{Arguments, logs};
use super::{Inside, doors, enter, enter_as, make, message};
use crate::accounts;
use crate::failure::{Failure, Findings, Seen};
use crate::socket::{Came, Socket};
use crate::world::World;

/// How long a session lasts that is meant to end while it is used, in seconds.
const SHORT: u64 = 3;
/// How long one lasts that ends after it.
const LONGER: u64 = 8;
/// Nobody waits longer for its end: what a busy machine needs is not the question.
const LONGEST: Duration = Duration::from_secs(20);
/// The platform's local runtime takes a room out of memory when nobody said anything for 10 s; a busy machine is given
/// more with each attempt.
const SILENCES: [u64; 4] = [12, 20, 30, 45];

pub(super) async fn presence(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    for door in doors(world)? {
        let path = make(world, &door).await?;
        let mut one = enter(world, &path, &user).await?;
        let two = enter(world, &path, &other).await?;
        let result = match one.next("joined").await? {
            frame if frame["member"] != two.me => {
                Err(Failure::Wrong(format!("{} came, and {frame} was told", two.me)))
            }
            _ if !one.members.is_empty() || two.members != [one.me.clone()] => Err(Failure::Wrong(
                format!("told of as there: {:?}, then {:?}", one.members, two.members),
            )),
            _ => Ok(()),
        };
        findings.add(&format!("{}: who comes", door.key), result)?;

        let mut former = two;
        let mut two = enter(world, &path, &other).await?;
        let said = message(world, &door, 0)?;
        two.says(&said).await?;
        let result = former.ends(4409).await.and(one.hears(&two.me, &said).await);
        findings.add(&format!("{}: who comes again", door.key), result)?;

        let gone = two.me.clone();
        two.socket.leave().await;
        let result = match one.next("left").await? {
            frame if frame["member"] == gone => Ok(()),
            frame => Err(Failure::Wrong(format!("{gone} went, and {frame} was told"))),
        };
        findings.add(&format!("{}: who goes", door.key), result)?;
    }
    findings.finish("there are no rooms", |count| format!("{count} comings and goings"))
}

pub(super) async fn session_ends(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut findings = Findings::new();
    for door in doors(world)? {
        let path = make(world, &door).await?;
        // It ends after the first: who was woken for that one is woken once more.
        let longer = accounts::session_of(&run, &other, LONGER)?;
        let mut stays = enter_as(world, &path, &other, longer).await?;
        let bearer = accounts::session_of(&run, &user, SHORT)?;
        let opened = Socket::open(world, &path, &[bearer]).await?;
        let mut socket =
            opened.map_err(|status| Failure::Wrong(format!("the session is refused: {status}")))?;
        let result = match socket.end(LONGEST).await {
            Came::Close(4401) => {
                stays.next("joined").await?;
                stays.next("left").await?;
                match stays.socket.end(LONGEST).await {
                    Came::Close(4401) => Ok(()),
                    other => Err(Failure::Wrong(format!(
                        "the second session is over, too, and there came {other:?}"
                    ))),
                }
            }
            other => Err(Failure::Wrong(format!("the session is over, and there came {other:?}"))),
        };
        findings.add(&format!("{} with a session of {SHORT} s", door.key), result)?;
    }
    findings.finish("there are no rooms", |count| format!("{count} sessions ended with 4401"))
}

/// How often rooms with two in them woke up, as the log tells.
async fn awakenings(world: &World) -> Result<usize, Failure> {
    let log = logs::read(world).await?;
    let is_ours = |line: &&str| line.contains("room_woken") && line.contains("\"participants\":2");
    Ok(log.lines().filter(is_ours).count())
}

/// Each hears the other.
async fn talk(
    world: &World,
    door: &super::Door,
    number: u64,
    one: &mut Inside,
    two: &mut Inside,
) -> Result<(), Failure> {
    let (said, answer) = (message(world, door, number)?, message(world, door, number + 1)?);
    one.says(&said).await?;
    two.hears(&one.me, &said).await?;
    two.says(&answer).await?;
    one.hears(&two.me, &answer).await
}

pub(super) async fn slept(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    for door in doors(world)? {
        let path = make(world, &door).await?;
        let mut one = enter(world, &path, &user).await?;
        let mut two = enter(world, &path, &other).await?;
        one.next("joined").await?;
        talk(world, &door, 0, &mut one, &mut two).await?;
        let mut has_slept = false;
        for (number, silence) in (1..).zip(SILENCES) {
            let before = awakenings(world).await?;
            tokio::time::sleep(Duration::from_secs(silence)).await;
            // The platform answers this itself, and lets the room sleep.
            one.socket.say("ping").await?;
            match one.socket.next().await {
                Came::Text(text) if text == "pong" => {}
                other => {
                    return Err(Failure::Wrong(format!("`pong` is due, and there came {other:?}")));
                }
            }
            talk(world, &door, 10 * number, &mut one, &mut two).await?;
            let woken = super::super::eventually(Duration::from_secs(5), async || {
                Ok((awakenings(world).await? > before).then_some(()))
            });
            has_slept = woken.await?.is_some();
            if has_slept {
                break;
            }
        }
        if !has_slept {
            return Err(Failure::broken("the runtime never let the room sleep"));
        }
        findings.add(&door.key.to_string(), Ok(()))?;
    }
    findings.finish("there are no rooms", |count| {
        format!("{count} rooms were taken out of memory, and went on with who was in them")
    })
}
