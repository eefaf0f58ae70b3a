//! Databases: migrated, then opened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Opening;
use crate::binding::sql::Database;
use crate::definition;
use crate::host::faults::FaultyDatabase;
use crate::host::log::Level;
use crate::host::native::config::Config;
use crate::host::native::sqlite::{Sqlite, migration};

/// Every database of the service, with its migrations applied.
pub(in crate::host::native) async fn databases(
    opening: &Opening<'_>,
) -> Result<HashMap<&'static str, Arc<dyn Database>>, String> {
    let mut databases = HashMap::new();
    for (position, database) in opening.definition.databases.iter().enumerate() {
        for name in migrate(opening.config, position, database).await? {
            opening.log.event(Level::Info, "migrated", &[("migration", name.into())]);
        }
        let path = path(opening.config, position, database.name);
        let store: Arc<dyn Database> = Arc::new(Sqlite::open(&path, database.statement_timeout)?);
        databases.insert(database.name, disturbed(opening, database.name, store));
    }
    Ok(databases)
}

/// Applies what has not been applied yet to the database at this position, and says which.
#[expect(clippy::unused_async, reason = "a server's database is migrated over the network")]
pub(in crate::host::native) async fn migrate(
    config: &Config,
    position: usize,
    database: &definition::Database,
) -> Result<Vec<&'static str>, String> {
    migration::migrate(&path(config, position, database.name), database.migrations)
}

/// One file for one database; further databases get files beside it.
fn path(config: &Config, position: usize, name: &str) -> PathBuf {
    if position == 0 {
        config.database.clone()
    } else {
        config.database.with_extension(format!("{name}.db"))
    }
}

fn disturbed(
    opening: &Opening<'_>,
    name: &'static str,
    store: Arc<dyn Database>,
) -> Arc<dyn Database> {
    let Some(faults) = opening.faults else { return store };
    Arc::new(FaultyDatabase::new(name, store, Arc::clone(faults), Arc::clone(opening.clock)))
}
