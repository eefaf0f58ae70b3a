//! From a spec to a workload: the safe routes that the available credentials reach.

use std::net::Ipv4Addr;

use proofline_spec::document::{
    Auth, Environment, Limit, LtiStep, Method, Operation, Route, RouteAuth, RouteKey, RouteLimits,
    Service,
};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::budget::{Budget, Spender};
use super::data::Maker;
use super::{Case, LoadedRoute, Workload, mix};
use crate::measure::outcome::Declared;

/// Different requests of a route that has parameters.
const CASES: u64 = 32;

/// Client addresses come from 198.18.0.0/15, which is reserved for benchmarks (RFC 2544).
const FIRST_ADDRESS: u32 = 0xc612_0000;
const ADDRESS_RANGE: u64 = 1 << 17;

/// Somebody whom requests can be sent as.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Account {
    /// Name of the header that authenticates.
    pub header: String,
    /// Its value; a secret.
    pub value: String,
    /// Its tier, where it is known.
    #[serde(default)]
    pub tier: Option<String>,
    /// Its role, where it is known.
    #[serde(default)]
    pub role: Option<String>,
    /// The schemes that accept it; found out from the spec.
    #[serde(skip)]
    pub(super) schemes: Vec<String>,
    /// Whether it is an API key.
    #[serde(skip)]
    pub(super) is_key: bool,
}

/// What a workload is made from.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The service.
    pub service: &'a Service,
    /// The environment.
    pub environment: &'a Environment,
    /// Whom requests can be sent as.
    pub accounts: Vec<Account>,
    /// Requests of the whole run.
    pub requests: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// Seed of all made-up data.
    pub seed: u64,
}

/// A route that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Method and template.
    pub route: String,
    /// Why not.
    pub reason: String,
}

/// A workload and what was decided on the way to it.
#[derive(Debug, Clone)]
pub struct Derived {
    /// What is sent.
    pub workload: Workload,
    /// What is not, and why.
    pub left_out: Vec<LeftOut>,
    /// Limits that the run will run into, because there are too few accounts or addresses.
    pub biting: Vec<String>,
}

impl Derived {
    /// Loads all but that route, for this reason.
    pub fn leave_out(&mut self, route: &str, reason: &str) {
        self.workload = self.workload.without(route);
        self.left_out.push(LeftOut { route: route.to_owned(), reason: reason.to_owned() });
    }
}

/// Derives the workload of a run.
pub fn derive(mut inputs: Inputs<'_>) -> Derived {
    let service = inputs.service;
    inputs.accounts.iter_mut().for_each(|account| account.recognise(service));
    let mut routes = Vec::new();
    let mut left_out = Vec::new();
    for (key, route) in &service.routes {
        match loaded(&inputs, key, route) {
            Ok(loaded) => routes.push((loaded, limits_of(service, route))),
            Err(reason) => left_out.push(LeftOut { route: key.to_string(), reason }),
        }
    }
    let spread = inputs.environment.client_address.is_some();
    let (requests, seconds) = (inputs.requests, inputs.seconds);
    let budget = Budget { requests, seconds, accounts: &inputs.accounts, spread };
    let mut spenders: Vec<Spender<'_>> = routes
        .iter()
        .map(|(route, limits)| Spender { limits: limits.clone(), weight: route.weight })
        .collect();
    let addresses = budget.addresses(&spenders);
    let biting = budget.balance(&mut spenders, addresses);
    let weighted = routes
        .into_iter()
        .zip(spenders)
        .map(|((route, _), spender)| LoadedRoute { weight: spender.weight, ..route });
    let headers = forwarded(&inputs, addresses);
    Derived { workload: Workload::new(weighted.collect(), headers, inputs.seed), left_out, biting }
}

/// One route under load, or why it cannot be.
fn loaded(inputs: &Inputs<'_>, key: &RouteKey, route: &Route) -> Result<LoadedRoute, String> {
    if !key.method.is_safe() {
        return Err("it changes data".into());
    }
    if key.parameters().next().is_some() {
        return Err("its path names an object, which only a write could make".into());
    }
    if matches!(route.op, Operation::Lti(LtiStep::Login)) {
        return Err("a learning platform begins it, with what only that one knows".into());
    }
    let credentials = credentials(inputs, route)?;
    let cases = cases(inputs, key, route)?;
    Ok(LoadedRoute {
        name: key.to_string(),
        method: method(key.method),
        declared: declared(inputs.service, route),
        weight: 1.0,
        cases,
        credentials,
    })
}

