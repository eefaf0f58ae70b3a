//! Alerts and objectives: on the bad side of their limit, in the measure's own unit.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Alert, AlertMetric, Binding, HealthKind, Operation, Service};
use crate::unit::{Comparison, Quantity, Threshold};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("alerts");
    for (name, alert) in &context.service.alerts {
        let at = section.key(name);
        side(context, alert, &at, found);
        times(context, alert, &at, found);
        counted(context, alert, &at, found);
        shares(context, alert, &at, found);
        source(context, alert, &at, found);
        if alert.summary.trim().is_empty() {
            let message = "the summary is empty";
            found.push(
                context
                    .at_value(codes::EMPTY_TEXT, &at.key("summary"), message)
                    .fix("say in one line what is wrong"),
            );
        }
    }
    objectives(context, found);
}

/// An alert fires on the bad side.
fn side(context: &Context<'_>, alert: &Alert, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let rule = alert.when;
    let high_is_good = rule.metric == AlertMetric::CacheHitRate;
    let above = matches!(rule.threshold.comparison, Comparison::Greater | Comparison::AtLeast);
    if above == high_is_good {
        let (name, limit) = (rule.metric.name(), rule.threshold.limit);
        let sign = if high_is_good { '<' } else { '>' };
        found.push(
            context
                .at_value(codes::ALERT, &at.key("when"), "the alert fires while all is well")
                .because(format!(
                    "`{name}` is better when it is {}",
                    if high_is_good { "high" } else { "low" }
                ))
                .fix(format!("write `\"{name} {sign} {limit}\"`")),
        );
    }
}

/// A condition holds for a time, or is counted within one.
fn times(context: &Context<'_>, alert: &Alert, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if alert.hold.is_some() && alert.within.is_some() {
        found.push(
            context
                .at_key(codes::ALERT, &at.key("within"), "the alert has both `for` and `within`")
                .because("a condition holds `for` a time, or is counted `within` one")
                .fix("keep one of them")
                .label(context.key(&at.key("for")), "the other one"),
        );
    }
    let is_count = matches!(alert.when.threshold.limit, Quantity::Count(_));
    if alert.within.is_some() && !is_count {
        found.push(
            context
                .at_key(codes::ALERT, &at.key("within"), "only counts are taken within a time")
                .because("a share or a latency holds for a time")
                .fix("write `for` instead"),
        );
    }
    for (key, time) in [("for", alert.hold), ("within", alert.within)] {
        if time.is_some_and(|time| time.as_millis() == 0) {
            found.push(
                context
                    .at_value(codes::ZERO, &at.key(key), "no time at all")
                    .fix("give a time such as `5min`"),
            );
        }
    }
}

/// A share of requests is that of some routes among others, which are all there.
fn shares(context: &Context<'_>, alert: &Alert, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let is_share = alert.when.metric == AlertMetric::RequestShare;
    for (key, routes) in [("routes", &alert.routes), ("among", &alert.among)] {
        let here = at.key(key);
        if is_share && routes.is_empty() {
            let message = format!("the share says no `{key}`");
            found.push(
                context
                    .at_value(codes::ALERT, &at.key("when"), message)
                    .because("it compares the good answers of `routes` with those of `among`")
                    .fix(format!("add `{key}: [POST /a/path]`")),
            );
        } else if !is_share && !routes.is_empty() {
            let message = format!("`{}` is not about routes", alert.when.metric.name());
            found.push(
                context
                    .at_key(codes::ALERT, &here, message)
                    .because("only `request_share` is")
                    .fix("remove it"),
            );
        }
        for (index, route) in routes.iter().enumerate() {
            if key == "among" && alert.routes.contains(route) {
                let message = format!("`{route}` is in `routes`, too");
                found.push(
                    context
                        .at_value(codes::ALERT, &here.index(index), message)
                        .because("the share of a route among itself is always all")
                        .fix("keep it in one of them"),
                );
            }
            if !context.service.routes.contains_key(route) {
                let message = format!("there is no route `{route}`");
                found.push(
                    context
                        .at_value(codes::UNKNOWN_ROUTE, &here.index(index), message)
                        .fix("name a route of `routes`, method and path"),
                );
            }
        }
    }
}

/// What the service has nothing of never tells anything, and the alert is never heard.
fn source(context: &Context<'_>, alert: &Alert, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let metric = alert.when.metric;
    if let Some(missing) = missing(context.service, metric) {
        let message = format!("nothing tells the figure of `{}`", metric.name());
        found.push(
            context
                .at_value(codes::ALERT, &at.key("when"), message)
                .because(format!("the service has no {missing}, so the alert can never fire"))
                .fix("remove the alert, or declare what it is about"),
        );
    }
}

