//! Who hears what.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::Arguments;
use super::{Door, Inside, doors, enter, make, message};
use crate::failure::{Failure, Findings, Seen};
use crate::generate::{Generator, cases};
use crate::world::World;

pub(super) async fn heard(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    for door in doors(world)? {
        let (here, there) = (make(world, &door).await?, make(world, &door).await?);
        let mut one = enter(world, &here, &user).await?;
        let mut two = enter(world, &here, &other).await?;
        one.next("joined").await?;
        // The same two in another room: who leaks says it there, too.
        let mut far_one = enter(world, &there, &user).await?;
        let mut far_two = enter(world, &there, &other).await?;
        far_one.next("joined").await?;
        let mut result = Ok(());
        for number in 0..5 {
            let said = message(world, &door, number)?;
            let answer = message(world, &door, number + 100)?;
            let elsewhere = message(world, &door, number + 200)?;
            one.says(&said).await?;
            result = result.and(two.hears(&one.me, &said).await);
            two.says(&answer).await?;
            result = result.and(one.hears(&two.me, &answer).await);
            // Nothing came before what is said in that room itself.
            far_one.says(&elsewhere).await?;
            result = result.and(far_two.hears(&far_one.me, &elsewhere).await);
            far_two.says(&elsewhere).await?;
            result = result.and(far_one.hears(&far_two.me, &elsewhere).await);
        }
        findings.add(&door.key.to_string(), result)?;
        if one.me == two.me {
            findings.add("who they are", Err(Failure::wrong("both are seen as the same")))?;
        }
    }
    findings.finish("there are no rooms", |count| format!("{count} rooms beside another one"))
}

/// Two in a room of their own.
async fn two(world: &World, door: &Door) -> Result<(Inside, Inside), Failure> {
    let path = make(world, door).await?;
    let mut one = enter(world, &path, world.user("user")?).await?;
    let two = enter(world, &path, world.user("other user")?).await?;
    one.next("joined").await?;
    Ok((one, two))
}

pub(super) async fn malformed(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for door in doors(world)? {
        let run = world.run()?;
        let mut generator = Generator::new(&run.target, world.seed);
        let invalid = cases(&mut generator, &door.message).into_iter().filter(|case| !case.valid);
        let mut texts: Vec<(String, String)> =
            invalid.map(|case| (case.name, case.value.to_string())).collect();
        for (name, text) in [("no JSON", "{"), ("nothing", ""), ("null", "null"), ("two", "{}{}")] {
            texts.push((name.to_owned(), text.to_owned()));
        }
        for (number, (name, text)) in (0..).zip(texts) {
            // What is too large is judged by its size alone, and everybody may say only so much.
            if text.len() > usize::try_from(door.max_message).unwrap_or(usize::MAX) {
                continue;
            }
            let (mut one, mut other) = two(world, &door).await?;
            one.socket.say(&text).await?;
            let refused = one.next("refused").await.map(drop);
            let said = message(world, &door, number)?;
            one.says(&said).await?;
            let result = refused.and(other.hears(&one.me, &said).await);
            findings.add(&format!("{}: {name}", door.key), result)?;
        }
    }
    findings.finish("there are no rooms", |count| {
        format!("{count} texts were refused, and what was said next was the next that was heard")
    })
}

pub(super) async fn too_much(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for door in doors(world)? {
        let (mut one, mut other) = two(world, &door).await?;
        let size = usize::try_from(door.max_message).unwrap_or(usize::MAX);
        one.socket.say(&format!("\"{}\"", "x".repeat(size))).await?;
        let result = one.ends(1009).await.and(left(&mut other, &one.me).await);
        findings.add(&format!("{}: too large", door.key), result)?;

        let (mut one, mut other) = two(world, &door).await?;
        one.socket.say_binary(b"{}").await?;
        let result = one.ends(1003).await.and(left(&mut other, &one.me).await);
        findings.add(&format!("{}: no text", door.key), result)?;

        let path = make(world, &door).await?;
        let mut one = enter(world, &path, world.user("user")?).await?;
        let mut other = enter(world, &path, world.user("other user")?).await?;
        one.next("joined").await?;
        let said = message(world, &door, 0)?;
        let (most, begun) = (door.rate.count, Instant::now());
        for _ in 0..most {
            one.says(&said).await?;
            other.hears(&one.me, &said).await?;
        }
        // Who enters again has said as much as before.
        let mut former = one;
        let mut one = enter(world, &path, world.user("user")?).await?;
        former.ends(4409).await?;
        // Twice as many fit into no window, however slowly they came.
        for _ in 0..=most {
            if one.says(&said).await.is_err() {
                break;
            }
        }
        let mut heard = 0;
        let result = loop {
            let frame = other.socket.next().await;
            let crate::socket::Came::Text(text) = &frame else {
                break Err(Failure::Wrong(format!("{frame:?} came after {heard} messages more")));
            };
            match serde_json::from_str::<Value>(text).unwrap_or_default()["type"].as_str() {
                Some("message") if heard < most => heard += 1,
                Some("left") => break one.ends(1008).await,
                _ => break Err(Failure::Wrong(format!("{text} came after {heard} messages more"))),
            }
        };
        // All of it within one window: nothing of what was said after that may be heard.
        let is_one = begun.elapsed() < Duration::from_millis(door.rate.window.as_millis());
        let result = result.and_then(|()| match heard {
            more if is_one && more > 0 => Err(Failure::Wrong(format!(
                "{more} messages more were heard from who entered again after {most}"
            ))),
            _ => Ok(()),
        });
        findings.add(&format!("{}: too much", door.key), result)?;
    }
    findings.finish("there are no rooms", |count| format!("{count} ways to be sent away"))
}

/// The next is that somebody is gone.
async fn left(inside: &mut Inside, who: &Value) -> Result<(), Failure> {
    let frame = inside.next("left").await?;
    if frame["member"] == *who {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{who} is gone, and there came {frame}")))
}
