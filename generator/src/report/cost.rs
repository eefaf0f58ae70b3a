//! What an attacker can cost in a month, limits in force: computed from the spec's limits and dated prices.

use proofline_spec::diagnostic::counted;
use proofline_spec::document::{DerivedProof, Limit, LimitKey, Proof, Route, RouteLimits, Service};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome};
use proofline_spec::unit::Rate;
use serde::{Deserialize, Serialize};

use super::text::{listed, millions, money};

/// The price list that is compiled in.
const PRICES: &str = include_str!("../../../spec/prices.yaml");

const MONTH_DAYS: u64 = 30;
const MONTH_MS: u128 = 86_400_000 * MONTH_DAYS as u128;

/// A message of a queue is written, read and deleted.
const OPERATIONS: u64 = 3;

/// Addresses of the attack that the report shows beside that of a single one.
const ATTACKERS: u32 = 100;

/// What the platform charges, as on a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The platform.
    pub platform: String,
    /// Currency of every amount (ISO 4217).
    pub currency: String,
    /// The day on which the prices were true.
    pub date: String,
    /// Where they were found.
    pub source: String,
    /// The plan's price for a month.
    pub month: f64,
    /// Requests in a month that the plan includes.
    pub included_requests: u64,
    /// Price of each million requests beyond those.
    pub million_requests: f64,
    /// Operations of queues in a month that the plan includes.
    pub included_queue_operations: u64,
    /// Price of each million operations of queues beyond those.
    pub million_queue_operations: f64,
}

impl Prices {
    /// The price list that is compiled in.
    pub fn current() -> Result<Self, String> {
        serde_saphyr::from_str(PRICES).map_err(|problem| format!("spec/prices.yaml: {problem}"))
    }

    fn of_requests(&self, requests: u64) -> f64 {
        of_millions(requests, self.million_requests)
    }

    fn of_operations(&self, operations: u64) -> f64 {
        of_millions(operations, self.million_queue_operations)
    }

    fn money(&self, amount: f64) -> String {
        money(amount, &self.currency)
    }
}

#[expect(clippy::cast_precision_loss, reason = "what happens in a month is far below 2^53")]
fn of_millions(count: u64, million: f64) -> f64 {
    count as f64 / 1e6 * million
}

/// What an attacker can cost in a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostCeiling {
    /// The prices.
    pub prices: Prices,
    /// Operations of queues that each request costs at most: its record is a message.
    pub operations: u64,
    /// From one client address; absent when no route is limited by address.
    pub one_address: Option<Ceiling>,
    /// From a hundred client addresses.
    pub many_addresses: Option<Ceiling>,
    /// From any number of addresses; absent when a route with limits has no global one.
    pub any_addresses: Option<Ceiling>,
    /// Routes with a ceiling.
    pub bounded: Vec<String>,
    /// Routes that are declared to have no limit, with the reason; they have no ceiling.
    pub unlimited: Vec<Unlimited>,
    /// Routes that nobody declared unlimited, and that no limit by address and no global limit bounds.
    pub unbounded: Vec<String>,
    /// What the figures take for granted.
    pub assumptions: Vec<String>,
}

/// A ceiling with the formula that gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Who, such as `one client address`.
    pub from: String,
    /// Requests in a month.
    pub requests: u64,
    /// The amount, in the currency of the prices.
    pub cost: f64,
    /// The amount as it is shown.
    pub text: String,
    /// The formula with its figures.
    pub formula: String,
}

/// A route that is declared to have no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlimited {
    /// The route.
    pub route: String,
    /// The declared reason.
    pub reason: String,
}

/// The limits that apply to a route: its own, or those of `defaults`.
pub(super) fn limits_of<'a>(service: &'a Service, route: &'a Route) -> &'a [String] {
    match &route.limits {
        Some(RouteLimits::Named(names)) => names,
        Some(RouteLimits::None(_)) => &[],
        None => &service.defaults.limits,
    }
}

