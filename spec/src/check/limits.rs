//! Rate limits: one rate or one for each tier, and rates that let something through.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Auth, Limit, LimitKey, Precision, Target};
use crate::unit::Rate;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let limits = At::root("limits");
    for (name, limit) in &context.service.limits {
        let at = limits.key(name);
        one_of(context, limit, &at, found);
        tiers(context, limit, &at, found);
        schemes(context, limit, &at, found);
        if let Some(rate) = limit.rate {
            lets_through(context, rate, &at.key("rate"), found);
            countable(context, limit, rate, &at.key("rate"), found);
        }
    }
    if let Some(metering) = &context.service.metering
        && metering.flush.as_millis() == 0
    {
        let here = At::root("metering");
        found.push(
            context
                .at_value(codes::ZERO, &here.key("flush"), "counts cannot be written all the time")
                .fix("give a time such as `1s`"),
        );
    }
}

fn one_of(context: &Context<'_>, limit: &Limit, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let (message, fix) = match (limit.rate.is_some(), limit.tiers.is_some()) {
        (true, true) => ("the limit has both `rate` and `tiers`", "keep one of them"),
        (false, false) if !context.is_broken(at) => {
            ("the limit has neither `rate` nor `tiers`", "add a rate such as `rate: 60/min`")
        }
        _ => return,
    };
    found.push(
        context
            .at_key(codes::LIMIT_RATE, at, message)
            .because("a limit has one rate for everybody, or one for each tier")
            .fix(fix),
    );
}

fn tiers(context: &Context<'_>, limit: &Limit, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Some(rates) = &limit.tiers else { return };
    let here = at.key("tiers");
    if !matches!(limit.by, LimitKey::Principal | LimitKey::ApiKey) {
        found.push(
            context
                .at_key(codes::LIMIT_RATE, &here, "a limit by tier counts callers who are somebody")
                .because("only a principal has a tier")
                .fix("write `by: principal` or `by: api_key`, or give one `rate`"),
        );
    }
    for tier in &context.service.tiers {
        if !rates.contains_key(tier) && !context.is_broken(&here) {
            found.push(
                context
                    .at_key(codes::LIMIT_TIER, &here, format!("the tier `{tier}` has no rate"))
                    .because("principals of that tier would not be limited")
                    .fix(format!("add `{tier}: <rate>`")),
            );
        }
    }
    for (tier, rate) in rates {
        lets_through(context, *rate, &here.key(tier), found);
    }
}

fn lets_through(context: &Context<'_>, rate: Rate, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if rate.count == 0 || rate.window.as_millis() == 0 {
        found.push(
            context
                .at_value(codes::ZERO, at, format!("the rate `{rate}` lets nothing through"))
                .because("each request would be refused")
                .fix("give a rate such as `60/min`"),
        );
    }
}

/// As many requests in a second as one Durable Object counts.
const MOST_COUNTED: u64 = 500;

/// A limit of all requests has one counter, which on Workers is one object in one place.
fn countable(
    context: &Context<'_>,
    limit: &Limit,
    rate: Rate,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let window = rate.window.as_millis();
    let most = u128::from(MOST_COUNTED) * u128::from(window);
    if context.targets(Target::Workers)
        && limit.by == LimitKey::Global
        && limit.precision == Precision::Exact
        && window > 0
        && u128::from(rate.count) * 1000 > most
    {
        found.push(
            context
                .at_value(codes::LIMIT_COUNTER, at, format!("`{rate}` cannot be counted exactly on Workers"))
                .because(format!(
                    "one Durable Object counts all requests, and manages about {MOST_COUNTED} in a second"
                ))
                .fix("write `precision: approximate`, or a lower rate"),
        );
    }
}

fn schemes(context: &Context<'_>, limit: &Limit, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if let Some(schemes) = &limit.schemes
        && (limit.by != LimitKey::Principal || schemes.is_empty())
    {
        found.push(
            context
                .at_key(
                    codes::LIMIT_RATE,
                    &at.key("schemes"),
                    "`schemes` chooses among ways to authenticate",
                )
                .because("only a limit `by: principal` asks how a caller authenticated")
                .fix("remove `schemes`, or write `by: principal` and at least one scheme"),
        );
    }
    if limit.by == LimitKey::ApiKey
        && !context.service.auth.values().any(|auth| matches!(auth, Auth::ApiKey { .. }))
        && !context.is_broken(&At::root("auth"))
    {
        found.push(
            context
                .at_value(
                    codes::LIMIT_NEVER,
                    &at.key("by"),
                    "no scheme has API keys, so nothing is counted",
                )
                .fix("define a scheme of kind `api_key` under `auth`, or use `by: principal`"),
        );
    }
}
