//! What SQLite says of a statement (`explain query plan`), and which lines of it mean a whole table.

use rusqlite::Connection;

/// The version of the engine that makes the plans.
pub fn version() -> &'static str {
    rusqlite::version()
}

/// The plan of a statement. Where others refer to what is deleted, the engine also says how it finds them.
pub(in crate::sql) fn explain(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("explain query plan {sql}"))?;
    // Parameters that are not bound are NULL, and the plan is the same for every value.
    statement.raw_query().mapped(|row| row.get("detail")).collect()
}

/// The lines that read a whole table, or a whole index.
pub(super) fn scans(sql: &str, plan: &[String]) -> Vec<String> {
    // What a part of the statement gave is not a table.
    let parts: Vec<&str> = plan
        .iter()
        .filter_map(|line| line.strip_prefix("CO-ROUTINE ").or(line.strip_prefix("MATERIALIZE ")))
        .collect();
    let ends_early = is_page(sql) && !plan.iter().any(|line| line.starts_with("USE TEMP B-TREE"));
    let reads_all = |line: &str| {
        if line.contains(" USING AUTOMATIC ") {
            return true;
        }
        let Some(rest) = line.strip_prefix("SCAN ") else { return false };
        let name = rest.split(' ').next().unwrap_or_default();
        if name.starts_with('(') || rest.starts_with("CONSTANT ROW") || parts.contains(&name) {
            return false;
        }
        if let Some((_, index)) = rest.split_once("VIRTUAL TABLE INDEX ") {
            // What a full-text index is asked for: `M` words, `=` a number of a row.
            let asked = index.split_once(':').map(|(_, asked)| asked).unwrap_or_default();
            return !asked.contains(['M', '=']);
        }
        let in_order = rest.contains(" USING INDEX ") || rest.contains(" USING COVERING INDEX ");
        !(in_order && ends_early)
    };
    plan.iter().filter(|line| reads_all(line)).cloned().collect()
}

/// Whether a statement takes the first rows of a table in the order of an index, and asks for nothing else.
pub(super) fn is_page(sql: &str) -> bool {
    let lower = sql.to_lowercase();
    let has =
        |word: &str| lower.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word);
    has("limit")
        && !["where", "join", "group", "having", "distinct", "offset"].iter().any(|w| has(w))
}
