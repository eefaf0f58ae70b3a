//! Figures of those who follow an answer.

use std::fmt::Write as _;

use super::head;
use crate::context::Context;

/// Writes how many are open for each route that can be followed.
pub(super) fn write(out: &mut String, context: &Context) -> std::fmt::Result {
    let routes = context.definition().routes.iter().filter(|route| route.watch.is_some());
    let mut paths: Vec<&str> = routes.map(|route| route.path).collect();
    if paths.is_empty() {
        return Ok(());
    }
    paths.sort_unstable();
    let open = context.watchers().by_route();
    head(out, "websocket_connections_open", "gauge", "WebSockets that are open.")?;
    for path in paths {
        let count = open.iter().find(|(known, _)| *known == path).map_or(0, |(_, count)| *count);
        writeln!(out, "websocket_connections_open{{route=\"{path}\"}} {count}")?;
    }
    Ok(())
}
