//! What an instance that ends says to who asks whether to send requests there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proofline_spec::document::HealthKind;
use tokio::task::JoinSet;

use super::super::Arguments;
use super::super::configuration::configuration;
use super::{CONNECTIONS, request, start};
use crate::call::Call;
use crate::failure::{Failure, Seen};
use crate::generate::Generator;
use crate::kept::Kept;
use crate::run::Run;
use crate::world::World;

/// The route by which a load balancer asks whether requests may be sent there.
fn readiness(run: &Run) -> Option<Call> {
    let kinds = [HealthKind::Readiness, HealthKind::Detail];
    let (key, route) = kinds.into_iter().find_map(|kind| run.target.health_route_of(kind))?;
    Some(Call::valid(&mut Generator::new(&run.target, 1), key, route))
}

pub(super) async fn ready(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let call = readiness(&run)
        .ok_or_else(|| Failure::not_applicable("the spec has no route that says so"))?;
    let instance = start(&run, &configuration(world)?).await?;
    let mut load = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let opened = Kept::open(&instance.authority).await;
        let mut kept = opened.ok_or_else(|| Failure::broken("the instance is not there"))?;
        let before = kept.send(&request(&run, &call)).await.map(|answer| answer.status);
        if before != Some(200) {
            return Err(Failure::Broken(format!("{} answers {before:?}", call.key)));
        }
        let (run, call) = (Arc::clone(&run), call.clone());
        let counts = Arc::clone(&world.memory.shutdown.counts);
        let mut ending = instance.ending.clone();
        load.spawn(async move {
            if ending.wait_for(|is_ending| *is_ending).await.is_err() {
                return;
            }
            let count = match kept.send(&request(&run, &call)).await.map(|answer| answer.status) {
                Some(503) => &counts.not_ready,
                Some(_) => &counts.still_ready,
                None => return,
            };
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    world.memory.shutdown.instance = Some(instance);
    world.memory.shutdown.load = Some(load);
    Ok(format!("{CONNECTIONS} connections, each answered 200 by {}", call.key))
}

/// Those whose connection was ended before they asked know it as well.
pub(super) async fn not_ready(world: &mut World, _: Arguments) -> Seen {
    let counts = &world.memory.shutdown.counts;
    let told = counts.not_ready.load(Ordering::Relaxed);
    match (told, counts.still_ready.load(Ordering::Relaxed)) {
        (0, 0) => Err(Failure::broken("each connection was ended before it was asked")),
        (_, 0) => Ok(format!("{told} of {CONNECTIONS} connections were told so with 503")),
        (_, wrong) => Err(Failure::Wrong(format!(
            "on {wrong} of {CONNECTIONS} connections it says that it is ready, while it ends"
        ))),
    }
}
