//! The versions of TLS: those that are secure, and those that nobody may accept any more.

use cucumber::step::Collection;
use rustls::version::{TLS12, TLS13};

use super::super::{Arguments, steps};
use super::endpoint;
use crate::failure::{Failure, Findings, Seen};
use crate::tls::handshake::{NoHandshake, shake};
use crate::tls::hello::{Reply, Version, offer};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "TLS 1.2 or TLS 1.3 is accepted" => secure;
        then "a hello that is made by hand is answered in one of them" => answered;
        then "the same hello in SSL 3.0, TLS 1.0 and TLS 1.1 is refused" => obsolete;
    }
}

async fn secure(world: &mut World, _: Arguments) -> Seen {
    let endpoint = endpoint(&*world.run()?)?;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for (name, version) in [("TLS 1.3", &TLS13), ("TLS 1.2", &TLS12)] {
        world.recorder.count(1);
        match shake(&endpoint, &[version]).await {
            Ok(found) => accepted.push(format!("{} with {}", found.version, found.suite)),
            Err(NoHandshake::Refused(why)) => refused.push(format!("{name} is refused ({why})")),
            Err(NoHandshake::Unreachable(why)) => return Err(Failure::Broken(why)),
        }
    }
    if accepted.is_empty() {
        return Err(Failure::Wrong(format!("neither is accepted: {}", refused.join(", "))));
    }
    accepted.append(&mut refused);
    Ok(accepted.join(", "))
}

/// Without an answer to these bytes it would not be the version that is refused later.
async fn answered(world: &mut World, _: Arguments) -> Seen {
    let endpoint = endpoint(&*world.run()?)?;
    let mut said = Vec::new();
    for version in [Version::Tls12, Version::Tls13] {
        world.recorder.count(1);
        let reply = offer(&endpoint, version).await.map_err(Failure::Broken)?;
        if matches!(reply, Reply::Hello { version: chosen, .. } if chosen == version.number()) {
            return Ok(format!("{version} is answered with {reply}"));
        }
        said.push(format!("{version} with {reply}"));
    }
    let said = said.join(", ");
    Err(Failure::Broken(format!("a hello that is made by hand is not understood: {said}")))
}

async fn obsolete(world: &mut World, _: Arguments) -> Seen {
    let endpoint = endpoint(&*world.run()?)?;
    let mut findings = Findings::new();
    let mut said = Vec::new();
    for version in Version::OBSOLETE {
        world.recorder.count(1);
        let reply = offer(&endpoint, version).await.map_err(Failure::Broken)?;
        let result = match &reply {
            Reply::Alert(_) | Reply::Closed => Ok(()),
            Reply::Hello { .. } => Err(Failure::Wrong(format!(
                "it is accepted, although nobody may use it any more (RFC 8996): {reply}"
            ))),
            Reply::Silence | Reply::Nonsense(_) => {
                Err(Failure::Broken(format!("neither accepted nor refused: {reply}")))
            }
        };
        said.push(format!("{version} with {reply}"));
        findings.add(&version.to_string(), result)?;
    }
    findings.finish("nothing was offered", |_| format!("refused: {}", said.join(", ")))
}