/// The ceiling as evidence. It looks at every route of the spec; `now` (RFC 3339) is when.
pub fn cost_ceiling(service: &Service, now: &str) -> CheckEvidence {
    let routes = u32::try_from(service.routes.len()).unwrap_or(u32::MAX);
    let (outcome, summary, details) = match Prices::current() {
        Err(problem) => (CheckOutcome::Inconclusive(problem.clone()), problem, None),
        Ok(_) if routes == 0 => {
            let reason = "the spec has no routes".to_owned();
            (CheckOutcome::NotRun(reason.clone()), reason, None)
        }
        Ok(prices) => {
            let ceiling = CostCeiling::of(service, prices);
            let outcome = if ceiling.unbounded.is_empty() {
                CheckOutcome::Passed
            } else {
                CheckOutcome::Failed
            };
            (outcome, ceiling.summary(), serde_json::to_value(&ceiling).ok())
        }
    };
    CheckEvidence {
        run: None,
        check: Proof::Derived(DerivedProof::CostCeiling).check(),
        outcome,
        summary,
        started_at: now.to_owned(),
        duration_ms: 0,
        planned: routes,
        executed: routes,
        scenarios: Vec::new(),
        load: None,
        details,
    }
}

impl CostCeiling {
    /// The ceiling of a service at these prices.
    pub fn of(service: &Service, prices: Prices) -> Self {
        let mut ceiling = Self {
            one_address: None,
            many_addresses: None,
            any_addresses: None,
            bounded: Vec::new(),
            unlimited: Vec::new(),
            unbounded: Vec::new(),
            assumptions: assumptions(service),
            operations: if service.request_records.is_some() { OPERATIONS } else { 0 },
            prices,
        };
        let mut without_global = false;
        let mut without_address = false;
        for (key, route) in &service.routes {
            if let Some(RouteLimits::None(reason)) = &route.limits {
                let reason = reason.clone();
                ceiling.unlimited.push(Unlimited { route: key.to_string(), reason });
                continue;
            }
            let by_address = applies(service, route, LimitKey::ClientIp);
            let global = applies(service, route, LimitKey::Global);
            without_address |= !by_address;
            without_global |= !global;
            let list =
                if by_address || global { &mut ceiling.bounded } else { &mut ceiling.unbounded };
            list.push(key.to_string());
        }
        if ceiling.bounded.is_empty() || !ceiling.unbounded.is_empty() {
            return ceiling;
        }
        if !without_global {
            ceiling.any_addresses = Some(ceiling.everyone(&covering(service, LimitKey::Global)));
        }
        if !without_address {
            let limits = covering(service, LimitKey::ClientIp);
            ceiling.one_address = Some(ceiling.address(&limits, 1));
            ceiling.many_addresses = Some(ceiling.address(&limits, ATTACKERS));
        }
        ceiling
    }

