//! Room in the limits that everybody shares: what earlier checks sent must not be taken for a limit that is too low.

use std::time::Duration;

use proofline_spec::document::LimitKey;

use super::items;
use crate::exchange::Request;
use crate::failure::Failure;
use crate::world::World;

/// A path that no service has; requests for it are counted by the limits of all.
const NOWHERE: &str = "/.well-known/proofline-acceptance-room";

/// Waits until the limits that everybody shares let so many requests through, apart from the one that is used up.
pub(super) async fn make(world: &mut World, limit: &str, requests: u64) -> Result<(), Failure> {
    let target = &world.run()?.target;
    let shared: Vec<(String, u64)> = target
        .service
        .limits
        .iter()
        .filter(|(name, shared)| shared.by == LimitKey::Global && *name != limit)
        .filter_map(|(name, shared)| Some((name.clone(), shared.rate?.count)))
        .collect();
    for (name, count) in shared {
        if count <= requests {
            return Err(Failure::not_applicable(format!(
                "the limit `{name}` of all refuses after {count} requests, and {requests} are needed"
            )));
        }
        let address = world.run()?.fresh_address();
        let answer = world.send(Request::get(NOWHERE).from_address(&address)).await?;
        let told = items(&answer, "ratelimit").into_iter().find(|item| item.name == name);
        let Some(told) = told else { continue };
        if told.number("r").is_some_and(|left| left < requests) {
            tokio::time::sleep(Duration::from_secs(told.number("t").unwrap_or_default() + 1)).await;
        }
    }
    Ok(())
}
