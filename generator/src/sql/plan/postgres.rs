//! What Postgres says of each statement, asked in a database of its own that has many rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proofline_spec::document::Service;
use serde_json::Value;

use super::Plan;
use crate::sql::{Migration, Prepared, binding_of, postgres};

/// Rows that each table is given: Postgres chooses by how many there are.
pub const ROWS: u32 = 20_000;

/// What stands before the name of each query in the answer.
const MARK: &str = "proofline query ";

/// Fills every table. Rows need not make sense: what checks them is dropped, but not what finds them.
const FILL: &str = include_str!("fill.sql");

/// What `psql` is asked, on a server where it may make and drop a database of that name.
///
/// The plans are generic ones, as for a prepared statement whose values are not looked at. Such a plan guesses that
/// `made < $1` selects a third of a table, so reading whole tables is made dear: what still does has no index.
pub fn ask(
    service: &Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
    prepared: &BTreeMap<String, Prepared>,
    database: &str,
) -> String {
    let mut script =
        String::from("\\set QUIET on\n\\pset tuples_only on\n\\pset format unaligned\n");
    for (binding, files) in migrations {
        let _ = writeln!(script, "create database {database};\n\\connect {database}");
        script.push_str("set client_min_messages to warning;\n");
        for Migration { sql, .. } in postgres::migrations(binding, files) {
            let _ = writeln!(script, "begin;\n{sql}\n;commit;");
        }
        script.push_str(&FILL.replace("$ROWS", &ROWS.to_string()));
        script.push_str("set plan_cache_mode to force_generic_plan;\nset enable_seqscan to off;\n");
        for (name, query) in &service.queries {
            let statement = prepared.get(name).and_then(|one| Some((one, one.postgres.as_ref()?)));
            let Some((one, sql)) = statement else { continue };
            if binding_of(service, query) != Some(binding) {
                continue;
            }
            let nothing = vec!["null"; one.parameters.len()].join(", ");
            let with = if nothing.is_empty() { String::new() } else { format!("({nothing})") };
            let sql = sql.trim_end().trim_end_matches(';');
            let _ = writeln!(script, "prepare \"{name}\" as {sql};\n\\echo {MARK}{name}");
            let _ = writeln!(script, "explain (format json, costs off) execute \"{name}\"{with};");
        }
        let _ = writeln!(script, "\\connect postgres\ndrop database {database};");
    }
    script
}

/// The plans in what `psql` answered.
pub fn read(service: &Service, answer: &str) -> Result<Vec<Plan>, String> {
    let mut plans = Vec::new();
    for part in answer.split(MARK).skip(1) {
        let (name, json) = part.split_once('\n').unwrap_or((part, ""));
        let value: Value =
            serde_json::from_str(json).map_err(|error| format!("the plan of `{name}`: {error}"))?;
        let root = value.pointer("/0/Plan").ok_or_else(|| format!("`{name}` has no plan"))?;
        let (mut steps, mut scans) = (Vec::new(), Vec::new());
        walk(root, 0, false, &mut steps, &mut scans);
        plans.push(super::plan(service, name.trim(), steps, scans));
    }
    Ok(plans)
}

/// One node and what is below it; `ends_early` where somebody above takes only the first rows.
fn walk(
    node: &Value,
    depth: usize,
    ends_early: bool,
    steps: &mut Vec<String>,
    scans: &mut Vec<String>,
) {
    let text = |name: &str| node[name].as_str();
    let kind = text("Node Type").unwrap_or_default();
    let line = describe(node);
    let asks = text("Index Cond").is_some();
    let reads_all = match kind {
        "Seq Scan" | "Sample Scan" => true,
        // Through a whole index, unless only its first rows are taken.
        "Index Scan" | "Index Only Scan" => !asks && (!ends_early || text("Filter").is_some()),
        "Bitmap Index Scan" => !asks,
        _ => false,
    };
    if reads_all {
        scans.push(line.clone());
    }
    steps.push(format!("{}{line}", "  ".repeat(depth)));
    let ends_early = match kind {
        "Limit" => true,
        "Result" | "Subquery Scan" | "LockRows" | "ProjectSet" => ends_early,
        _ => false,
    };
    for below in node["Plans"].as_array().into_iter().flatten() {
        walk(below, depth + 1, ends_early, steps, scans);
    }
}

fn describe(node: &Value) -> String {
    let text = |name: &str| node[name].as_str();
    let mut line = text("Node Type").unwrap_or_default().to_owned();
    if let Some(operation) = text("Operation").filter(|_| line == "ModifyTable") {
        operation.clone_into(&mut line);
    }
    for (before, name) in
        [(" using ", "Index Name"), (" on ", "Relation Name"), (" on ", "CTE Name")]
    {
        if let Some(found) = text(name) {
            let _ = write!(line, "{before}{found}");
        }
    }
    for name in ["Index Cond", "Filter"] {
        if let Some(found) = text(name) {
            let _ = write!(line, ", {}: {found}", name.to_lowercase());
        }
    }
    line
}
