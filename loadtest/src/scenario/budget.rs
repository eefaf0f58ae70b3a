//! How much of a run the declared limits leave room for: weights, and the number of client
//! addresses, are chosen so that the limits do not bite, because a refusal measures no work.

use std::collections::BTreeMap;

use proofline_spec::document::{Limit, LimitKey};
use proofline_spec::unit::Rate;

use super::derive::Account;
use crate::schedule::{real, whole};

/// The part of a limit that a run may use up: others use it too, and windows slide.
const SHARE: f64 = 0.5;

/// The most client addresses: half of 198.18.0.0/15, the range for benchmarks (RFC 2544).
const MOST_ADDRESSES: f64 = 60_000.0;

/// How many requests of a run fall under which limits.
pub(super) struct Budget<'a> {
    /// Requests of the whole run.
    pub(super) requests: f64,
    /// Its length in seconds.
    pub(super) seconds: f64,
    /// Who sends them.
    pub(super) accounts: &'a [Account],
    /// Whether client addresses can be spread.
    pub(super) spread: bool,
}

/// A route as the budget sees it.
pub(super) struct Spender<'a> {
    /// Its limits.
    pub(super) limits: Vec<(&'a str, &'a Limit)>,
    /// Its weight.
    pub(super) weight: f64,
}

