//! Limits and authentication schemes that no route uses: they look like protection and are none.

use std::collections::HashSet;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Operation, RouteAuth, RouteLimits};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let service = context.service;
    // Routes that loading left out may use anything.
    if service.routes.is_empty() || context.is_broken(&At::root("routes")) {
        return;
    }
    let mut limits: HashSet<&str> = HashSet::new();
    let mut schemes: HashSet<&str> = HashSet::new();
    for (_, _, route) in context.routes() {
        let named = match &route.limits {
            Some(RouteLimits::Named(names)) => names.as_slice(),
            Some(RouteLimits::None(_)) => &[],
            None => service.defaults.limits.as_slice(),
        };
        limits.extend(named.iter().map(String::as_str));
        match &route.auth {
            Some(RouteAuth::None) => {}
            _ => schemes.extend(context.schemes(route).iter().map(String::as_str)),
        }
        if let Operation::Login(login) = &route.op {
            schemes.insert(&login.scheme);
        }
    }
    let defined = [
        ("limits", "limit", service.limits.keys().collect::<Vec<_>>(), limits),
        ("auth", "authentication scheme", service.auth.keys().collect(), schemes),
    ];
    for (section, noun, names, used) in defined {
        let at = At::root(section);
        for name in names.into_iter().filter(|name| !used.contains(name.as_str())) {
            found.push(
                context
                    .at_key(
                        codes::UNUSED,
                        &at.key(name),
                        format!("no route uses the {noun} `{name}`"),
                    )
                    .because("it looks like protection, and protects nothing")
                    .fix("name it in `defaults` or in a route, or remove it"),
            );
        }
    }
}
