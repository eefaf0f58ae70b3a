//! Where the databases are, from the process's environment: in a file, or on a server.

#[cfg(feature = "postgres")]
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "postgres")]
use super::postgres::Server;
use crate::definition::Definition;
use crate::host::config::{ConfigProblem, Reader, on_off};

/// What the databases are configured with; all that migrating needs.
#[derive(Debug)]
pub struct Databases {
    /// The file of the first one, where it is `SQLite`; files of other stores stand beside it.
    pub file: PathBuf,
    /// Those that are on a server, by binding.
    #[cfg(feature = "postgres")]
    pub servers: HashMap<&'static str, Server>,
    /// Whether migrations are applied when the service starts.
    pub migrates: bool,
}

/// The variable that says where a database is.
pub(super) fn variable(position: usize, name: &str) -> String {
    if position == 0 { "DATABASE_URL".to_owned() } else { format!("{name}_URL") }
}

#[cfg(feature = "postgres")]
impl Databases {
    /// Whether this one is on a server, which replicas share.
    pub(super) fn is_on_server(&self, name: &str) -> bool {
        self.servers.contains_key(name)
    }

    /// Whether the server of this one answers; one in a file needs none.
    pub(super) async fn answers(&self, name: &str, longest: Duration) -> Result<(), String> {
        match self.servers.get(name) {
            Some(server) => super::postgres::answers(server, longest).await,
            None => Ok(()),
        }
    }
}

#[cfg(not(feature = "postgres"))]
#[expect(clippy::unused_self, clippy::unused_async, reason = "as with Postgres")]
impl Databases {
    /// Whether this one is on a server: none is.
    pub(super) fn is_on_server(&self, _: &str) -> bool {
        false
    }

    /// One in a file needs no server.
    pub(super) async fn answers(&self, _: &str, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

/// Reads what the databases are configured with, and nothing else.
pub fn read_alone(
    definition: &'static Definition,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Databases, Vec<ConfigProblem>> {
    let mut reader = Reader::new(variable);
    let databases = read(&mut reader, definition);
    reader.finish(databases)
}

/// Reads what the databases are configured with.
pub(super) fn read(reader: &mut Reader<'_>, definition: &'static Definition) -> Databases {
    let mut databases = Databases {
        file: PathBuf::from(format!("data/{}.db", definition.service)),
        #[cfg(feature = "postgres")]
        servers: HashMap::new(),
        migrates: reader.parsed("MIGRATE", true, on_off, "write on or off"),
    };
    for (position, database) in definition.databases.iter().enumerate() {
        let name = variable(position, database.name);
        let Some(url) = reader.get(&name) else { continue };
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" || position > 0 {
                let fix = "write sqlite:PATH, such as sqlite:data/service.db, for the first one";
                reader.wrong(&name, "it is not valid", fix);
            } else {
                databases.file = PathBuf::from(path);
            }
        } else {
            server(reader, &name, &url, database.name, definition, &mut databases);
        }
    }
    databases
}

#[cfg(feature = "postgres")]
fn server(
    reader: &mut Reader<'_>,
    variable: &str,
    url: &str,
    binding: &'static str,
    definition: &'static Definition,
    databases: &mut Databases,
) {
    let size = format!("{binding}_POOL");
    let pool = reader.parsed(
        &size,
        None,
        |text| text.parse().ok().filter(|size| *size > 0).map(Some),
        "give how many connections there are at most, such as 50",
    );
    let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let server = if known { Server::parse(url) } else { Err("it is not valid") };
    match server {
        Ok(server) => {
            databases.servers.insert(binding, server.named(definition.service, pool));
        }
        Err(problem) => reader.wrong(
            variable,
            problem,
            "write sqlite:PATH or postgres://user:password@host:5432/database",
        ),
    }
}

#[cfg(not(feature = "postgres"))]
fn server(
    reader: &mut Reader<'_>,
    variable: &str,
    _: &str,
    _: &'static str,
    _: &'static Definition,
    _: &mut Databases,
) {
    let fix = "write sqlite:PATH, such as sqlite:data/service.db";
    reader.wrong(variable, "it is not valid, or of a kind that was not built in", fix);
}
