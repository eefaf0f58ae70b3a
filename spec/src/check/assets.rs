//! Static files: they have an address that changes with them, and what they are made from is there.

use std::collections::HashMap;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Answer, Asset, Map, Method, Operation, Route, RouteAuth, RouteKey};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    let mut names: HashMap<String, String> = HashMap::new();
    for (text, key, route) in context.routes() {
        let at = routes.key(text.as_str());
        if let Operation::Asset(asset) = &route.op {
            if let Some(first) = names.insert(file(key).to_owned(), text.clone()) {
                let first = routes.key(first);
                found.push(
                    context
                        .at_key(codes::ASSET, &at, "another static file has the same name")
                        .because("pages find files by their names, in `deploy/assets.json`")
                        .fix("give one of them another name")
                        .label(context.key(&first), "the first one"),
                );
            }
            for (message, fix) in form(key, route) {
                found.push(
                    context
                        .at_key(codes::ASSET, &at, message)
                        .because("a browser keeps it for a year, so it must have another address whenever it changes, and be open to pages")
                        .fix(fix),
                );
            }
            let here = at.key("op");
            made_of(context, asset, &here.key("asset"), found);
        }
    }
}

/// The file's name: the last part of its address.
fn file(key: &RouteKey) -> &str {
    key.path.rsplit('/').next().unwrap_or_default()
}

/// What is wrong with the form of its route, and what helps.
fn form(key: &RouteKey, route: &Route) -> Vec<(&'static str, &'static str)> {
    let last = file(key);
    let wrong = [
        (key.method != Method::Get, "a static file is read", "use `GET`"),
        (
            key.parameters().count() != 1 || last.starts_with('{'),
            "its address does not change with it",
            "write a path with one parameter for its digest and the file's name last, such as `/assets/{digest}/web-vitals.js`",
        ),
        (
            !matches!(route.auth, Some(RouteAuth::None)),
            "no page could load it: an element of a page sends no credential",
            "write `auth: none`",
        ),
        (route.cache.is_some(), "it is part of the service and kept in no store", "remove `cache`"),
        (
            !answers(&route.returns),
            "it answers something else",
            "write `returns: {200: file, 302: none}`",
        ),
    ];
    wrong.into_iter().filter(|(is_wrong, ..)| *is_wrong).map(|(_, what, fix)| (what, fix)).collect()
}

/// The file under its own address, and the way there from every other.
fn answers(returns: &Map<Answer>) -> bool {
    returns.len() == 2
        && returns.get("200") == Some(&Answer::File)
        && returns.get("302") == Some(&Answer::None)
}

/// What it is made from is there.
fn made_of(context: &Context<'_>, asset: &Asset, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Asset::WebVitals(vitals) = asset;
    let broken = context.is_broken(&At::root("routes")) || context.is_broken(&At::root("schemas"));
    let here = at.key("web_vitals");
    let mut wrong = |message: String, fix: &str| {
        found.push(
            context
                .at_value(codes::ASSET, &here.key("report_to"), message)
                .because("the script sends what this route's schema says, and nothing else")
                .fix(fix),
        );
    };
    let report = match vitals.report(context.service) {
        Ok(report) => report,
        Err(_) if broken => return,
        Err(message) => {
            let fix = "name a route with `auth: none` whose body is a measurement of `name`, `value` and `path`, or an object with a list of them";
            return wrong(message, fix);
        }
    };
    let open = context.service.routes.get(&report.route);
    if !open.is_some_and(|route| matches!(route.auth, Some(RouteAuth::None))) {
        wrong(
            "a page could not report: it has no credential".to_owned(),
            "write `auth: none` there",
        );
    }
    if report.route.method != Method::Post {
        wrong("a page reports with `POST` (`navigator.sendBeacon`)".to_owned(), "use `POST` there");
    }
    if report.route.parameters().next().is_some() {
        wrong(
            "nothing fills the parameters of that path".to_owned(),
            "name a route without parameters",
        );
    }
    if report.metrics().is_empty() {
        wrong("it takes none of CLS, FCP, INP, LCP and TTFB".to_owned(), "add them to the `enum`");
    }
}
