//! Plain HTTP on the host of an HTTPS service.

use std::collections::BTreeSet;
use std::time::Duration;

use cucumber::step::Collection;
use tokio::net::TcpStream;

use super::super::{Arguments, steps};
use super::{ask_securely, in_front};
use crate::call::Call;
use crate::exchange::{Answer, Http, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

/// Who does not take a connection within this time is not there for plain HTTP: over HTTPS it answered just before.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "plain HTTP is refused on every route, and nothing else is served over it" => refused;
    }
}

/// A request over plain HTTP may hold a credential, which everybody on its way has read: it must be refused, not
/// redirected, so that whoever wrote the client notices (ASVS 4.1.2). Every declared route is one of an API; what a
/// person types into a browser is not declared, and may be redirected.
async fn refused(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let place = super::plain(&run)?;
    let connecting = TcpStream::connect((place.host.as_str(), place.port));
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            return Ok(format!("nothing listens at {place}"));
        }
        Err(_) => return Ok(format!("nobody answers at {place}")),
        Ok(Err(error)) => {
            return Err(Failure::Broken(format!("{place} cannot be reached: {error}")));
        }
    }
    let plain = Http::new(&format!("http://{place}"))?;
    let mut generator = Generator::new(&run.target, world.seed);
    let (mut findings, mut said) = (Findings::new(), BTreeSet::new());
    for (key, route) in run.target.routes() {
        let mut call = Call::valid(&mut generator, key, route);
        // Nobody is anybody here, and nothing is sent that could be done.
        (call.body, call.file) = (None, None);
        let request = call.request();
        // A connection that ends without an answer is a refusal.
        let result = match world.attempt_by(&plain, request.clone()).await? {
            Err(_) => Ok(()),
            Ok(answer) => {
                said.insert(answer.status);
                judge(world, &answer, request).await
            }
        };
        findings.add(&key.to_string(), result)?;
    }
    if !run.target.routes().any(|(key, _)| key.path == "/")
        && let Ok(answer) = world.attempt_by(&plain, Request::get("/")).await?
    {
        let to = answer.header("location").unwrap_or_default();
        let led = is_redirect(&answer) && to.starts_with("https://");
        let result = require(
            led || answer.status >= 400,
            || "may only be refused, or led to HTTPS".to_owned(),
            &answer,
        );
        findings.add("GET /", result)?;
    }
    let said: Vec<String> = said.into_iter().map(|status| status.to_string()).collect();
    findings.finish("the spec has no routes", |count| {
        let how = if said.is_empty() { "no answer".to_owned() } else { said.join(", ") };
        format!("{count} requests to {place}{} are refused: {how}", in_front(&run))
    })
}

fn is_redirect(answer: &Answer) -> bool {
    [301, 302, 303, 307, 308].contains(&answer.status)
}

async fn judge(world: &World, answer: &Answer, request: Request) -> Result<(), Failure> {
    if is_redirect(answer) {
        let what =
            "must refuse plain HTTP, not redirect: what the request holds was readable already";
        return require(false, || what.to_owned(), answer);
    }
    match answer.status {
        421 | 426 => Ok(()),
        // The service itself says these, too, to requests that lack something: it must be the missing TLS.
        400 | 403 | 404 => {
            let secure = ask_securely(world, request).await?;
            let kind = |answer: &Answer| answer.header("content-type").map(str::to_owned);
            let same = secure.status == answer.status && kind(&secure) == kind(answer);
            let what = "must refuse plain HTTP, and answers as it does over HTTPS";
            require(!same, || what.to_owned(), answer)
        }
        _ => require(false, || "must refuse plain HTTP".to_owned(), answer),
    }
}
