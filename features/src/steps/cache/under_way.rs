//! Changes that come between an answer's making and its end: who asks afterwards must neither wait for the older answer
//! nor find it stored.

use std::time::Duration;

use futures::future::join;
use serde_json::json;

use super::{
    change as change_once, found, look, next_change, read, remember_change, remember_read,
};
use crate::exchange::Answer;
use crate::failure::{Failure, Seen};
use crate::steps::{Arguments, eventually, faults};
use crate::world::World;

/// So long the older answer is held up after it was made.
const HELD_UP: Duration = Duration::from_secs(1);
/// Longest wait until it was made.
const MADE: Duration = Duration::from_secs(10);

pub(super) async fn change(world: &mut World, arguments: Arguments) -> Seen {
    for _ in 0..super::times(&arguments)? {
        once(world).await?;
    }
    faults::restore(world).await?;
    Ok(super::sources(world))
}

async fn once(world: &mut World) -> Result<(), Failure> {
    // Nothing of it is stored then: the next read makes it.
    change_once(world).await?;
    let reader = found(world)?.reader.to_string();
    let delay = HELD_UP.as_millis();
    faults::make(world, &json!({"route": reader, "fault": "late", "times": 1, "delay_ms": delay}))
        .await?;
    let request = next_change(world)?;
    let (older, later) = {
        let world = &*world;
        let later = async {
            made(world, &reader).await?;
            let changed = world.send(request).await?;
            Ok::<(Answer, Answer), Failure>((changed, read(world).await?))
        };
        join(read(world), later).await
    };
    let ((changed, next), older) = (later?, older?);
    if !older.is_success() {
        world.memory.cached.failed.push(older);
    }
    remember_change(world, changed)?;
    remember_read(world, next);
    // The older answer has ended.
    look(world).await
}

/// Waits until the answer that is held up was made.
async fn made(world: &World, reader: &str) -> Result<(), Failure> {
    let gone = async || {
        let listed = world.send(faults::control(world, "GET", faults::FAULTS)?).await?;
        Ok((!listed.text().contains(reader)).then_some(()))
    };
    eventually(MADE, gone)
        .await?
        .ok_or_else(|| Failure::broken("nothing of what was to be held up was made"))
}
