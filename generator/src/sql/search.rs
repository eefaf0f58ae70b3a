//! Whether the queries of vector indexes have the parameters and columns that the service gives and reads itself.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Binding, Operation, Service};

use super::{Finding, Prepared};

/// What a query of an index needs: all of its parameters, and columns that it has at least.
struct Shape {
    /// Parameters that it must have.
    given: &'static [&'static str],
    /// Parameters that it may have besides.
    also: &'static [&'static str],
    /// Columns.
    read: &'static [&'static str],
}

pub(super) fn check(
    service: &Service,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    let shape = |given, also, read| Shape { given, also, read };
    for (name, binding) in &service.bindings {
        let Binding::Vector { rows, table, .. } = binding else { continue };
        let mut look = |part: &str, key: &str, query: &str, shape: &Shape| {
            one(&["bindings", name, part, key], query, shape, prepared, findings);
        };
        look("rows", "text", &rows.text, &shape(&["id"], &[], &["text"]));
        look("rows", "pending", &rows.pending, &shape(&["limit"], &[], &["id"]));
        look("rows", "done", &rows.done, &shape(&["id"], &["now"], &[]));
        if let Some(table) = table {
            look("table", "put", &table.put, &shape(&["id", "vector"], &[], &[]));
            look("table", "remove", &table.remove, &shape(&["id"], &[], &[]));
            look("table", "all", &table.all, &shape(&[], &[], &["id", "vector"]));
        }
    }
    for (key, route) in &service.routes {
        if let Operation::Search(search) = &route.op {
            let place = ["routes", &key.to_string(), "op", "search", "run"];
            let wanted = shape(&["ids", "limit"], &[], &["id"]);
            one(&place, &search.run, &wanted, prepared, findings);
        }
    }
}

fn one(
    place: &[&str],
    name: &str,
    shape: &Shape,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    let Some(query) = prepared.get(name) else { return };
    let has = |column: &&&str| query.columns.iter().any(|known| known.name == ***column);
    let known = |name: &str| shape.given.contains(&name) || shape.also.contains(&name);
    let missing = shape.given.iter().find(|given| !query.parameters.iter().any(|p| p == **given));
    let wrong = if let Some(missing) = missing {
        format!("query `{name}` has no parameter `:{missing}`")
    } else if let Some(other) = query.parameters.iter().find(|p| !known(p)) {
        format!("query `{name}` has a parameter `:{other}`, which nothing gives")
    } else if let Some(missing) = shape.read.iter().find(|column| !has(column)) {
        format!("query `{name}` does not return `{missing}`")
    } else {
        return;
    };
    findings.push(
        Finding::new(codes::SEARCH_QUERIES, place, None, wrong)
            .caused_by("the service gives the parameters and reads the columns itself")
            .fixed_by("write the statement as the manual page of this code shows it"),
    );
}