    /// In one line, with every route that has no ceiling.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if !self.unbounded.is_empty() {
            parts.push(format!(
                "no limit by client address and no global limit bounds {}",
                listed(&self.unbounded)
            ));
        }
        let ceilings = [&self.one_address, &self.many_addresses, &self.any_addresses];
        for ceiling in ceilings.into_iter().flatten() {
            let through =
                if self.unlimited.is_empty() { "" } else { " through the routes that have limits" };
            let Ceiling { from, text, .. } = ceiling;
            parts.push(format!("{from} can cost at most {text} a month{through}"));
        }
        if !self.unlimited.is_empty() {
            let routes: Vec<_> = self.unlimited.iter().map(|route| route.route.as_str()).collect();
            let verb = if routes.len() == 1 { "has" } else { "have" };
            parts.push(format!("{} {verb} no limit and so no ceiling", listed(&routes)));
        }
        if parts.is_empty() {
            parts.push(format!("{} looked at", counted(self.bounded.len(), "route")));
        }
        parts.join("; ")
    }

    /// What a million requests cost, as it is shown.
    fn price(&self) -> String {
        let requests = self.prices.money(self.prices.million_requests);
        match self.operations {
            0 => requests,
            each => {
                let operations = self.prices.money(self.prices.million_queue_operations);
                format!("({requests} + {each} × {operations} for the queue of records)")
            }
        }
    }

    fn address(&self, limits: &[(&str, Rate)], addresses: u32) -> Ceiling {
        let uncapped = requests(limits).saturating_mul(u64::from(addresses));
        // All together never get through more than the global limit lets through.
        let global = self.any_addresses.as_ref().map_or(u64::MAX, |ceiling| ceiling.requests);
        let requests = uncapped.min(global);
        let operations = requests.saturating_mul(self.operations);
        let cost = self.prices.of_requests(requests) + self.prices.of_operations(operations);
        let price = self.price();
        let text = self.prices.money(cost);
        let mut formula = format!("{} × {MONTH_DAYS} days", rates(limits));
        if addresses > 1 {
            formula = format!("{addresses} addresses × {formula}");
        }
        Ceiling {
            from: if addresses == 1 {
                "one client address".to_owned()
            } else {
                format!("{addresses} client addresses together")
            },
            formula: format!(
                "{formula} = {} requests{}; × {price} per million = {text}",
                millions(uncapped),
                if requests < uncapped {
                    format!(", of which the global limit lets {} through", millions(requests))
                } else {
                    String::new()
                }
            ),
            requests,
            cost,
            text,
        }
    }

    fn everyone(&self, limits: &[(&str, Rate)]) -> Ceiling {
        let prices = &self.prices;
        let requests = requests(limits);
        let billed = requests.saturating_sub(prices.included_requests);
        let operations = requests.saturating_mul(self.operations);
        let billed_operations = operations.saturating_sub(prices.included_queue_operations);
        let of_queues = prices.of_operations(billed_operations);
        let cost = prices.month + prices.of_requests(billed) + of_queues;
        let text = prices.money(cost);
        let queues = match self.operations {
            0 => String::new(),
            each => format!(
                " + ({each} × {} operations of the queue of records less {} included = {}) × {} per million",
                millions(requests),
                millions(prices.included_queue_operations),
                millions(billed_operations),
                prices.money(prices.million_queue_operations),
            ),
        };
        Ceiling {
            from: "any number of client addresses, the plan's price included,".to_owned(),
            formula: format!(
                "{} × {MONTH_DAYS} days = {} requests; less {} included = {}; × {} per million{queues} + {} for the plan = {text}",
                rates(limits),
                millions(requests),
                millions(prices.included_requests),
                millions(billed),
                prices.money(prices.million_requests),
                prices.money(prices.month),
            ),
            requests,
            cost,
            text,
        }
    }
}

fn assumptions(service: &Service) -> Vec<String> {
    let mut assumptions = [
        "The attack goes on for a whole month of 30 days at the full rate that the limits let through.",
        "The amounts for client addresses count every request as billed: the plan's included requests are taken as used up by others.",
        "Only requests that a limit lets through are counted. Where the platform also bills refused requests, they have to be refused in front of the service.",
        "Only requests and the messages of their records are counted, not messages that operations send, storage, traffic or what other providers charge.",
    ]
    .map(str::to_owned)
    .to_vec();
    if service.request_records.is_some() {
        assumptions.push(
            "Each request's record is counted as a message of its own, which is written, read and deleted once, although those \
             that come together are sent together. What its consumer does with it is not counted."
                .to_owned(),
        );
    }
    assumptions
}

fn applies(service: &Service, route: &Route, by: LimitKey) -> bool {
    limits_of(service, route).iter().any(|name| named(service, name, by).is_some())
}

/// A limit of that key that counts every request; one for some schemes only lets others through.
fn named<'a>(service: &'a Service, name: &str, by: LimitKey) -> Option<(&'a str, Rate)> {
    let (name, limit) = service.limits.get_key_value(name)?;
    (limit.by == by && limit.schemes.is_none()).then_some(())?;
    Some((name, widest(limit)?))
}

