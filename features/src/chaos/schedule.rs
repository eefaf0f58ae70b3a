//! What breaks when: decided by the seed alone, counted in requests, never in time.

use proofline_spec::document::{Binding, Expectation, Method, Operation};
use serde::Serialize;
use serde_json::json;

use super::fault::{Ability, Fault};
use crate::plan::Target;
use crate::proxy::Toxic;

/// One round of load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Its number; nothing breaks in round 0, so that everything is seen to work.
    pub number: u64,
    /// What its clients choose by.
    #[serde(skip)]
    pub seed: u64,
    /// How many requests are sent.
    pub requests: u64,
    /// How many clients send them.
    pub clients: u64,
    /// How many accounts they share.
    pub users: u64,
    /// What breaks, one after the other.
    pub events: Vec<Event>,
}

/// Something that breaks, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// After so many requests.
    pub after: u64,
    /// Until so many requests later.
    pub lasting: u64,
    /// What breaks.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Every round of a seed.
#[derive(Debug)]
pub struct Schedule {
    seed: u64,
    abilities: Vec<Ability>,
    /// What the service can be asked to break.
    bindings: Vec<String>,
    routes: Vec<String>,
    queries: Vec<String>,
}

/// Spreads numbers that differ little (`SplitMix64`).
const fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many clients send at the same time.
pub(super) const CLIENTS: u8 = 8;
const USERS: u64 = 4;
/// A request to a store that hangs takes as long as its route may: few of them are enough.
const WHILE_HANGING: std::ops::Range<u64> = 6..14;
const WHILE_BROKEN: std::ops::Range<u64> = 10..60;

