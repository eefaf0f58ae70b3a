//! Databases with copies for reading: where there are any, and how clients bring and are told what they saw.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Binding, Target};

/// The header that brings and tells a bookmark.
const BOOKMARK: &str = "X-D1-Bookmark";

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("bindings");
    let bindings = context.service.bindings.iter();
    let copied =
        bindings.filter(|(_, binding)| matches!(binding, Binding::Sql { replicas: true, .. }));
    for (number, (name, _)) in copied.enumerate() {
        let at = section.key(name);
        let here = at.key("replicas");
        if !context.targets(Target::Workers) {
            found.push(
                context
                    .at_value(codes::REPLICAS, &here, "the service runs nowhere that has copies")
                    .because(
                        "D1 alone has copies near clients; a database on a server is asked itself",
                    )
                    .fix("remove `replicas`, or add `workers` to `targets`"),
            );
        }
        if number > 0 {
            found.push(
                context
                    .at_value(codes::REPLICAS, &here, "a second database has copies")
                    .because("a request brings the bookmark of one database")
                    .fix("leave copies to the database that is read most"),
            );
        } else {
            browsers(context, found);
        }
    }
}

/// Pages of other origins may send and read the bookmark.
fn browsers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(cors) = &context.service.cors else { return };
    let at = At::root("cors");
    for (key, names, what) in [("headers", &cors.headers, "send"), ("expose", &cors.expose, "read")]
    {
        if names.iter().any(|name| name.eq_ignore_ascii_case(BOOKMARK)) {
            continue;
        }
        found.push(
            context
                .at_key(codes::REPLICAS, &at, format!("pages cannot {what} `{BOOKMARK}`"))
                .because("a page that does not bring what it was told may read what was before its own change")
                .fix(format!("add `{BOOKMARK}` to `{key}`")),
        );
    }
}