fn widest(limit: &Limit) -> Option<Rate> {
    let tiers = limit.tiers.iter().flat_map(|tiers| tiers.values()).copied();
    limit.rate.into_iter().chain(tiers).max_by_key(|rate| per_month(*rate))
}

/// Limits of a key that together bound every route: a limit's count is shared by all its routes, so that each
/// route is put down to the limit that the most routes share, and each limit counts once.
fn covering(service: &Service, by: LimitKey) -> Vec<(&str, Rate)> {
    let shared = |name: &str| {
        service
            .routes
            .values()
            .filter(|route| limits_of(service, route).iter().any(|limit| limit == name))
            .count()
    };
    let mut chosen: Vec<(&str, Rate)> = Vec::new();
    for route in service.routes.values() {
        let candidates =
            limits_of(service, route).iter().filter_map(|name| named(service, name, by));
        let best = candidates
            .max_by_key(|(name, rate)| (shared(name), std::cmp::Reverse(per_month(*rate))));
        if let Some(best) = best
            && !chosen.contains(&best)
        {
            chosen.push(best);
        }
    }
    chosen
}

fn per_month(rate: Rate) -> u64 {
    let window = u128::from(rate.window.as_millis().max(1));
    u64::try_from((u128::from(rate.count) * MONTH_MS).div_ceil(window)).unwrap_or(u64::MAX)
}

fn requests(limits: &[(&str, Rate)]) -> u64 {
    limits.iter().fold(0, |sum, (_, rate)| sum.saturating_add(per_month(*rate)))
}