/// What a service would need to have so that something tells the figure.
fn missing(service: &Service, metric: AlertMetric) -> Option<&'static str> {
    let has = |wanted: fn(&Binding) -> bool| service.bindings.values().any(wanted);
    let has_sql = || has(|binding| matches!(binding, Binding::Sql { .. }));
    let is_cached = || service.routes.values().any(|route| route.cache.is_some());
    let tells_health = |op: &Operation| matches!(op, Operation::Health(health) if health.kind != HealthKind::Liveness);
    let (is_there, missing) = match metric {
        AlertMetric::HealthFailing => (
            service.routes.values().any(|route| tells_health(&route.op)),
            "route that tells how it is (`health`)",
        ),
        AlertMetric::DatabaseFailures => (has_sql(), "database (a binding of kind `sql`)"),
        AlertMetric::DatabaseConnections => {
            (has_sql() && service.shares_stores(), "pool of connections: no database on a server")
        }
        AlertMetric::RateLimited => (!service.limits.is_empty(), "`limits`"),
        AlertMetric::CacheHitRate | AlertMetric::CacheLatency => {
            (is_cached(), "route with `cache`")
        }
        AlertMetric::QueueBacklog => {
            (has(|binding| matches!(binding, Binding::Queue { .. })), "queue")
        }
        AlertMetric::BreakersOpen => (
            is_cached() || has(|binding| matches!(binding, Binding::Upstream { .. })),
            "upstream and no cache that has a breaker",
        ),
        AlertMetric::ErrorRate
        | AlertMetric::LatencyP50
        | AlertMetric::LatencyP95
        | AlertMetric::LatencyP99
        // Those have checks of their own, or are there always.
        | AlertMetric::TaskFailures
        | AlertMetric::RequestShare
        | AlertMetric::Memory => return None,
    };
    (!is_there).then_some(missing)
}

/// Failures of tasks are counted in their history.
fn counted(context: &Context<'_>, alert: &Alert, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if alert.when.metric != AlertMetric::TaskFailures {
        return;
    }
    let here = at.key("when");
    if alert.when.failures_in_a_row().is_none() {
        found.push(
            context
                .at_value(codes::ALERT, &here, "no task fails so often in a row")
                .because("the failures of a task are counted up to 1000")
                .fix("write `\"task_failures >= 3\"`"),
        );
    }
    let mut without = context.service.tasks.iter().filter(|(_, task)| task.history.is_none());
    let (first, more) = (without.next(), without.count());
    let message = match first {
        _ if context.service.tasks.is_empty() => "the service has no tasks".to_owned(),
        None => return,
        Some((name, _)) if more == 0 => format!("the task `{name}` has no history"),
        Some((name, _)) => format!("the task `{name}` and {more} more have no history"),
    };
    found.push(
        context
            .at_value(codes::ALERT, &here, message)
            .because(
                "failures in a row are counted in the history, which restarts and replicas share",
            )
            .fix("add `history: 30d` to each task"),
    );
}

fn objectives(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(objectives) = &context.service.objectives else { return };
    let at = At::root("objectives");
    let low = |threshold: Threshold| {
        matches!(threshold.comparison, Comparison::Less | Comparison::AtMost)
    };
    let is_share = |threshold: Threshold| matches!(threshold.limit, Quantity::Percent(_));
    let is_time = |threshold: Threshold| matches!(threshold.limit, Quantity::Duration(_));
    let wanted = [
        (
            "error_rate",
            objectives.error_rate,
            objectives.error_rate.is_none_or(|t| low(t) && is_share(t)),
            "< 0.1%",
        ),
        (
            "latency_p95",
            objectives.latency_p95,
            objectives.latency_p95.is_none_or(|t| low(t) && is_time(t)),
            "< 200ms",
        ),
        (
            "cache_hit_rate",
            objectives.cache_hit_rate,
            objectives.cache_hit_rate.is_none_or(|t| !low(t) && is_share(t)),
            "> 80%",
        ),
        (
            "recovery_time",
            objectives.recovery_time,
            objectives.recovery_time.is_none_or(|t| low(t) && is_time(t)),
            "< 2min",
        ),
    ];
    for (key, threshold, fits, example) in wanted {
        let (Some(threshold), false) = (threshold, fits) else { continue };
        found.push(
            context
                .at_value(
                    codes::ALERT,
                    &at.key(key),
                    format!("`{threshold}` is no aim for `{key}`"),
                )
                .because("an aim is on the good side, in the measure's own unit")
                .fix(format!("write an aim such as `\"{example}\"`")),
        );
    }
}
