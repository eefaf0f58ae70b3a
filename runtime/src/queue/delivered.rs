//! Which messages were delivered: in a table where the service has one, else in this process as far as it goes.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::binding::sql::{Bound, Column, Done, Expect, Statement};
use crate::context::Context;

/// So many ids are remembered where there is no table.
const MOST: usize = 10_000;
/// So long they are remembered in a table, unless dead letters are kept longer.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

static KNOWN: Statement = Statement {
    name: "delivered_message",
    sql: "select id from delivered_messages where id = :id",
    postgres: "select id from delivered_messages where id = $1",
    parameters: &["id"],
    columns: &[Column::plain("id")],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

static REMEMBER: Statement = Statement {
    name: "remember_delivered_message",
    sql: "insert into delivered_messages (id, queue, delivered_at) values (:id, :queue, :now) \
          on conflict (id) do nothing",
    postgres: "insert into delivered_messages (id, queue, delivered_at) values ($1, $2, $3) \
               on conflict (id) do nothing",
    parameters: &["id", "queue", "now"],
    ..Statement::DEFAULT
};

static FORGET: Statement = Statement {
    name: "forget_delivered_messages",
    sql: "delete from delivered_messages where delivered_at < :before",
    postgres: "delete from delivered_messages where delivered_at < $1",
    parameters: &["before"],
    ..Statement::DEFAULT
};

/// Ids that this process remembers, the oldest first.
#[derive(Debug, Default)]
pub struct Recent(Mutex<(HashSet<String>, VecDeque<String>)>);

impl Recent {
    fn knows(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains(id)
    }

    fn remember(&self, id: &str) {
        let (known, order) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert(id.to_owned()) {
            order.push_back(id.to_owned());
        }
        if order.len() > MOST
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
    }
}

/// Whether a message was delivered before. What cannot be found out is delivered again.
pub async fn knows(context: &Context, id: &str) -> bool {
    match context.definition().messages.remembered_in {
        None => context.recent().knows(id),
        Some(database) => {
            let found = run(context, database, KNOWN.with(&[("id", &id)])).await;
            found.is_some_and(|done| !done.rows.is_empty())
        }
    }
}

/// Remembers that a message was delivered; false when it could not be noted.
pub async fn remember(context: &Context, queue: &str, id: &str) -> bool {
    let Some(database) = context.definition().messages.remembered_in else {
        context.recent().remember(id);
        return true;
    };
    let now = context.now();
    let bound = REMEMBER.with(&[("id", &id), ("queue", &queue), ("now", &now)]);
    let noted = run(context, database, bound).await.is_some();
    let mut chance = [0_u8; 1];
    if context.fill(&mut chance).is_ok() && chance[0] == 0 {
        let queues = context.definition().queues.iter();
        let kept = queues.filter_map(|queue| Some(queue.dead_letter.as_ref()?.keep)).max();
        let before = context.ago(kept.unwrap_or_default().max(REMEMBERED));
        run(context, database, FORGET.with(&[("before", &before)])).await;
    }
    noted
}

pub(super) async fn run(context: &Context, database: &str, bound: Bound) -> Option<Done> {
    context.database(database).ok()?.run(bound).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten_first() {
        let recent = Recent::default();
        for number in 0..=MOST {
            recent.remember(&number.to_string());
            recent.remember(&number.to_string());
        }
        assert!(!recent.knows("0"));
        assert!(recent.knows("1") && recent.knows(&MOST.to_string()));
    }
}
