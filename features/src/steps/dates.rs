//! What is kept for a time: the service's date is moved to just before its end, and to just after it.

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::Binding;

use super::provider::move_date;
use super::{Arguments, queues, steps};
use crate::failure::{Failure, Seen, require};
use crate::token;
use crate::world::World;

/// So long before and after the end it is looked.
pub(super) const NEAR: Duration = Duration::from_mins(2);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "it is kept for as long as is declared, and can then neither be seen nor replayed" => letter;
    }
}

/// The service's time in seconds since 1970, when its date is ahead by so much.
pub(super) fn then(ahead: Duration) -> u64 {
    token::now() + ahead.as_secs()
}

async fn letter(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let queue = queues::known(world)?.queue;
    let keep = match run.target.service.bindings.get(&queue) {
        Some(Binding::Queue { dead_letter: Some(letter), .. }) => letter.keep.as_millis(),
        _ => return Err(Failure::not_applicable("the queue keeps no letters")),
    };
    let keep = Duration::from_millis(keep);
    let is_listed = async |world: &mut World, ahead: Duration| {
        move_date(world, ahead).await?;
        let letters = queues::letters_at(world, then(ahead)).await?;
        let wanted = queues::letter(world)?;
        Ok::<_, Failure>(letters.iter().any(|letter| letter["id"] == wanted.as_str()))
    };
    if !is_listed(world, keep.saturating_sub(NEAR)).await? {
        return Err(Failure::Wrong(format!("it is gone {} s too early", NEAR.as_secs())));
    }
    let after = keep + NEAR;
    if is_listed(world, after).await? {
        return Err(Failure::Wrong(format!("it is listed {} s too late", NEAR.as_secs())));
    }
    let letter = queues::letter(world)?;
    let answer = world.send(queues::replay_at(world, &letter, then(after))?).await?;
    require(answer.status == 404, || "it must not be there to be replayed".to_owned(), &answer)?;
    move_date(world, Duration::ZERO).await?;
    Ok(format!("{} h", keep.as_secs() / 3600))
}
