//! Room in the limits that everybody shares: what earlier checks sent must not be taken for a limit that is too low.

use std::time::Duration;

use proofline_spec::document::LimitKey;
use tokio::sync::{Mutex, MutexGuard};

use super::items;
use crate::exchange::Request;
use crate::failure::Failure;
use crate::world::World;

/// A path that no service has; requests for it are counted by the limits of all.
const NOWHERE: &str = "/.well-known/proofline-acceptance-room";

/// Of several scenarios one uses the room: it holds this as long as it does.
static USED: Mutex<()> = Mutex::const_new(());

/// So many times as many requests are room for every scenario at once.
const PLENTY: u64 = 20;

/// Waits until the limits that everybody shares let so many requests through, apart from the one that is used up. Where
/// that is not plenty, the room is the caller's as long as it keeps what is returned.
pub(super) async fn make(
    world: &mut World,
    limit: &str,
    requests: u64,
) -> Result<Option<MutexGuard<'static, ()>>, Failure> {
    let target = &world.run()?.target;
    let shared: Vec<(String, u64)> = target
        .service
        .limits
        .iter()
        .filter(|(name, shared)| shared.by == LimitKey::Global && *name != limit)
        .filter_map(|(name, shared)| Some((name.clone(), shared.rate?.count)))
        .collect();
    let tight = shared.iter().any(|(_, count)| count / PLENTY < requests);
    let room = if tight { Some(USED.lock().await) } else { None };
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
    Ok(room)
}