impl Budget<'_> {
    /// What a rate lets through during the run, as far as we may use it.
    fn quota(&self, rate: Rate) -> f64 {
        let windows = (self.seconds / rate.window.as_secs_f64()).max(1.0);
        real(rate.count) * windows * SHARE
    }

    /// How many client addresses the run needs.
    pub(super) fn addresses(&self, routes: &[Spender<'_>]) -> u64 {
        let by_address = routes
            .iter()
            .flat_map(|route| &route.limits)
            .filter(|(_, limit)| limit.by == LimitKey::ClientIp)
            .filter_map(|(_, limit)| limit.rate)
            .map(|rate| self.quota(rate));
        let least = by_address.fold(f64::INFINITY, f64::min);
        if !self.spread || !least.is_finite() {
            return 1;
        }
        whole((self.requests / least.max(1e-9)).ceil().clamp(1.0, MOST_ADDRESSES))
    }

    /// How many requests of the run a limit lets through; infinitely many where it does not count
    /// ours.
    fn allowed(&self, limit: &Limit, addresses: u64) -> f64 {
        match (limit.by, limit.rate) {
            (LimitKey::Global, Some(rate)) => {
                real(rate.count) * self.seconds / rate.window.as_secs_f64()
            }
            (LimitKey::ClientIp, Some(rate)) => self.quota(rate) * real(addresses),
            (LimitKey::Principal | LimitKey::ApiKey, _) => self.by_account(limit),
            _ => f64::INFINITY,
        }
    }

    fn by_account(&self, limit: &Limit) -> f64 {
        let counted = |account: &&Account| match (limit.by, &limit.schemes) {
            (LimitKey::ApiKey, _) => account.is_key,
            (_, Some(schemes)) => account.schemes.iter().any(|scheme| schemes.contains(scheme)),
            (_, None) => true,
        };
        let counted: Vec<&Account> = self.accounts.iter().filter(counted).collect();
        if counted.is_empty() {
            return f64::INFINITY;
        }
        let sum: f64 = counted
            .iter()
            .filter_map(|account| rate_of(limit, account))
            .map(|rate| self.quota(rate))
            .sum();
        // Requests take turns between all accounts, so uncounted ones stretch the counted quota.
        sum * real(self.accounts.len() as u64) / real(counted.len() as u64)
    }

    /// Lowers the weights of limited routes until every limit has room; names the limits that have
    /// none even so.
    pub(super) fn balance(&self, routes: &mut [Spender<'_>], addresses: u64) -> Vec<String> {
        let mut limits: BTreeMap<&str, &Limit> = BTreeMap::new();
        routes.iter().flat_map(|route| &route.limits).for_each(|(name, limit)| {
            limits.insert(name, limit);
        });
        for _ in 0..50 {
            for (name, limit) in &limits {
                let excess = self.load(routes, name) / self.allowed(limit, addresses).max(1e-9);
                let limited = routes.iter_mut().filter(|route| has(route, name));
                if excess > 1.0 {
                    limited.for_each(|route| route.weight /= excess);
                }
            }
        }
        limits
            .iter()
            .filter(|(name, limit)| {
                self.load(routes, name) > self.allowed(limit, addresses) / SHARE
            })
            .map(|(name, _)| (*name).to_owned())
            .collect()
    }

    /// Requests of the run that a limit counts.
    fn load(&self, routes: &[Spender<'_>], name: &str) -> f64 {
        let total: f64 = routes.iter().map(|route| route.weight).sum();
        let limited: f64 =
            routes.iter().filter(|route| has(route, name)).map(|route| route.weight).sum();
        self.requests * limited / total.max(1e-300)
    }
}

fn has(route: &Spender<'_>, name: &str) -> bool {
    route.limits.iter().any(|(limit, _)| *limit == name)
}

/// The rate that counts for an account; one whose tier is not known is taken for the best.
fn rate_of(limit: &Limit, account: &Account) -> Option<Rate> {
    if limit.rate.is_some() {
        return limit.rate;
    }
    let tiers = limit.tiers.as_ref()?;
    let known = account.tier.as_deref().and_then(|tier| tiers.get(tier)).copied();
    known.or_else(|| {
        let rates = tiers.values().copied();
        rates.max_by(|a, b| a.per_second().total_cmp(&b.per_second()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(json: &str) -> Limit {
        serde_json::from_str(json).unwrap()
    }

    fn account() -> Account {
        Account { schemes: vec!["session".into()], ..Account::default() }
    }

    #[test]
    fn addresses_are_as_many_as_the_limit_by_address_asks_for() {
        let ip = limit(r#"{"by":"client_ip","rate":"60/min"}"#);
        let accounts = [account()];
        let mut budget =
            Budget { requests: 6000.0, seconds: 30.0, accounts: &accounts, spread: true };
        let routes = [Spender { limits: vec![("ip", &ip)], weight: 1.0 }];
        assert_eq!(budget.addresses(&routes), 200);
        budget.spread = false;
        assert_eq!(budget.addresses(&routes), 1);
    }

    #[test]
    fn a_tightly_limited_route_gets_a_small_share_and_the_rest_goes_to_the_others() {
        let search = limit(r#"{"by":"principal","rate":"30/min"}"#);
        let accounts = [account(), account()];
        let budget = Budget { requests: 6000.0, seconds: 30.0, accounts: &accounts, spread: true };
        let mut routes = [
            Spender { limits: vec![("search", &search)], weight: 1.0 },
            Spender { limits: vec![], weight: 1.0 },
        ];
        assert!(budget.balance(&mut routes, 1).is_empty());
        // Two accounts, half of 30 each: 30 of 6000.
        let sent = budget.load(&routes, "search");
        assert!((29.0..30.1).contains(&sent), "{sent}");
    }

    #[test]
    fn a_limit_without_room_is_named() {
        let ip = limit(r#"{"by":"client_ip","rate":"60/min"}"#);
        let budget = Budget { requests: 6000.0, seconds: 30.0, accounts: &[], spread: false };
        let mut routes = [Spender { limits: vec![("ip", &ip)], weight: 1.0 }];
        assert_eq!(budget.balance(&mut routes, 1), ["ip"]);
    }

    #[test]
    fn tiers_count_by_the_accounts_tier() {
        let user = limit(r#"{"by":"principal","tiers":{"free":"100/h","pro":"1000/h"}}"#);
        let free = Account { tier: Some("free".into()), ..account() };
        assert_eq!(rate_of(&user, &free).unwrap().count, 100);
        assert_eq!(rate_of(&user, &account()).unwrap().count, 1000);
    }
}
