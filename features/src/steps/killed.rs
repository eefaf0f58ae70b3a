//! The service is killed, as by a machine that loses its power, and started again with what it had.

use cucumber::step::Collection;

use super::{Arguments, steps};
use crate::chaos::check;
use crate::failure::{Failure, Seen};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the service is killed and started again" => killed;
    }
}

async fn killed(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    world.memory.killed = true;
    run.ask("kill").await?;
    restore(world).await?;
    check::ready(&run).await.map_err(Failure::Wrong)?;
    Ok("it was killed without a word, and answers again".to_owned())
}

/// Starts it again where it was killed and nobody did so yet.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    if world.memory.killed {
        world.run()?.ask("start").await?;
        world.memory.killed = false;
    }
    Ok(())
}
