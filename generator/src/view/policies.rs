//! Which policies a route has, and which answers they can give.

use proofline_spec::document::{
    Condition, Control, Expression, FlagControl, LtiStep, Method, Operation, Route, RouteAuth,
    RouteKey, RouteLimits, Service, Source,
};

/// Names of the authentication schemes of a route, any of which is accepted; none when anybody may call.
pub(crate) fn schemes<'a>(service: &'a Service, route: &'a Route) -> Vec<&'a str> {
    match &route.auth {
        Some(RouteAuth::None) => Vec::new(),
        Some(RouteAuth::Schemes(names)) => names.iter().map(String::as_str).collect(),
        None => service.defaults.auth.iter().map(String::as_str).collect(),
    }
}

/// Names of the limits of a route.
pub(crate) fn limits<'a>(service: &'a Service, route: &'a Route) -> Vec<&'a str> {
    match &route.limits {
        Some(RouteLimits::None(_)) => Vec::new(),
        Some(RouteLimits::Named(names)) => names.iter().map(String::as_str).collect(),
        None => service.defaults.limits.iter().map(String::as_str).collect(),
    }
}

/// Whether the route is a health check.
pub(crate) fn is_health(route: &Route) -> bool {
    matches!(route.op, Operation::Health(_))
}

/// The statuses that policies can answer on a route, besides those that the spec declares.
pub(crate) fn implied_statuses(service: &Service, key: &RouteKey, route: &Route) -> Vec<u16> {
    let mut statuses = vec![400, 413, 500];
    if !is_health(route) {
        statuses.extend([503, 504]);
    }
    let has_schemes = !schemes(service, route).is_empty();
    if has_schemes {
        statuses.push(401);
    }
    if has_schemes && route.roles.is_some() {
        statuses.push(403);
    }
    if route.body.is_some() {
        statuses.extend([408, 415]);
    }
    // Unknown query parameters are refused on every other route.
    if !matches!(route.op, Operation::Lti(step) if step.takes_a_form()) {
        statuses.push(422);
    }
    if !limits(service, route).is_empty() {
        statuses.push(429);
    }
    match (&route.op, key.method) {
        (Operation::Upload(upload), _) => {
            statuses.extend([408, 415]);
            statuses.extend(upload.keep.map(|_| 412));
        }
        (Operation::Lti(LtiStep::Login), Method::Post) => statuses.extend([408, 415]),
        (Operation::Lti(LtiStep::Launch), _) => statuses.extend([401, 403, 408, 415]),
        (Operation::Resume(_), Method::Patch) => statuses.extend([404, 408, 409, 412, 415]),
        (Operation::Resume(_), Method::Delete) => statuses.extend([404, 409]),
        (Operation::Resume(_) | Operation::Lti(LtiStep::DeepLink), _) => statuses.push(404),
        (Operation::Asset(_), _) => statuses.push(412),
        (Operation::Download(_), _) => statuses.extend([412, 416]),
        (Operation::Room(_), _) => statuses.extend([403, 409, 426]),
        _ => {}
    }
    let is_hidden = route.when.as_ref().is_some_and(|when| when.otherwise == Condition::NOT_FOUND);
    let sets =
        matches!(route.op, Operation::Flags(FlagControl::Set) | Operation::Switches(Control::Set));
    if is_hidden || sets {
        statuses.push(404);
    }
    if route.watch.is_some() {
        statuses.extend([403, 426, 429]);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// Whether an expression reads from `source` anywhere.
pub(crate) fn reads(expression: &Expression, source: Source) -> bool {
    matches!(expression.innermost(), Expression::Read(found, _) if *found == source)
}