impl Schedule {
    /// The schedule of a seed for a service whose environment lets these things break.
    pub fn new(seed: u64, abilities: &[Ability], target: &Target) -> Self {
        let service = &target.service;
        let bindings = service
            .bindings
            .iter()
            .filter(|(_, binding)| matches!(binding, Binding::Sql { .. } | Binding::Kv { .. }));
        let asked = |op: &Operation| matches!(op, Operation::Query(_) | Operation::Transaction(_));
        let routes = target.routes().filter(|(key, route)| {
            asked(&route.op)
                && matches!(key.method, Method::Get | Method::Post)
                && key.parameters().next().is_none()
                && route.roles.is_none()
                && target.takes_principals(route)
        });
        let writes = service
            .queries
            .iter()
            .filter(|(_, query)| matches!(query.expect, Expectation::Changed));
        Self {
            seed,
            abilities: abilities.to_vec(),
            bindings: bindings.map(|(name, _)| name.clone()).collect(),
            routes: routes.map(|(key, _)| key.to_string()).collect(),
            queries: writes.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The round of that number.
    pub fn round(&self, number: u64) -> Round {
        let seed = mixed(self.seed, number);
        let mut rng = fastrand::Rng::with_seed(seed);
        let requests = rng.u64(240..480);
        let mut events = Vec::new();
        if number > 0 && !self.abilities.is_empty() {
            let mut after = rng.u64(10..60);
            for _ in 0..rng.u64(1..4) {
                let event = self.event(&mut rng, after);
                after += event.lasting + rng.u64(20..60);
                events.push(event);
            }
        }
        Round { number, seed: rng.u64(..), requests, clients: CLIENTS.into(), users: USERS, events }
    }

    fn event(&self, rng: &mut fastrand::Rng, after: u64) -> Event {
        let ability = &self.abilities[rng.usize(..self.abilities.len())];
        let (fault, lasting) = match ability {
            Ability::Faults => (self.disturb(rng), rng.u64(WHILE_BROKEN)),
            Ability::Kill => (Fault::Kill, rng.u64(WHILE_BROKEN)),
            Ability::End => (Fault::End, rng.u64(WHILE_BROKEN)),
            Ability::Freeze(store) => {
                (Fault::Freeze { store: store.clone() }, rng.u64(WHILE_HANGING))
            }
            Ability::KillStore(store) => {
                (Fault::KillStore { store: store.clone() }, rng.u64(WHILE_BROKEN))
            }
            Ability::Link(store) => {
                let toxic = toxic(rng);
                let hangs = matches!(toxic, Toxic::BlackHole | Toxic::Bandwidth(_));
                let lasting = if hangs { WHILE_HANGING } else { WHILE_BROKEN };
                (Fault::Link { store: store.clone(), toxic }, rng.u64(lasting))
            }
        };
        Event { after, lasting, fault }
    }

    /// Something that the service does to itself.
    fn disturb(&self, rng: &mut fastrand::Rng) -> Fault {
        let pick = |rng: &mut fastrand::Rng, from: &[String]| rng.choice(from).cloned();
        let times = rng.u64(1..20);
        let delay = rng.u64(50..1_500);
        let request = match rng.u32(..6) {
            0 => pick(rng, &self.queries)
                .map(|query| json!({"query": query, "fault": "cut_off", "times": times})),
            1 => pick(rng, &self.routes)
                .map(|route| json!({"route": route, "fault": "panic", "times": times})),
            2 => pick(rng, &self.routes).map(
                |route| json!({"route": route, "fault": "slow", "delay_ms": delay, "times": times}),
            ),
            _ => None,
        };
        let binding = pick(rng, &self.bindings).unwrap_or_default();
        let request = request.unwrap_or_else(|| match times % 3 {
            0 => json!({"binding": binding, "fault": "slow", "delay_ms": delay, "times": times}),
            1 => json!({"binding": binding, "fault": "panic", "times": times}),
            _ => json!({"binding": binding, "fault": "cut_off"}),
        });
        Fault::Service { request }
    }
}

fn toxic(rng: &mut fastrand::Rng) -> Toxic {
    match rng.u32(..6) {
        0 => Toxic::Latency(rng.u64(20..200), rng.u64(..50)),
        1 => Toxic::Latency(rng.u64(1_000..3_000), rng.u64(..1_000)),
        2 => Toxic::Bandwidth(rng.u64(500..5_000)),
        3 => Toxic::Reset,
        4 => Toxic::BlackHole,
        _ => Toxic::HalfClose,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64) -> Schedule {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Schedule {
            seed,
            abilities: ["faults", "kill", "freeze:postgres", "link:redis"]
                .map(|name| name.parse().unwrap())
                .to_vec(),
            bindings: names(&["DB", "CACHE"]),
            routes: names(&["GET /me", "POST /things"]),
            queries: names(&["insert_thing"]),
        }
    }

    #[test]
    fn the_seed_alone_decides_what_breaks_and_each_round_is_another() {
        let rounds = |seed| (0..30).map(|n| schedule(seed).round(n)).collect::<Vec<_>>();
        assert_eq!(rounds(7), rounds(7));
        assert_ne!(rounds(7), rounds(8));
        // A round can be made again without those before it.
        assert_eq!(schedule(7).round(21), rounds(7)[21]);
        let faults = |round: &Round| round.events.clone();
        assert!(rounds(7).windows(2).all(|two| faults(&two[0]) != faults(&two[1])));
    }

    #[test]
    fn nothing_breaks_in_the_first_round_and_something_in_each_other_one() {
        let schedule = schedule(1);
        assert!(schedule.round(0).events.is_empty());
        assert!((1..50).all(|number| !schedule.round(number).events.is_empty()));
    }

    #[test]
    fn every_ability_is_used() {
        let schedule = schedule(3);
        let said: Vec<String> =
            (1..60).flat_map(|n| schedule.round(n).events).map(|e| e.fault.describe()).collect();
        for part in ["killed", "frozen", "redis", "DB", "GET /me", "insert_thing"] {
            assert!(said.iter().any(|text| text.contains(part)), "{part}: {said:?}");
        }
    }
}
