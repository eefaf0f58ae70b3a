//! What is sent: routes with weights, made-up data, virtual users.
//!
//! Slot `n` of a run always means the same request by the same virtual user, whichever of the
//! engine's tasks sends it: a run can be repeated exactly.

mod budget;
mod data;
mod derive;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

pub use derive::{Account, Derived, Inputs, LeftOut, derive};

use crate::client::Prepared;
use crate::measure::outcome::Declared;

/// One request that a route can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Path and query.
    pub path: String,
    /// JSON body.
    pub body: Option<Vec<u8>>,
}

/// A route under load.
#[derive(Debug, Clone)]
pub struct LoadedRoute {
    /// Method and template, such as `GET /users/{id}`.
    pub name: String,
    /// Its method.
    pub method: Method,
    /// What it may answer.
    pub declared: Declared,
    /// Its share of all requests, in relation to the others'.
    pub weight: f64,
    /// Requests to choose from.
    pub cases: Vec<Case>,
    /// Credentials to choose from, one a virtual user; empty where none is needed.
    pub credentials: Vec<HeaderMap>,
}

/// Everything that can be sent in a run.
#[derive(Debug, Clone)]
pub struct Workload {
    routes: Vec<LoadedRoute>,
    /// Sums of weights, for the choice.
    ends: Vec<f64>,
    addresses: Vec<HeaderMap>,
    seed: u64,
}

impl Workload {
    /// A workload; `addresses` holds one forwarding header a virtual user, and may be empty.
    pub fn new(routes: Vec<LoadedRoute>, addresses: Vec<HeaderMap>, seed: u64) -> Self {
        let mut sum = 0.0;
        let ends = routes.iter().map(|route| {
            sum += route.weight;
            sum
        });
        Self { ends: ends.collect(), routes, addresses, seed }
    }

    /// The same without a route; the others keep their shares in relation to each other.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let others = self.routes.iter().filter(|route| route.name != name).cloned();
        Self::new(others.collect(), self.addresses.clone(), self.seed)
    }

    /// The routes.
    pub fn routes(&self) -> &[LoadedRoute] {
        &self.routes
    }

    /// What a route may answer.
    pub fn declared(&self, route: usize) -> &Declared {
        &self.routes[route].declared
    }

    /// How many client addresses the requests seem to come from; 1 when they are not spread.
    pub fn addresses(&self) -> usize {
        self.addresses.len().max(1)
    }

    /// The route that gets more than half of all requests, and its share, where there are several to
    /// choose from: such a run measures that route and not the service.
    pub fn dominant(&self) -> Option<(&str, f64)> {
        let total = self.ends.last().copied().unwrap_or(0.0);
        let most = self.routes.iter().max_by(|a, b| a.weight.total_cmp(&b.weight))?;
        let share = most.weight / total;
        (self.routes.len() > 2 && share > 0.5).then_some((most.name.as_str(), share))
    }

    /// The route of slot `number`.
    pub fn route(&self, number: u64) -> usize {
        let total = self.ends.last().copied().unwrap_or(0.0);
        let point = unit(mix(self.seed ^ mix(number))) * total;
        self.ends.iter().position(|end| point < *end).unwrap_or(0)
    }

    /// The request of slot `number`.
    pub fn prepare(&self, number: u64, route: usize) -> Prepared {
        let route = &self.routes[route];
        let case = &route.cases[pick(mix(self.seed ^ mix(number) ^ 1), route.cases.len())];
        let mut headers = HeaderMap::new();
        // Round robin rather than chance, so that no user or address gets more than its share.
        if !route.credentials.is_empty() {
            headers.extend(route.credentials[pick(number, route.credentials.len())].clone());
        }
        if !self.addresses.is_empty() {
            headers.extend(self.addresses[pick(number, self.addresses.len())].clone());
        }
        if case.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let (path, body) = (case.path.clone(), case.body.clone());
        Prepared { method: route.method.clone(), path, headers, body }
    }
}

/// A route that is only asked for one path, with a declared 200: for self-tests and examples.
pub fn single(path: &str, limited: bool) -> LoadedRoute {
    LoadedRoute {
        name: format!("GET {path}"),
        method: Method::GET,
        declared: Declared { statuses: vec![200], limited },
        weight: 1.0,
        cases: vec![Case { path: path.to_owned(), body: None }],
        credentials: Vec::new(),
    }
}

/// A well-mixed number from another one (the finaliser of `SplitMix64`).
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number in 0..1 from 53 of the 64 bits.
fn unit(value: u64) -> f64 {
    crate::schedule::real(value >> 11) / crate::schedule::real(1 << 53)
}

/// An index below `count`.
fn pick(value: u64, count: usize) -> usize {
    usize::try_from(value % (count.max(1) as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(weights: &[f64]) -> Workload {
        let route = |weight: &f64| LoadedRoute { weight: *weight, ..single("/", false) };
        Workload::new(weights.iter().map(route).collect(), Vec::new(), 7)
    }

    #[test]
    fn routes_are_chosen_by_weight_and_always_the_same() {
        let workload = workload(&[1.0, 3.0, 0.0]);
        let mut counts = [0_u32; 3];
        for number in 0..10_000 {
            assert_eq!(workload.route(number), workload.route(number));
            counts[workload.route(number)] += 1;
        }
        assert!((2300..2700).contains(&counts[0]), "{counts:?}");
        assert_eq!(counts[2], 0);
    }

    #[test]
    fn without_a_route_the_others_keep_their_shares() {
        let mut routes = workload(&[1.0, 3.0, 4.0]).routes().to_vec();
        for (route, name) in routes.iter_mut().zip(["a", "b", "c"]) {
            name.clone_into(&mut route.name);
        }
        let left = Workload::new(routes, Vec::new(), 7).without("b");
        assert_eq!(left.routes().iter().map(|route| &route.name).collect::<Vec<_>>(), ["a", "c"]);
        let most = (0..10_000).filter(|number| left.route(*number) == 1).count();
        assert!((7_700..8_300).contains(&most), "{most}");
    }

    #[test]
    fn users_and_addresses_take_turns() {
        let header = |value: &'static str| {
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        let mut route = single("/", false);
        route.credentials = vec![header("a"), header("b")];
        let workload = Workload::new(vec![route], Vec::new(), 7);
        let who = |number| workload.prepare(number, 0).headers[CONTENT_TYPE].clone();
        assert_eq!((who(0), who(1), who(2)), (who(2), who(3), who(4)));
        assert_ne!(who(0), who(1));
    }
}
