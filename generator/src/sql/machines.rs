//! Whether the SQL that changes a state machine's column makes only declared transitions.
//!
//! Each such query is run on a row in each state, with each state for its parameters, and taken back. What a condition
//! means is not guessed: it is tried.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Machine, Service};
use rusqlite::{Connection, params_from_iter};

use super::{Finding, Prepared, binding_of};

/// The key of the row that queries are tried on.
const ROW: &str = "the row";

pub(super) fn check(
    service: &Service,
    databases: &BTreeMap<&str, Connection>,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    for (name, machine) in &service.machines {
        let Some((table, column)) = machine.column.split_once('.') else { continue };
        let states = service.schemas.get(&machine.states).and_then(|s| s.variants.as_deref());
        let key = (table.to_owned(), column.to_owned());
        let mut is_changed = false;
        for (query, one) in prepared {
            if !one.touched.updates.contains(&key) {
                continue;
            }
            is_changed = true;
            let Some(declared) = service.queries.get(query) else { continue };
            let connection = binding_of(service, declared).and_then(|b| databases.get(b));
            let (Some(connection), Some(states)) = (connection, states) else { continue };
            let tried = Trial { connection, table, column, machine, states };
            for (from, to) in tried.wrong_moves(&declared.sql, &one.parameters) {
                let message = format!("query `{query}` moves `{name}` from `{from}` to `{to}`");
                findings.push(
                    Finding::new(codes::TRANSITION, &["queries", query, "sql"], None, message)
                        .caused_by(format!("`machines.{name}` has no such transition"))
                        .fixed_by(format!(
                            "add the states from which it may go to the condition on `{column}`"
                        )),
                );
            }
        }
        if !is_changed {
            let message = format!("no query changes `{}`", machine.column);
            findings.push(
                Finding::new(codes::TRANSITION, &["machines", name, "column"], None, message)
                    .caused_by("the SQL that moves the machine is checked against it")
                    .fixed_by("name the column that the queries change, as `table.column`"),
            );
        }
    }
}

/// Where queries are tried.
struct Trial<'a> {
    connection: &'a Connection,
    table: &'a str,
    column: &'a str,
    machine: &'a Machine,
    states: &'a [String],
}

impl Trial<'_> {
    /// Every move that the statement makes and the machine does not have.
    fn wrong_moves(&self, sql: &str, parameters: &[String]) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for from in self.states {
            for wanted in self.states {
                for key in 0..parameters.len().max(1) {
                    let Ok(Some(now)) = self.attempt(sql, parameters.len(), key, from, wanted)
                    else {
                        continue;
                    };
                    let moved = (from.clone(), now);
                    if moved.1 != *from
                        && !self.machine.allows(from, &moved.1)
                        && !wrong.contains(&moved)
                    {
                        wrong.push(moved);
                    }
                }
            }
        }
        wrong
    }

    /// The state of a row after the statement, with one parameter as the row's key and the others as a state.
    fn attempt(
        &self,
        sql: &str,
        parameters: usize,
        key: usize,
        from: &str,
        wanted: &str,
    ) -> rusqlite::Result<Option<String>> {
        // Only the state matters: what the row refers to, and what its other columns may hold, does not.
        self.connection.execute_batch(
            "pragma foreign_keys = off; pragma ignore_check_constraints = on; savepoint trial",
        )?;
        let moved = self.run(sql, parameters, key, from, wanted);
        self.connection.execute_batch(
            "rollback to trial; release trial; pragma ignore_check_constraints = off; pragma foreign_keys = on",
        )?;
        moved
    }

    fn run(
        &self,
        sql: &str,
        parameters: usize,
        key: usize,
        from: &str,
        wanted: &str,
    ) -> rusqlite::Result<Option<String>> {
        let rowid = self.insert(from)?;
        let values = (0..parameters).map(|index| if index == key { ROW } else { wanted });
        let mut statement = self.connection.prepare(sql.trim_end().trim_end_matches(';'))?;
        let mut rows = statement.query(params_from_iter(values))?;
        while rows.next()?.is_some() {}
        drop(rows);
        let state = format!("select {} from {} where rowid = ?1", self.column, self.table);
        let mut statement = self.connection.prepare(&state)?;
        let mut found = statement.query([rowid])?;
        found.next()?.map(|row| row.get(0)).transpose()
    }

    /// A row in that state; every other column that needs a value has one.
    fn insert(&self, state: &str) -> rusqlite::Result<i64> {
        let mut columns = Vec::new();
        let mut values = Vec::new();
        let mut statement = self.connection.prepare(
            "select name, type, pk, \"notnull\", dflt_value is null from pragma_table_info(?1)",
        )?;
        let mut rows = statement.query([self.table])?;
        while let Some(row) = rows.next()? {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let (is_key, is_needed, has_none): (bool, bool, bool) =
                (row.get(2)?, row.get(3)?, row.get(4)?);
            let is_number = kind.to_lowercase().contains("int");
            let value = match (name == self.column, is_key, is_needed && has_none) {
                (true, ..) => state,
                (_, true, _) => ROW,
                (.., true) if is_number => "1",
                (.., true) => "x",
                _ => continue,
            };
            columns.push(name);
            values.push(value.to_owned());
        }
        let places = vec!["?"; columns.len()].join(", ");
        let sql = format!("insert into {} ({}) values ({places})", self.table, columns.join(", "));
        self.connection.execute(&sql, params_from_iter(values))?;
        Ok(self.connection.last_insert_rowid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "create table jobs (id text primary key, owner text not null references users (id), \
                         status text not null default 'new' check (status in ('new', 'busy', 'done')), size integer not null)";

    fn wrong(sql: &str, parameters: &[&str]) -> Vec<(String, String)> {
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch(TABLE).expect("a table");
        let machine: Machine = serde_json::from_value(serde_json::json!({
            "states": "Status", "start": "new", "column": "jobs.status",
            "transitions": {"new": ["busy"], "busy": ["done"]},
            "read": {"route": "GET /jobs/{id}", "at": "/status"}, "moves": [],
        }))
        .expect("a machine");
        let states = ["new", "busy", "done"].map(str::to_owned);
        let trial = Trial {
            connection: &connection,
            table: "jobs",
            column: "status",
            machine: &machine,
            states: &states,
        };
        let parameters: Vec<String> = parameters.iter().map(|name| (*name).to_owned()).collect();
        trial.wrong_moves(sql, &parameters)
    }

    #[test]
    fn a_guarded_statement_makes_only_declared_transitions() {
        let guarded = "update jobs set status = :to where id = :id and \
                       ((status = 'new' and :to = 'busy') or (status = 'busy' and :to = 'done'))";
        assert_eq!(wrong(guarded, &["to", "id"]), []);
        let fixed = "update jobs set status = 'busy' where id = :id and status = 'new'";
        assert_eq!(wrong(fixed, &["id"]), []);
    }

    #[test]
    fn a_statement_without_a_guard_is_found_out() {
        let unguarded = wrong("update jobs set status = :to where id = :id", &["to", "id"]);
        assert!(unguarded.contains(&("done".to_owned(), "new".to_owned())), "{unguarded:?}");
        let late = wrong("update jobs set status = 'done' where id = :id", &["id"]);
        assert_eq!(late, [("new".to_owned(), "done".to_owned())]);
    }
}
