//! Migrations on a server: one process at a time, each migration in a transaction.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;

use super::error;
use super::reach::reach;
use super::server::Server;
use crate::context::hex;
use crate::definition::Migration;

/// Who holds this lock migrates; the others wait. Locks belong to one database of the server.
const LOCK: i64 = 0x7072_6f6f_666c_696e;
/// How long a server that has just been started may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long another process may take to migrate.
const LONGEST: &str = "10min";

const TABLE: &str = "create table if not exists proofline_migrations (\
    name text primary key, checksum text not null, applied_at text not null)";

/// Applies what has not been applied yet, and says which.
pub async fn migrate(
    server: &Server,
    migrations: &'static [Migration],
) -> Result<Vec<&'static str>, String> {
    let (mut client, connection) = reach(server, PATIENCE).await?;
    let work = async {
        let text = |e: tokio_postgres::Error| error::text(&e);
        let session = format!(
            "set client_min_messages = error; set timezone = 'UTC'; set lock_timeout = '{LONGEST}'"
        );
        client.batch_execute(&session).await.map_err(text)?;
        // It ends with the connection, whatever happens to this process.
        client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(text)?;
        client.batch_execute(TABLE).await.map_err(text)?;
        let mut applied = Vec::new();
        for migration in migrations {
            let name = migration.name;
            if apply(&mut client, migration).await.map_err(|error| format!("{name}: {error}"))? {
                applied.push(name);
            }
        }
        Ok(applied)
    };
    let result = work.await;
    connection.abort();
    result
}

async fn apply(client: &mut Client, migration: &Migration) -> Result<bool, String> {
    let text = |error: tokio_postgres::Error| error::text(&error);
    // Of what people wrote: the form for Postgres may be made better.
    let checksum = hex(&Sha256::digest(migration.sql.as_bytes()));
    let transaction = client.transaction().await.map_err(text)?;
    let known = transaction
        .query_opt("select checksum from proofline_migrations where name = $1", &[&migration.name])
        .await
        .map_err(text)?;
    if let Some(known) = known {
        return if known.try_get::<_, String>(0).map_err(text)? == checksum {
            Ok(false)
        } else {
            Err("it was changed after it had been applied".to_owned())
        };
    }
    transaction.batch_execute(migration.postgres).await.map_err(text)?;
    transaction
        .execute(
            "insert into proofline_migrations (name, checksum, applied_at) values \
             ($1, $2, to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))",
            &[&migration.name, &checksum],
        )
        .await
        .map_err(text)?;
    transaction.commit().await.map_err(text)?;
    Ok(true)
}
