//! Migrations: read in order, applied to an empty database.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Binding, Service};
use rusqlite::Connection;

use super::{Finding, finding};

/// A file `NNNN_name.sql` of a binding's migrations folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The file's name.
    pub file: String,
    /// Its statements.
    pub sql: String,
}

/// The migrations of every `sql` binding, in order; `base` is the folder of the spec.
pub fn read_migrations(
    service: &Service,
    base: &Path,
) -> io::Result<BTreeMap<String, Vec<Migration>>> {
    let mut all = BTreeMap::new();
    for (name, binding) in &service.bindings {
        let Binding::Sql { migrations, .. } = binding else { continue };
        let mut files = Vec::new();
        // A folder that is not there is a finding of the spec's checks, not an error of reading.
        for entry in std::fs::read_dir(base.join(migrations)).into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push(Migration { file, sql: std::fs::read_to_string(&path)? });
            }
        }
        files.sort_by(|a, b| a.file.cmp(&b.file));
        all.insert(name.clone(), files);
    }
    Ok(all)
}

/// An empty database to which the migrations were applied, each in a transaction.
#[expect(clippy::result_large_err, reason = "findings are few, and made once")]
pub(super) fn database(binding: &str, files: &[Migration]) -> Result<Connection, Finding> {
    let place = ["bindings", binding, "migrations"];
    let failure = |message: String| Finding::new(codes::MIGRATION, &place, None, message);
    let connection = Connection::open_in_memory()
        .map_err(|error| failure(format!("the embedded database does not open: {error}")))?;
    let mut last: Option<(u32, &str)> = None;
    for Migration { file, sql } in files {
        let number = number(file).ok_or_else(|| {
            failure(format!("the migration `{file}` is not named `NNNN_name.sql`"))
                .caused_by("migrations are applied in the order of their numbers")
                .fixed_by("name it like `0004_what_it_does.sql`")
        })?;
        if let Some((before, other)) = last
            && before == number
        {
            return Err(failure(format!("`{other}` and `{file}` have the same number"))
                .caused_by("migrations are applied in the order of their numbers")
                .fixed_by(format!("give `{file}` the next free number")));
        }
        last = Some((number, file));
        let script = format!("begin;\n{sql}\n;commit;");
        connection.execute_batch(&script).map_err(|error| {
            let (message, _) = finding::explain(&error);
            let suggestion = finding::suggest(&connection, &message);
            failure(format!("the migration `{file}` cannot be applied: {message}"))
                .caused_by(
                    "every migration is applied to an empty database when the service is generated",
                )
                .fixed_by(suggestion.unwrap_or_else(|| format!("correct the SQL of `{file}`")))
        })?;
    }
    Ok(connection)
}

/// The number that the file's name begins with.
pub(super) fn number(file: &str) -> Option<u32> {
    let (number, rest) = file.split_once('_')?;
    let name = rest.strip_suffix(".sql")?;
    let well_named = number.len() == 4 && !name.is_empty();
    well_named.then(|| number.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(file: &str, sql: &str) -> Migration {
        Migration { file: file.to_owned(), sql: sql.to_owned() }
    }

    #[test]
    fn migration_that_does_not_apply_is_named() {
        let files = [
            migration("0001_a.sql", "create table users (id text)"),
            migration("0002_b.sql", "create index i on user (id)"),
        ];
        let finding = database("DB", &files).unwrap_err();
        assert!(finding.message.contains("0002_b.sql"), "{}", finding.message);
        assert_eq!(finding.pointer, ["bindings", "DB", "migrations"]);
    }

    #[test]
    fn names_and_numbers_are_checked() {
        assert_eq!(number("0012_users.sql"), Some(12));
        assert_eq!(number("12_users.sql"), None);
        assert_eq!(number("0012_.sql"), None);
        let twice = [migration("0001_a.sql", ""), migration("0001_b.sql", "")];
        assert!(database("DB", &twice).unwrap_err().message.contains("same number"));
    }
}
