//! What somebody else changes of a user: no cached answer still tells what was before.

use super::super::Arguments;
use super::{found, read, read_from_cache};
use crate::accounts;
use crate::failure::{Failure, Seen, require};
use crate::world::World;

/// An administrator sets a tier while the cache has an answer that tells the former one.
pub(super) async fn tier(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let can = run.target.service.accounts.as_ref().is_some_and(|all| all.set_tier.is_some());
    if !can {
        return Err(Failure::not_applicable("nobody sets the tier of somebody else"));
    }
    let store = found(world)?.store;
    let before = read_from_cache(world, &store).await?;
    let told = before.at("/tier").ok_or_else(|| {
        Failure::not_applicable("what is cached of a user does not tell their tier")
    })?;
    let other = run.target.service.tiers.iter().find(|tier| **tier != told);
    let other = other.ok_or_else(|| Failure::not_applicable("there is no other tier"))?;
    let user = world.user("user")?.clone();
    for tier in [other, &told] {
        accounts::set_tier(world, &user, tier).await?;
        for _ in 0..2 {
            let answer = read(world).await?;
            let is_new = answer.at("/tier").as_ref() == Some(tier);
            require(is_new, || format!("must tell the tier {tier} at once"), &answer)?;
        }
    }
    Ok(format!("{told}, then {other}, then {told} again"))
}
