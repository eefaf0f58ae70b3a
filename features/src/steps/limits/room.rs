//! Room in the limits that everybody shares: what earlier checks sent must not be taken for a limit that is too low.

use std::time::Duration;

use proofline_spec::document::LimitKey;

use super::fields;
use crate::exchange::Request;
use crate::failure::Failure;
use crate::turn::{self, Alone};
use crate::world::World;

/// A path that no service has; requests for it are counted by the limits of all.
const NOWHERE: &str = "/a-path-that-nobody-has";

/// How often the end of a window is waited for.
const MOST_WAITS: usize = 4;

/// So many times as many requests are room for every scenario at once.
const PLENTY: u64 = 20;

/// Waits until the limits that everybody shares let so many requests through, apart from the one that is used up. Where
/// that is not plenty, nobody else sends as long as the caller keeps what is returned.
pub(super) async fn make(
    world: &mut World,
    limit: &str,
    requests: u64,
) -> Result<Option<Alone>, Failure> {
    let target = &world.run()?.target;
    let shared: Vec<(String, u64)> = target
        .service
        .limits
        .iter()
        .filter(|(name, shared)| shared.by == LimitKey::Global && *name != limit)
        .filter_map(|(name, shared)| Some((name.clone(), shared.rate?.count)))
        .filter(|(_, count)| count / PLENTY < requests)
        .collect();
    if let Some((name, count)) = shared.iter().find(|(_, count)| *count <= requests) {
        return Err(Failure::not_applicable(format!(
            "the limit `{name}` of all refuses after {count} requests, and {requests} are needed"
        )));
    }
    if shared.is_empty() {
        return Ok(None);
    }
    let alone = turn::alone().await;
    for (name, _) in shared {
        wait(world, &name, requests).await?;
    }
    Ok(Some(alone))
}

/// Asks what is left of a limit until that is enough: where windows slide, it comes back little by little.
pub(super) async fn wait(world: &World, name: &str, requests: u64) -> Result<(), Failure> {
    for _ in 0..MOST_WAITS {
        let address = world.run()?.fresh_address();
        let request = Request::get(NOWHERE).from_address(&address).expecting_limit();
        let answer = world.send(request).await?;
        let declared = world.run()?.target.dialect().limit_fields;
        // Where another limit is nearer to its end, this one has more room than that.
        let told = fields::told(declared, &answer, name);
        let Some(told) = told.filter(|told| told.left.is_some_and(|left| left < requests)) else {
            return Ok(());
        };
        tokio::time::sleep(Duration::from_secs(told.until.unwrap_or_default() + 1)).await;
    }
    Err(Failure::Broken(format!("the limit `{name}` never lets {requests} requests through")))
}
