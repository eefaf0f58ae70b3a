//! Who applies migrations to a database of their own: the service's binary, or wrangler for a worker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow};
use proofline_spec::document::Environment;

use crate::context::Context;
use crate::run::said::{self, Said};
use crate::run::start::Started;
use crate::run::workspace::LoadedService;
use crate::workers::tools::Wrangler;
use crate::workers::wrangler::{self, Call};

/// Where wrangler keeps the databases of a folder, each in a file.
const DATABASES: &str = "v3/d1/miniflare-D1DatabaseObject";

/// Who applies the migrations of one database.
pub(super) enum Applier<'a> {
    /// The service's own program.
    Program {
        /// Where it is.
        program: PathBuf,
        /// What it is started with.
        variables: &'a BTreeMap<String, String>,
    },
    /// Wrangler, as it does before a deployment.
    Wrangler {
        /// How it is called.
        call: Call<'a>,
        /// Name of the binding.
        database: &'a str,
    },
}

impl<'a> Applier<'a> {
    /// Who does it where the environment runs: wrangler, where it is given; nobody where nothing was started here.
    pub(super) fn of(
        context: &'a Context,
        (service, database): (&LoadedService, &'a str),
        environment: &'a Environment,
        started: Option<&'a Started>,
        (wrangler, folder): (Option<&'a Wrangler>, &'a Path),
    ) -> Result<Option<Self>> {
        let Some(started) = started else { return Ok(None) };
        if let Some(wrangler) = wrangler {
            let call = Call::new(context, wrangler, environment, folder)?;
            let generated = wrangler::generated(&context.root, service)?;
            wrangler::configure(context, service, environment, generated, &call.configuration())?;
            return Ok(Some(Self::Wrangler { call, database }));
        }
        let variables = &started.variables;
        Ok(started.program.clone().map(|program| Self::Program { program, variables }))
    }

    /// How the summary calls it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Program { .. } => "the service's own binary",
            Self::Wrangler { .. } => "wrangler",
        }
    }

    /// Makes an empty database, and says where its file is.
    pub(super) fn make(&self, context: &Context, folder: &Path) -> Result<PathBuf> {
        let Self::Wrangler { call, database } = self else { return Ok(folder.join("migrated.db")) };
        let mut command = call.command(&["d1", "execute", database, "--local", "--yes"]);
        command.args(["--command", "select 1", "--persist-to"]).arg(folder);
        let said = said::call(context, &mut command, None)?;
        let files = std::fs::read_dir(folder.join(DATABASES)).into_iter().flatten().flatten();
        let found = files.map(|entry| entry.path()).find(|path| is_database(path));
        found.ok_or_else(|| anyhow!("wrangler made no database: {}", said.last_lines(3)))
    }

    /// Applies what is not applied yet to the database that was made in this folder.
    pub(super) fn apply(&self, context: &Context, folder: &Path, file: &Path) -> Result<Said> {
        let mut command = match self {
            Self::Program { program, variables } => {
                let mut command = Command::new(program);
                let url = format!("sqlite:{}", file.display());
                command.arg("migrate").env_clear().envs(*variables).env("DATABASE_URL", url);
                command
            }
            Self::Wrangler { call, database } => call.migrate_here(database, folder),
        };
        said::call(context, command.stdin(Stdio::null()), None)
            .with_context(|| format!("cannot start {}", self.name()))
    }

    /// Whether it says what went wrong: the program names the migration, wrangler what is in the way.
    pub(super) fn says_failed(&self, said: &Said, stem: &str, obstacle: &str) -> bool {
        let text = said.all();
        let is_told = match self {
            Self::Program { .. } => text.contains(stem),
            Self::Wrangler { .. } => {
                text.lines().any(|line| line.contains("already") && line.contains(obstacle))
            }
        };
        !said.success && is_told
    }
}

/// A file that holds a database; the one beside it is the platform's own.
fn is_database(path: &Path) -> bool {
    let is_sqlite = path.extension().is_some_and(|extension| extension == "sqlite");
    is_sqlite && path.file_stem().is_some_and(|stem| stem != "metadata")
}