/// The headers of everybody who may call the route; empty where anybody may.
fn credentials(inputs: &Inputs<'_>, route: &Route) -> Result<Vec<HeaderMap>, String> {
    let default = || RouteAuth::Schemes(inputs.service.defaults.auth.clone());
    let RouteAuth::Schemes(schemes) = route.auth.clone().unwrap_or_else(default) else {
        return Ok(Vec::new());
    };
    let reaches = |account: &&Account| account.schemes.iter().any(|have| schemes.contains(have));
    let mut found = inputs.accounts.iter().filter(reaches).peekable();
    if found.peek().is_none() {
        return Err(format!("there is no credential for `{}`", schemes.join("`, `")));
    }
    let has_role = |account: &&Account| match (&route.roles, &account.role) {
        (None, _) => true,
        (Some(roles), Some(role)) => roles.contains(role),
        (Some(_), None) => false,
    };
    let headers: Vec<HeaderMap> = found.filter(has_role).filter_map(Account::headers).collect();
    if headers.is_empty() {
        let roles = route.roles.as_ref().map(|roles| roles.join("`, `")).unwrap_or_default();
        return Err(format!("there is no credential with the role `{roles}`"));
    }
    Ok(headers)
}

/// Requests of a route: one, or several when it has parameters to vary.
fn cases(inputs: &Inputs<'_>, key: &RouteKey, route: &Route) -> Result<Vec<Case>, String> {
    let Some(schema) = &route.query else {
        return Ok(vec![Case { path: key.path.clone(), body: None }]);
    };
    let case = |number: u64| {
        let seed = mix(inputs.seed ^ mix(number));
        let value = Maker::new(&inputs.service.schemas, seed).named(schema);
        let value = value.ok_or_else(|| format!("no valid `{schema}` can be made up"))?;
        let mut url = Url::parse("http://localhost/").map_err(|error| error.to_string())?;
        url.set_path(&key.path);
        for (name, value) in value.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            url.query_pairs_mut().append_pair(name, &text);
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Case { path: format!("{}{query}", url.path()), body: None })
    };
    let mut cases = (0..CASES).map(case).collect::<Result<Vec<_>, String>>()?;
    cases.dedup();
    Ok(cases)
}

/// The route's own statuses, and those 4xx that the policies can answer.
fn declared(service: &Service, route: &Route) -> Declared {
    let own = route.returns.keys().filter_map(|status| status.parse::<u16>().ok());
    let mut statuses: Vec<u16> = own.collect();
    if !statuses.iter().any(|status| (200..400).contains(status)) {
        statuses.push(200);
    }
    statuses.extend([400, 401, 403, 408, 413, 415, 422]);
    Declared { statuses, limited: !limits_of(service, route).is_empty() }
}

fn limits_of<'a>(service: &'a Service, route: &'a Route) -> Vec<(&'a str, &'a Limit)> {
    let names = match &route.limits {
        Some(RouteLimits::None(_)) => return Vec::new(),
        Some(RouteLimits::Named(names)) => names,
        None => &service.defaults.limits,
    };
    names.iter().filter_map(|name| Some((name.as_str(), service.limits.get(name)?))).collect()
}

/// One forwarding header for each client address; none where no proxy is trusted.
fn forwarded(inputs: &Inputs<'_>, addresses: u64) -> Vec<HeaderMap> {
    let name = inputs.environment.client_address.as_deref();
    let Some(name) = name.and_then(|name| name.parse::<HeaderName>().ok()) else {
        return Vec::new();
    };
    // Each run begins elsewhere, so that it does not inherit what another has used up.
    let first = mix(inputs.seed ^ 0x0add_4e55) % ADDRESS_RANGE;
    let address = |n: u64| {
        let offset = u32::try_from((first + n) % ADDRESS_RANGE).unwrap_or(0);
        let text = Ipv4Addr::from(FIRST_ADDRESS + offset).to_string();
        HeaderValue::from_str(&text).ok().map(|value| HeaderMap::from_iter([(name.clone(), value)]))
    };
    (0..addresses).filter_map(address).collect()
}

impl Account {
    /// An account that authenticates with a bearer token.
    pub fn bearer(token: &str, role: Option<String>) -> Self {
        let (header, value) = ("Authorization".to_owned(), format!("Bearer {token}"));
        Self { header, value, role, ..Self::default() }
    }

    /// Finds out which schemes accept it.
    fn recognise(&mut self, service: &Service) {
        let accepts = |auth: &Auth| match auth {
            Auth::Jwt { .. } => self.header.eq_ignore_ascii_case("authorization"),
            Auth::ApiKey { header, .. } => self.header.eq_ignore_ascii_case(header),
            Auth::Webhook { .. } => false,
        };
        let found: Vec<(&String, &Auth)> =
            service.auth.iter().filter(|(_, auth)| accepts(auth)).collect();
        self.is_key = found.iter().any(|(_, auth)| matches!(auth, Auth::ApiKey { .. }));
        self.schemes = found.into_iter().map(|(name, _)| name.clone()).collect();
    }

    fn headers(&self) -> Option<HeaderMap> {
        let name = self.header.parse::<HeaderName>().ok()?;
        let mut value = HeaderValue::from_str(&self.value).ok()?;
        value.set_sensitive(true);
        Some(HeaderMap::from_iter([(name, value)]))
    }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}