fn rates(limits: &[(&str, Rate)]) -> String {
    let rates: Vec<_> =
        limits.iter().map(|(name, rate)| format!("{rate} (limit {name})")).collect();
    if rates.len() == 1 { rates.concat() } else { format!("({})", rates.join(" + ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(limits: &str, routes: &str) -> Service {
        let text = format!(
            "proofline: v1\nservice: {{name: s, version: 1.0.0, summary: s}}\ntargets: []\n\
             limits: {limits}\nroutes:\n{routes}"
        );
        serde_saphyr::from_str(&text).unwrap()
    }

    const OP: &str = "op: {health: {required: []}}";

    #[test]
    fn sixty_a_minute_cost_a_dollar_thirty_from_one_address() {
        let service = service(
            "{ip: {by: client_ip, rate: 60/min}}",
            &format!("  GET /a: {{limits: [ip], {OP}}}\n  GET /b: {{limits: [ip], {OP}}}"),
        );
        let evidence = cost_ceiling(&service, "2026-11-21T07:00:00Z");
        assert_eq!(evidence.outcome, CheckOutcome::Passed);
        assert_eq!((evidence.planned, evidence.executed), (2, 2));
        let ceiling: CostCeiling = serde_json::from_value(evidence.details.unwrap()).unwrap();
        let one = ceiling.one_address.unwrap();
        assert_eq!((one.requests, one.text.as_str()), (2_592_000, "$1.30"));
        assert_eq!(
            one.formula,
            "60/min (limit ip) × 30 days = 2.592 million requests; × $0.50 per million = $1.30"
        );
        assert_eq!(ceiling.many_addresses.unwrap().text, "$129.60");
        assert_eq!(ceiling.any_addresses, None, "there is no global limit");
    }

    #[test]
    fn records_of_requests_cost_their_messages() {
        let routes = format!(
            "  GET /a: {{limits: [all, ip], {OP}}}\nrequest_records: {{queue: Q, member: requests}}"
        );
        let limits = "{ip: {by: client_ip, rate: 60/min}, all: {by: global, rate: 500/s}}";
        let service = service(limits, &routes);
        let ceiling = CostCeiling::of(&service, Prices::current().unwrap());
        let one = ceiling.one_address.unwrap();
        assert_eq!(
            one.formula,
            "60/min (limit ip) × 30 days = 2.592 million requests; × ($0.50 + 3 × $0.40 for the queue of records) per \
             million = $4.41"
        );
        // 1,296 million requests: 5 + 1,286 × 0.50 + (3,888 - 1) × 0.40.
        assert_eq!(ceiling.any_addresses.unwrap().text, "$2,202.80");
        assert!(ceiling.assumptions.iter().any(|text| text.contains("record")));
    }

    #[test]
    fn route_limited_only_by_principal_is_not_bounded() {
        let service = service(
            "{user: {by: principal, rate: 60/min}, all: {by: global, rate: 10/s}}",
            &format!("  GET /a: {{limits: [user], {OP}}}\n  GET /b: {{limits: [all], {OP}}}"),
        );
        let evidence = cost_ceiling(&service, "2026-11-21T07:00:00Z");
        assert_eq!(evidence.outcome, CheckOutcome::Failed);
        assert!(evidence.summary.contains("bounds GET /a"), "{}", evidence.summary);
        assert!(!evidence.summary.contains("at most"), "{}", evidence.summary);
    }

    #[test]
    fn route_that_forgot_its_limits_is_not_bounded() {
        let service = service("{}", &format!("  GET /a: {{{OP}}}"));
        assert_eq!(cost_ceiling(&service, "x").outcome, CheckOutcome::Failed);
    }

    #[test]
    fn route_declared_unlimited_is_named_as_having_no_ceiling() {
        let service = service(
            "{ip: {by: client_ip, rate: 60/min}}",
            &format!(
                "  GET /a: {{limits: [ip], {OP}}}\n  GET /health: {{limits: {{none: monitors}}, {OP}}}"
            ),
        );
        let evidence = cost_ceiling(&service, "x");
        assert_eq!(evidence.outcome, CheckOutcome::Passed);
        assert!(evidence.summary.ends_with("GET /health has no limit and so no ceiling"));
    }

    #[test]
    fn limit_for_some_schemes_bounds_nobody_else() {
        let service = service(
            "{ip: {by: client_ip, rate: 60/min, schemes: [session]}}",
            &format!("  GET /a: {{limits: [ip], {OP}}}"),
        );
        assert_eq!(cost_ceiling(&service, "x").outcome, CheckOutcome::Failed);
    }

    #[test]
    fn global_limit_bounds_any_number_of_attackers() {
        let service = service(
            "{all: {by: global, rate: 5000/s}}",
            &format!("  GET /a: {{limits: [all], {OP}}}"),
        );
        let ceiling = CostCeiling::of(&service, Prices::current().unwrap());
        assert_eq!(ceiling.any_addresses.unwrap().text, "$6,480.00");
        assert_eq!(ceiling.one_address, None);
    }

    #[test]
    fn many_addresses_get_no_more_than_the_global_limit() {
        let service = service(
            "{ip: {by: client_ip, rate: 60/min}, all: {by: global, rate: 50/s}}",
            &format!("  GET /a: {{limits: [all, ip], {OP}}}"),
        );
        let ceiling = CostCeiling::of(&service, Prices::current().unwrap());
        assert_eq!(ceiling.one_address.unwrap().requests, 2_592_000);
        assert_eq!(ceiling.many_addresses.unwrap().text, "$64.80");
    }

    #[test]
    fn separate_limits_by_address_add_up() {
        let service = service(
            "{ip: {by: client_ip, rate: 60/min}, login: {by: client_ip, rate: 10/min}}",
            &format!(
                "  GET /a: {{limits: [ip], {OP}}}\n  GET /b: {{limits: [ip, login], {OP}}}\n  GET /c: {{limits: [login], {OP}}}"
            ),
        );
        let one = CostCeiling::of(&service, Prices::current().unwrap()).one_address.unwrap();
        assert_eq!(one.requests, 2_592_000 + 432_000);
    }
}
