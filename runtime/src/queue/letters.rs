//! Dead letters: kept in a table, listed, and replayed once.

use std::time::Duration;

use super::{ErrorClass, Message};
use crate::binding::sql::{Column, Done, Expect, Statement};
use crate::context::Context;
use crate::definition::Queue;
use crate::problem::Failure;

/// A replay that was begun and neither finished nor given up is taken for dead after so long: its process was killed.
const BEGUN: Duration = Duration::from_mins(5);
/// So many are listed, the newest first.
const LISTED: i64 = 100;

/// Keeps a message that could not be delivered.
static KEEP: Statement = Statement {
    name: "keep_dead_letter",
    sql: "insert into dead_letters (id, queue, message_id, message, attempts, class, reason, died_at) \
          values (:id, :queue, :message_id, :message, :attempts, :class, :reason, :died_at)",
    postgres: "insert into dead_letters (id, queue, message_id, message, attempts, class, reason, died_at) \
               values ($1, $2, $3, $4, $5, $6, $7, $8)",
    parameters: &["id", "queue", "message_id", "message", "attempts", "class", "reason", "died_at"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

/// Removes what was kept for long enough.
static FORGET: Statement = Statement {
    name: "forget_dead_letters",
    sql: "delete from dead_letters where queue = :queue and died_at < :before",
    postgres: "delete from dead_letters where queue = $1 and died_at < $2",
    parameters: &["queue", "before"],
    ..Statement::DEFAULT
};

/// Lists what is kept of a queue, the newest first.
pub static LIST: Statement = Statement {
    name: "list_dead_letters",
    sql: "select id, message_id, message, attempts, class, reason, died_at, replayed_at from dead_letters \
          where queue = :queue and died_at >= :since order by died_at desc limit :limit",
    postgres: "select id, message_id, message, attempts, class, reason, died_at, replayed_at from dead_letters \
               where queue = $1 and died_at >= $2 order by died_at desc limit $3",
    parameters: &["queue", "since", "limit"],
    columns: &[
        Column::plain("id"),
        Column::plain("message_id"),
        Column::json("message"),
        Column::plain("attempts"),
        Column::plain("class"),
        Column::plain("reason"),
        Column::plain("died_at"),
        Column::plain("replayed_at"),
    ],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

/// One letter.
static READ: Statement = Statement {
    name: "read_dead_letter",
    sql: "select message_id, message, replayed_at from dead_letters \
          where id = :id and queue = :queue and died_at >= :since",
    postgres: "select message_id, message, replayed_at from dead_letters \
               where id = $1 and queue = $2 and died_at >= $3",
    parameters: &["id", "queue", "since"],
    columns: &[Column::plain("message_id"), Column::plain("message"), Column::plain("replayed_at")],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

/// Takes a letter for a replay: of all who want to, at any time, it changes the row for one.
static TAKE: Statement = Statement {
    name: "take_dead_letter",
    sql: "update dead_letters set replaying_at = :now where id = :id and queue = :queue \
          and replayed_at is null and (replaying_at is null or replaying_at < :stuck)",
    postgres: "update dead_letters set replaying_at = $1 where id = $2 and queue = $3 \
               and replayed_at is null and (replaying_at is null or replaying_at < $4)",
    parameters: &["now", "id", "queue", "stuck"],
    ..Statement::DEFAULT
};

/// The letter is in its queue again.
static REPLAYED: Statement = Statement {
    name: "replayed_dead_letter",
    sql: "update dead_letters set replayed_at = :now where id = :id",
    postgres: "update dead_letters set replayed_at = $1 where id = $2",
    parameters: &["now", "id"],
    ..Statement::DEFAULT
};

/// It could not be put there.
static GIVE_BACK: Statement = Statement {
    name: "give_back_dead_letter",
    sql: "update dead_letters set replaying_at = null where id = :id",
    postgres: "update dead_letters set replaying_at = null where id = $1",
    parameters: &["id"],
    ..Statement::DEFAULT
};

/// What became of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The message is in its queue again.
    Done,
    /// There is no such letter, or it is no longer kept.
    Absent,
    /// It was replayed before, or somebody else is doing it now.
    Before,
}

/// The name under which a queue's letters are kept.
fn kept_as(queue: &Queue) -> &'static str {
    queue.dead_letter.as_ref().map_or(queue.queue, |letter| letter.queue)
}

/// Since when a queue's letters are kept; what is older is gone.
fn since(context: &Context, queue: &Queue) -> String {
    queue.dead_letter.as_ref().map_or_else(String::new, |letter| context.ago(letter.keep))
}

/// Why a service keeps no letters.
fn kept_nowhere() -> Failure {
    Failure::internal("no database has a table for dead letters")
}

/// Keeps a message that could not be delivered; whether it could be kept.
pub async fn keep(
    context: &Context,
    queue: &'static Queue,
    message: &Message,
    attempts: u32,
    class: ErrorClass,
    reason: &str,
) -> bool {
    let Some(database) = context.definition().messages.kept_in else { return false };
    let Ok(database) = context.database(database) else { return false };
    let id = context.new_id().unwrap_or_else(|_| context.now());
    let (kept_as, now) = (kept_as(queue), context.now());
    let bound = KEEP.with(&[
        ("id", &id),
        ("queue", &kept_as),
        ("message_id", &message.id),
        ("message", &message.body.to_string()),
        ("attempts", &i64::from(attempts)),
        ("class", &class.name()),
        ("reason", &reason),
        ("died_at", &now),
    ]);
    let kept = database.run(bound).await.is_ok();
    let before = since(context, queue);
    // What stays too long is not listed all the same.
    let _ = database.run(FORGET.with(&[("queue", &kept_as), ("before", &before)])).await;
    kept
}

/// The letters of a queue, the newest first.
pub async fn list(context: &Context, queue: &'static Queue) -> Result<Done, Failure> {
    let database = context.definition().messages.kept_in.ok_or_else(kept_nowhere)?;
    let (kept_as, since) = (kept_as(queue), since(context, queue));
    let bound = LIST.with(&[("queue", &kept_as), ("since", &since), ("limit", &LISTED)]);
    context.database(database)?.run(bound).await.map_err(Failure::from)
}

/// Puts the message of a letter into its queue again, under its old id. Whoever is first to take the letter does it; a
/// process that is killed in between leaves a letter that can be taken again later.
pub async fn replay(context: &Context, queue: &'static Queue, id: &str) -> Result<Replay, Failure> {
    let database = context.definition().messages.kept_in.ok_or_else(kept_nowhere)?;
    let database = context.database(database)?;
    let (kept_as, since) = (kept_as(queue), since(context, queue));
    let read = READ.with(&[("id", &id), ("queue", &kept_as), ("since", &since)]);
    let found = database.run(read).await?;
    let Some(row) = found.first() else { return Ok(Replay::Absent) };
    if row.text("replayed_at").is_some() {
        return Ok(Replay::Before);
    }
    let message = Message {
        id: row.text("message_id").unwrap_or(id).to_owned(),
        body: serde_json::from_str(row.text("message").unwrap_or_default())
            .map_err(Failure::internal)?,
    };
    let (now, stuck) = (context.now(), context.ago(BEGUN));
    let take = TAKE.with(&[("now", &now), ("id", &id), ("queue", &kept_as), ("stuck", &stuck)]);
    if database.run(take).await?.changed == 0 {
        return Ok(Replay::Before);
    }
    if let Err(error) = context.queue(queue.name)?.send(message).await {
        // What cannot be given back can be taken again after a while.
        let _ = database.run(GIVE_BACK.with(&[("id", &id)])).await;
        return Err(error.into());
    }
    // When this fails the letter can be taken again after a while; its message has the same id then.
    database.run(REPLAYED.with(&[("now", &context.now()), ("id", &id)])).await?;
    Ok(Replay::Done)
}
