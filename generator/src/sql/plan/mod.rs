//! How an engine finds the rows of each query, as the engine itself says, and whether it reads a whole table.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::Service;
use serde::Serialize;

use super::{Finding, Prepared};

pub use postgres::{ROWS, ask, read};
pub(super) use sqlite::explain;
pub use sqlite::version;

/// How an engine carries a query out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The query's name.
    pub query: String,
    /// What the engine says, a line for each step.
    pub steps: Vec<String>,
    /// The steps that read a whole table.
    pub scans: Vec<String>,
    /// Why the spec says that it may.
    pub excuse: Option<String>,
}

impl Plan {
    /// Whether it reads a whole table without saying so.
    pub const fn is_wrong(&self) -> bool {
        !self.scans.is_empty() && self.excuse.is_none()
    }
}

/// The plans of every query on SQLite. It chooses without statistics, as it does in the service: by what indexes there are.
pub fn on_sqlite(service: &Service, prepared: &BTreeMap<String, Prepared>) -> Vec<Plan> {
    let known = service.queries.iter().filter_map(|(name, query)| {
        let one = prepared.get(name)?;
        Some(plan(service, name, one.plan.clone(), sqlite::scans(&query.sql, &one.plan)))
    });
    known.collect()
}

fn plan(service: &Service, name: &str, steps: Vec<String>, scans: Vec<String>) -> Plan {
    let excuse = service.queries.get(name).and_then(|query| query.scan.clone());
    Plan { query: name.to_owned(), steps, scans, excuse }
}

/// What is said about queries that read a whole table without saying so.
pub fn findings(service: &Service, prepared: &BTreeMap<String, Prepared>) -> Vec<Finding> {
    let plans = on_sqlite(service, prepared);
    let wrong = plans.iter().filter(|plan| plan.is_wrong());
    let found = wrong.map(|plan| {
        let place = ["queries", plan.query.as_str(), "sql"];
        let message = format!("query `{}` reads a whole table", plan.query);
        Finding::new(codes::WHOLE_TABLE, &place, None, message)
            .caused_by(format!("the database's plan for it is: {}", plan.steps.join("; ")))
            .fixed_by(
                "add an index in a migration that begins with the columns that it asks for, or say \
                 `scan:` with the reason",
            )
    });
    found.collect()
}

#[cfg(test)]
mod tests;
