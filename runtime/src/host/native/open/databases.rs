//! Databases: migrated, then opened, on a server or in a file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Opening;
use crate::binding::sql::Database;
use crate::definition;
use crate::host::faults;
use crate::host::log::Level;
use crate::host::native::databases::Databases;
#[cfg(feature = "postgres")]
use crate::host::native::postgres;
use crate::host::native::sqlite::{Sqlite, migration};

/// Every database of the service, with its migrations applied.
pub(in crate::host::native) async fn databases(
    opening: &Opening<'_>,
) -> Result<HashMap<&'static str, Arc<dyn Database>>, String> {
    let config = &opening.config.databases;
    let mut databases = HashMap::new();
    for (position, database) in opening.definition.databases.iter().enumerate() {
        if config.migrates {
            for name in migrate(config, position, database).await? {
                opening.log.event(Level::Info, "migrated", &[("migration", name.into())]);
            }
        }
        let store = open(config, position, database)?;
        databases.insert(database.name, faults::database(database.name, store, opening.faults));
    }
    Ok(databases)
}

/// Applies what has not been applied yet to the database at this position, and says which.
#[cfg_attr(
    not(feature = "postgres"),
    expect(clippy::unused_async, reason = "a server's database is migrated over the network")
)]
pub(in crate::host::native) async fn migrate(
    config: &Databases,
    position: usize,
    database: &definition::Database,
) -> Result<Vec<&'static str>, String> {
    #[cfg(feature = "postgres")]
    if let Some(server) = config.servers.get(database.name) {
        let migrated = postgres::migration::migrate(server, database.migrations).await;
        return migrated.map_err(|error| format!("{}: {error}", database.name));
    }
    migration::migrate(&path(config, position, database.name), database.migrations)
}

fn open(
    config: &Databases,
    position: usize,
    database: &definition::Database,
) -> Result<Arc<dyn Database>, String> {
    #[cfg(feature = "postgres")]
    if let Some(server) = config.servers.get(database.name) {
        return Ok(Arc::new(postgres::Postgres::open(server, database)?));
    }
    let path = path(config, position, database.name);
    Ok(Arc::new(Sqlite::open(&path, database.statement_timeout)?))
}

/// One file for one database; further databases get files beside it.
fn path(config: &Databases, position: usize, name: &str) -> PathBuf {
    if position == 0 {
        config.file.clone()
    } else {
        config.file.with_extension(format!("{name}.db"))
    }
}
