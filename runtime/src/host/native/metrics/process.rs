//! Figures of the databases and of the process, in the text format of Prometheus.

use std::fmt::{Result, Write as _};

use super::head;
use crate::binding::sql::Database;
use crate::context::Context;

/// Writes how the pools of databases on servers are used.
fn connections(out: &mut String, context: &Context) -> Result {
    let databases = context.definition().databases.iter();
    let pools: Vec<_> = databases
        .filter_map(|database| Some((database.name, context.database(database.name).ok()?.pool()?)))
        .collect();
    // Where no server has the data, there are names and no values.
    let help = "Connections to a database that are in use.";
    head(out, "database_connections_in_use", "gauge", help)?;
    for (name, pool) in &pools {
        writeln!(out, "database_connections_in_use{{database=\"{name}\"}} {}", pool.in_use)?;
    }
    head(out, "database_connections_most", "gauge", "Connections that there may be.")?;
    for (name, pool) in &pools {
        writeln!(out, "database_connections_most{{database=\"{name}\"}} {}", pool.size)?;
    }
    Ok(())
}

/// Writes how often databases failed, and what the process holds in memory.
pub(super) fn write(out: &mut String, context: &Context) -> Result {
    let databases = context.definition().databases;
    if !databases.is_empty() {
        let help = "Statements that a database did not answer, or too late.";
        head(out, "database_failures_total", "counter", help)?;
    }
    for database in databases {
        let name = database.name;
        let failures = context.database(name).map_or(0, Database::failures);
        writeln!(out, "database_failures_total{{database=\"{name}\"}} {failures}")?;
    }
    if !databases.is_empty() {
        connections(out, context)?;
    }
    let Some(memory) = context.memory() else { return Ok(()) };
    head(out, "process_resident_memory_bytes", "gauge", "Bytes that the process holds.")?;
    writeln!(out, "process_resident_memory_bytes {}", memory.resident)?;
    // Without a limit there is a name and no value.
    head(out, "process_memory_limit_bytes", "gauge", "Bytes that it may hold.")?;
    memory.limit.map_or(Ok(()), |limit| writeln!(out, "process_memory_limit_bytes {limit}"))
}
