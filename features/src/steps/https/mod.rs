//! HTTPS: HSTS, the certificate, the versions of TLS, and plain HTTP beside it.

mod certificate;
mod plain;
mod versions;

use cucumber::step::Collection;

use super::{Arguments, steps};
use crate::exchange::{Answer, Http, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::run::Run;
use crate::tls::Endpoint;
use crate::world::World;

pub(super) use certificate::Shown;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = certificate::steps(collection);
    let collection = versions::steps(collection);
    let collection = plain::steps(collection);
    steps! { collection;
        given "the service answers over HTTPS" => answers;
        then "every answer over HTTPS tells browsers to stay with it" => stays;
    }
}

/// Where TLS is spoken.
fn endpoint(run: &Run) -> Result<Endpoint, Failure> {
    let found = run.target.secure_base().and_then(Endpoint::of);
    found.ok_or_else(|| Failure::broken("the service is not reached over HTTPS"))
}

/// Where plain HTTP is taken on the same host.
fn plain(run: &Run) -> Result<Endpoint, Failure> {
    let declared = || run.target.environment.tls.clone().unwrap_or_default().plain_port;
    let port = run.target.plan.front.as_ref().map_or_else(declared, |front| front.plain_port);
    Ok(Endpoint { port, ..endpoint(run)? })
}

/// What stands in front of the service, for the evidence: what was made for a run says nothing about a public endpoint.
fn in_front(run: &Run) -> &'static str {
    match run.target.plan.front {
        Some(_) => ", which this run put in front of the service with an authority of its own,",
        None => "",
    }
}

/// Asks over HTTPS where there is TLS, as all checks do otherwise.
async fn ask_securely(world: &World, request: Request) -> Result<Answer, Failure> {
    let run = world.run()?;
    let Some(front) = &run.target.plan.front else { return world.send(request).await };
    let http = Http::trusting(&front.url, &run.authorities)?;
    let answer = world.attempt_by(&http, request).await?;
    answer.map_err(|why| Failure::Broken(format!("no answer: {why}")))
}

async fn answers(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let nowhere = format!("/{}", uuid::Uuid::new_v4());
    let answer = ask_securely(world, Request::get(&nowhere)).await?;
    let what = || "a path that cannot exist must be answered 404".to_owned();
    require(answer.status == 404, what, &answer)?;
    Ok(format!("{}{} answers", endpoint(&run)?, in_front(&run)))
}

async fn stays(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    let health = run.target.health_route().map(|(key, _)| key.path.clone());
    for path in health.into_iter().chain(["/does/not/exist".to_owned()]) {
        let answer = ask_securely(world, Request::get(&path)).await?;
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
