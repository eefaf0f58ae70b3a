//! Who handles a message now: of all who have it at the same moment, one.
//!
//! A claim is a row of its own beside the ids of what was delivered, so that it needs no table more. It names no holder:
//! the end of its term does, which nobody else has set. Who handles something for long renews it; what a killed process
//! had is free again when its term is over.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};

use super::delivered::{self, run};
use crate::binding::sql::Statement;
use crate::context::Context;
use crate::time::rfc3339;

/// How long a claim holds unless it is renewed: as long as a process may say nothing before a queue in Redis hands its
/// messages to another one.
const TERM: Duration = Duration::from_secs(15);
/// How long somebody waits who was handed a message that another one has in this process.
const SOON: Duration = Duration::from_secs(1);

static TAKE: Statement = Statement {
    name: "claim_message",
    sql: "insert into delivered_messages (id, queue, delivered_at) values (:claim, :queue, :until) \
          on conflict (id) do update set delivered_at = excluded.delivered_at \
          where delivered_messages.delivered_at < :now",
    postgres: "insert into delivered_messages (id, queue, delivered_at) values ($1, $2, $3) \
               on conflict (id) do update set delivered_at = excluded.delivered_at \
               where delivered_messages.delivered_at < $4",
    parameters: &["claim", "queue", "until", "now"],
    ..Statement::DEFAULT
};

static RENEW: Statement = Statement {
    name: "renew_claim",
    sql: "update delivered_messages set delivered_at = :until where id = :claim and delivered_at = :before",
    postgres: "update delivered_messages set delivered_at = $1 where id = $2 and delivered_at = $3",
    parameters: &["until", "claim", "before"],
    ..Statement::DEFAULT
};

static RELEASE: Statement = Statement {
    name: "release_claim",
    sql: "delete from delivered_messages where id = :claim and delivered_at = :until",
    postgres: "delete from delivered_messages where id = $1 and delivered_at = $2",
    parameters: &["claim", "until"],
    ..Statement::DEFAULT
};

/// What somebody gets who wants to handle a message.
#[derive(Debug)]
pub enum Claim {
    /// It is theirs.
    Ours(Held),
    /// It was delivered before.
    Delivered,
    /// Somebody else has it; how long until it is worth asking again.
    Theirs(Duration),
}

/// A message that is being handled here.
#[derive(Debug)]
pub struct Held {
    id: String,
    /// The end of its term; without one nothing is claimed outside of this process.
    until: Option<String>,
}

/// Messages that are being handled in this process.
#[derive(Debug, Default)]
pub struct Handling(Mutex<HashSet<String>>);

impl Handling {
    fn begin(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned())
    }

    fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// The id of the row that claims a message.
fn row(id: &str) -> String {
    format!("claim:{id}")
}

fn term_from_now(context: &Context) -> String {
    let term = u64::try_from(TERM.as_millis()).unwrap_or_default();
    rfc3339(context.clock().unix_millis().saturating_add(term))
}

/// Claims a message. What a database that is away cannot say is not waited for: then it is handled, as it would be if
/// nobody else had it.
pub async fn claim(context: &Context, queue: &str, id: &str) -> Claim {
    let Some(database) = context.definition().messages.remembered_in else {
        if delivered::knows(context, id).await {
            return Claim::Delivered;
        }
        let ours = || Claim::Ours(Held { id: id.to_owned(), until: None });
        return if context.handling().begin(id) { ours() } else { Claim::Theirs(SOON) };
    };
    let (claim, until, now) = (row(id), term_from_now(context), context.now());
    let bound =
        TAKE.with(&[("claim", &claim), ("queue", &queue), ("until", &until), ("now", &now)]);
    let taken = run(context, database, bound).await;
    let held = Held { id: id.to_owned(), until: taken.as_ref().map(|_| until) };
    // Asked after the claim: who had it before has noted what they did before they let it go.
    if delivered::knows(context, id).await {
        if taken.is_some_and(|done| done.changed > 0) {
            held.release(context).await;
        }
        return Claim::Delivered;
    }
    match taken {
        Some(done) if done.changed == 0 => Claim::Theirs(TERM),
        _ => Claim::Ours(held),
    }
}

impl Held {
    /// Does something, and keeps the claim for as long as that takes.
    pub async fn during<T>(&mut self, context: &Context, work: impl Future<Output = T>) -> T {
        let mut work = Box::pin(work);
        loop {
            match select(work, context.clock().sleep(TERM / 3)).await {
                Either::Left((done, _)) => return done,
                Either::Right(((), going_on)) => work = going_on,
            }
            self.renew(context).await;
        }
    }

    async fn renew(&mut self, context: &Context) {
        let database = context.definition().messages.remembered_in;
        let (Some(database), Some(before)) = (database, &self.until) else { return };
        let (claim, until) = (row(&self.id), term_from_now(context));
        let bound = RENEW.with(&[("until", &until), ("claim", &claim), ("before", before)]);
        // Who could not renew it has it until its term is over, and nobody is told to stop half-way.
        if run(context, database, bound).await.is_some_and(|done| done.changed > 0) {
            self.until = Some(until);
        }
    }

    /// Lets others have it: it was delivered, which is noted, or it was not.
    pub async fn release(self, context: &Context) {
        let Some(database) = context.definition().messages.remembered_in else {
            context.handling().end(&self.id);
            return;
        };
        let Some(until) = self.until else { return };
        let claim = row(&self.id);
        run(context, database, RELEASE.with(&[("claim", &claim), ("until", &until)])).await;
    }
}
