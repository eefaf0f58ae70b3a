//! HTTPS on public environments.

use cucumber::step::Collection;

use super::{Arguments, steps};
use crate::exchange::{Http, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "every answer over HTTPS tells browsers to stay with it" => stays;
        then "the service refuses plain HTTP on every route" => plain_refused;
    }
}

async fn stays(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    let health = run.target.health_route().map(|(key, _)| key.path.clone());
    for path in health.into_iter().chain(["/does/not/exist".to_owned()]) {
        let answer = world.send(Request::get(&path)).await?;
        let value = answer.header("strict-transport-security").unwrap_or_default();
        findings.add(
            &path,
            require(
                value.contains("max-age="),
                || "`Strict-Transport-Security` is missing".to_owned(),
                &answer,
            ),
        )?;
    }
    findings.finish("nothing was asked", |count| format!("{count} answers set HSTS"))
}

/// A request over plain HTTP may hold a credential: it must be refused, not redirected (ASVS 4.1.2).
async fn plain_refused(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let rest = run.target.base.strip_prefix("https://");
    let host =
        rest.ok_or_else(|| Failure::wrong("a public environment must be at an https:// address"))?;
    let plain = Http::new(&format!("http://{host}"))?;
    let mut findings = Findings::new();
    for (key, _) in run.target.routes().filter(|(key, _)| key.parameters().next().is_none()) {
        let result = match plain.send(&Request::new(key.method.as_str(), &key.path)).await {
            Err(_) => Ok(()),
            Ok(answer) => {
                world.recorder.add(std::sync::Arc::clone(&answer.record));
                require(
                    [400, 403, 404, 421, 426].contains(&answer.status),
                    || "must refuse plain HTTP".to_owned(),
                    &answer,
                )
            }
        };
        findings.add(&key.to_string(), result)?;
    }
    findings.finish("the spec has no routes", |count| format!("{count} routes refuse plain HTTP"))
}
