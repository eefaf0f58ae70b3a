//! The certificate: whether it is trusted, for this host, and for how long.

use cucumber::step::Collection;
use jiff::{SignedDuration, Timestamp};
use rustls::version::{TLS12, TLS13};

use super::super::{Arguments, steps};
use super::{endpoint, in_front};
use crate::failure::{Failure, Seen};
use crate::tls::Endpoint;
use crate::tls::certificate::Facts;
use crate::tls::handshake::{Handshake, NoHandshake, shake};
use crate::tls::trust::{Trust, is_anothers, is_over, why};
use crate::world::World;

/// Nobody has a certificate for this name (RFC 2606, section 2).
const ANOTHER: &str = "another-host.invalid";

/// What the service showed of itself.
#[derive(Debug)]
pub(in super::super) struct Shown {
    endpoint: Endpoint,
    handshake: Handshake,
    chain: Vec<Facts>,
    trust: Trust,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the service shows its certificate" => shows;
        then "it is for the service's host, and somebody who is trusted issued it" => trusted;
        then "it stays valid for long enough to be renewed" => lasting;
        then "it would be refused for another host" => for_no_other;
    }
}

async fn shows(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let endpoint = endpoint(&run)?;
    world.recorder.count(1);
    let handshake = shake(&endpoint, &[&TLS13, &TLS12]).await.map_err(|error| match error {
        NoHandshake::Unreachable(why) => Failure::Broken(why),
        NoHandshake::Refused(why) => {
            Failure::Wrong(format!("{endpoint} agrees on no TLS connection: {why}"))
        }
    })?;
    let chain = handshake.chain.iter().map(|der| Facts::of(der)).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(Failure::Wrong)?;
    let trust = Trust::new(&run.authorities).map_err(Failure::Broken)?;
    let sent: Vec<String> = chain.iter().map(ToString::to_string).collect();
    let Handshake { version, suite, .. } = &handshake;
    let seen = format!(
        "{endpoint}{} speaks {version} with {suite} and sends {}",
        in_front(&run),
        sent.join("; ")
    );
    world.memory.tls = Some(Shown { endpoint, handshake, chain, trust });
    Ok(seen)
}

fn shown(world: &World) -> Result<&Shown, Failure> {
    world.memory.tls.as_ref().ok_or_else(|| Failure::broken("no earlier step looks at it"))
}

impl Shown {
    fn own(&self) -> Result<&Facts, Failure> {
        self.chain.first().ok_or_else(|| Failure::wrong("the server sends no certificate"))
    }

    fn judge(&self, at: Timestamp) -> Result<Result<(), rustls::Error>, Failure> {
        let name = self.endpoint.name().map_err(Failure::Broken)?;
        Ok(self.trust.judge(&self.handshake.chain, &name, at))
    }
}

async fn trusted(world: &mut World, _: Arguments) -> Seen {
    let shown = shown(world)?;
    let (host, now) = (&shown.endpoint.host, Timestamp::now());
    match shown.judge(now)? {
        Ok(()) => Ok(format!("{} is trusted for `{host}` by {}", shown.own()?, shown.trust)),
        Err(error) => Err(Failure::Wrong(why(&error, &shown.chain, host, now))),
    }
}

/// What is judged now and then is the whole chain: an intermediate that ends earlier ends it, too.
async fn lasting(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let wanted = run.target.environment.tls.clone().unwrap_or_default().valid_for;
    let shown = shown(world)?;
    let now = Timestamp::now();
    let then = SignedDuration::try_from(wanted.to_std())
        .ok()
        .and_then(|wanted| now.checked_add(wanted).ok())
        .ok_or_else(|| Failure::broken("`tls.valid_for` is beyond every calendar"))?;
    match shown.judge(then)? {
        Ok(()) => {
            let own = shown.own()?;
            let days = own.days_left(now);
            Ok(format!("it ends at {}, in {days} days; {wanted} are wanted", own.not_after))
        }
        Err(error) if is_over(&error) => {
            let own = shown.own()?;
            let over = shown.chain.iter().find(|facts| facts.not_after < then).unwrap_or(own);
            let days = over.days_left(now);
            Err(Failure::Wrong(format!(
                "the certificate ends in {days} days, and the environment wants it to be valid for {wanted} \
                 (`tls.valid_for`): {over}; is its renewal broken?"
            )))
        }
        Err(error) => Err(Failure::Wrong(why(&error, &shown.chain, &shown.endpoint.host, then))),
    }
}

/// Who finds every certificate right would find this one right, too.
async fn for_no_other(world: &mut World, _: Arguments) -> Seen {
    let shown = shown(world)?;
    let name = rustls::pki_types::ServerName::try_from(ANOTHER)
        .map_err(|error| Failure::Broken(error.to_string()))?;
    match shown.trust.judge(&shown.handshake.chain, &name, Timestamp::now()) {
        Err(error) if is_anothers(&error) => Ok(format!("it is refused for `{ANOTHER}`")),
        Err(error) => {
            Err(Failure::Broken(format!("`{ANOTHER}` is refused for another reason: {error}")))
        }
        Ok(()) => Err(Failure::Wrong(format!("it is accepted for `{ANOTHER}`, too"))),
    }
}
