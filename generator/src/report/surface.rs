//! The attack surface: what anybody can reach, what nothing limits, and what is weaker than by default.

use proofline_spec::document::{Defaults, Framing, RouteLimits, SecurityHeaders, Service};
use proofline_spec::unit::Duration;

use super::cost::limits_of;
use super::derived::{Surface, auth_of};
use super::text::listed;

/// One year, the least that browsers' lists ask for.
const HSTS: Duration = Duration::from_millis(365 * 86_400_000);

/// The attack surface of a service.
pub(super) fn of(service: &Service) -> Surface {
    let mut surface = Surface { public: Vec::new(), unlimited: Vec::new(), weakened: Vec::new() };
    for (key, route) in &service.routes {
        if auth_of(service, route).is_empty() {
            surface.public.push(key.to_string());
        }
        match &route.limits {
            Some(RouteLimits::None(reason)) => surface.unlimited.push(format!("{key}: {reason}")),
            _ if limits_of(service, route).is_empty() => {
                surface.unlimited.push(format!("{key}: no limit is named"));
            }
            _ => {}
        }
    }
    headers(&service.headers, &mut surface.weakened);
    cors(service, &mut surface.weakened);
    sizes(service, &mut surface.weakened);
    for (name, schema) in &service.schemas {
        if schema.additional_properties {
            surface
                .weakened
                .push(format!("Schema {name} lets members through that it does not declare."));
        }
    }
    surface
}

fn headers(headers: &SecurityHeaders, weakened: &mut Vec<String>) {
    if let Some(hsts) = &headers.hsts {
        if hsts.max_age < HSTS {
            weakened
                .push(format!("Browsers keep to HTTPS for {}, less than a year.", hsts.max_age));
        }
        if !hsts.include_subdomains {
            weakened.push("Browsers do not keep to HTTPS on subdomains.".to_owned());
        }
    }
    if let Some(policy) = headers.referrer_policy.as_deref().filter(|p| *p != "no-referrer") {
        weakened.push(format!("Referrer-Policy is {policy}; by default it is no-referrer."));
    }
    let strict = "default-src 'none'; frame-ancestors 'none'";
    if let Some(policy) = headers.content_security_policy.as_deref().filter(|p| *p != strict) {
        weakened.push(format!("Content-Security-Policy is {policy}; by default it is {strict}."));
    }
    match &headers.framing {
        None | Some(Framing::Deny) => {}
        Some(Framing::SameOrigin) => {
            weakened.push("Pages of the same origin may show the service in a frame.".to_owned());
        }
        Some(Framing::AllowFrom(origins)) => {
            weakened.push(format!("Pages of {} may show the service in a frame.", listed(origins)));
        }
    }
}

fn cors(service: &Service, weakened: &mut Vec<String>) {
    let Some(cors) = &service.cors else { return };
    let credentials = if cors.credentials { ", with credentials" } else { "" };
    weakened
        .push(format!("Pages of {} may call from a browser{credentials}.", listed(&cors.origins)));
}

fn sizes(service: &Service, weakened: &mut Vec<String>) {
    let (strict, defaults) = (Defaults::default(), &service.defaults);
    if defaults.timeout > strict.timeout {
        weakened.push(format!(
            "A request may take {}; by default {}.",
            defaults.timeout, strict.timeout
        ));
    }
    if defaults.max_body > strict.max_body {
        weakened.push(format!(
            "Bodies of up to {} are read; by default {}.",
            defaults.max_body, strict.max_body
        ));
    }
    for (key, route) in &service.routes {
        if let Some(timeout) = route.timeout.filter(|timeout| *timeout > defaults.timeout) {
            weakened.push(format!("{key} may take {timeout}."));
        }
        if let Some(size) = route.max_body.filter(|size| *size > defaults.max_body) {
            weakened.push(format!("{key} reads bodies of up to {size}."));
        }
    }
}
