//! Backups of stores that are files on this machine: what the embedded engines keep, and what the platform's local runtime
//! keeps of databases, key-value stores, buckets and objects. Taken, read back, restored, and compared row by row.

pub(crate) mod check;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_generator::sql::copy;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::Digest;
use serde::{Deserialize, Serialize};

/// The version of the manifest's form that is written and read.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// Where the files of the store are, beside the manifest.
const STORE: &str = "store";

/// What a backup is of, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The service.
    pub(crate) service: String,
    /// The environment.
    pub(crate) environment: String,
    /// Digest of the spec, with its migrations.
    pub(crate) spec_digest: Digest,
    /// When it was taken.
    pub(crate) taken_at: String,
    files: BTreeMap<String, Entry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    sha256: Digest,
    /// Rows by table, where it is a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tables: Option<BTreeMap<String, usize>>,
}

impl Manifest {
    /// A backup of this service, as it is now.
    pub(crate) fn new((service, environment): (&str, &str), spec: Digest, now: String) -> Self {
        Self {
            format: FORMAT,
            service: service.to_owned(),
            environment: environment.to_owned(),
            spec_digest: spec,
            taken_at: now,
            files: BTreeMap::new(),
        }
    }

    /// How many rows it has, and how many databases and other files.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let tables = || self.files.values().filter_map(|entry| entry.tables.as_ref());
        let rows = tables().flat_map(BTreeMap::values).sum();
        (rows, tables().count(), self.files.len() - tables().count())
    }

    /// How many rows are in tables of these names.
    pub(crate) fn rows_of(&self, own: &BTreeSet<String>) -> usize {
        let tables = self.files.values().filter_map(|entry| entry.tables.as_ref()).flatten();
        tables.filter(|(name, _)| own.contains(*name)).map(|(_, rows)| rows).sum()
    }

    /// The counts for people.
    pub(crate) fn describe(&self) -> String {
        let (rows, databases, others) = self.counts();
        format!("{rows} rows in {databases} databases, {others} other files")
    }
}

/// Takes a backup of a store, a file or a folder, into a new folder, and reads it back.
pub(crate) fn take(store: &Path, folder: &Path, manifest: Manifest) -> Result<Manifest> {
    let files = files(store)?;
    if files.is_empty() {
        bail!("there is nothing to back up in {}", store.display());
    }
    make_empty(folder)?;
    for (name, from) in files {
        copy_file(&from, &folder.join(STORE).join(&name))?;
    }
    close(folder, manifest)
}

/// Says what is in a backup, and reads it back.
fn close(folder: &Path, mut manifest: Manifest) -> Result<Manifest> {
    for (name, path) in files(&folder.join(STORE))? {
        manifest.files.insert(name, entry(&path)?);
    }
    let text = serde_json::to_string_pretty(&manifest)? + "\n";
    write_atomically(&folder.join(MANIFEST), text.as_bytes())?;
    let found = read(folder)?;
    if found != manifest {
        bail!("{} does not hold what was written", folder.display());
    }
    Ok(manifest)
}

/// Reads a backup, and makes sure that it is whole.
pub(crate) fn read(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}: it is no backup, or was cut off", path.display())
    })?;
    let manifest: Manifest = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a manifest of a backup", path.display()))?;
    if manifest.format != FORMAT {
        bail!("the backup has form {}, and this tool reads form {FORMAT}", manifest.format);
    }
    let there = files(&folder.join(STORE))?;
    let names: Vec<&String> = there.iter().map(|(name, _)| name).collect();
    if let Some(lost) = manifest.files.keys().find(|name| !names.contains(name)) {
        bail!("the backup is not whole: `{lost}` is missing");
    }
    for (name, path) in &there {
        let Some(entry) = manifest.files.get(name) else {
            bail!("`{name}` is not of this backup");
        };
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if Digest::of(&bytes) != entry.sha256 {
            bail!(
                "`{name}` was changed after the backup: its digest does not agree with the manifest"
            );
        }
    }
    Ok(manifest)
}

/// Puts a backup into a new place, and says everything that differs there from the backup.
pub(crate) fn restore(folder: &Path, to: &Path) -> Result<(Manifest, Vec<String>)> {
    let manifest = read(folder)?;
    make_empty(to)?;
    for (name, from) in files(&folder.join(STORE))? {
        copy_file(&from, &to.join(&name))?;
    }
    let differences = differences(&folder.join(STORE), to)?;
    Ok((manifest, differences))
}

/// Everything in which two stores differ: rows of databases, bytes of other files.
pub(crate) fn differences(one: &Path, other: &Path) -> Result<Vec<String>> {
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (files(one)?.into_iter().collect(), files(other)?.into_iter().collect());
    let mut found: Vec<String> = Vec::new();
    found.extend(
        before.keys().filter(|n| !after.contains_key(*n)).map(|n| format!("`{n}` is lost")),
    );
    found
        .extend(after.keys().filter(|n| !before.contains_key(*n)).map(|n| format!("`{n}` is new")));
    for (name, one) in &before {
        let Some(other) = after.get(name) else { continue };
        if copy::is_database(one)? && copy::is_database(other)? {
            let rows = copy::differences(one, other);
            let rows = rows.with_context(|| format!("cannot compare `{name}`"))?;
            found.extend(rows.into_iter().map(|row| format!("`{name}`: {row}")));
        } else if std::fs::read(one)? != std::fs::read(other)? {
            found.push(format!("`{name}` is another file"));
        }
    }
    Ok(found)
}

/// Whether a folder of the platform's local runtime holds what nobody misses: cached answers, and the counters of limits,
/// of which there is a database for each client.
fn is_passing(name: &str) -> bool {
    name == "v3/cache" || (name.starts_with("v3/do/") && name.ends_with("-RateLimiter"))
}

/// The files of a store by their names in it; what a database writes beside itself belongs to it.
fn files(store: &Path) -> Result<Vec<(String, PathBuf)>> {
    if store.is_file() {
        let name = store.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, store.to_owned())]);
    }
    let (mut found, mut open) = (Vec::new(), vec![store.to_owned()]);
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.strip_prefix(store).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                if !is_passing(&name) {
                    open.push(path);
                }
            } else if !["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end)) {
                found.push((name, path));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    private(to.parent().unwrap_or(to))?;
    if copy::is_database(from)? {
        copy::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))
    } else {
        std::fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
    }
}

fn entry(file: &Path) -> Result<Entry> {
    let tables = copy::is_database(file)?.then(|| copy::counts(file)).transpose();
    let tables = tables.with_context(|| format!("{} is broken", file.display()))?;
    Ok(Entry { sha256: Digest::of(&std::fs::read(file)?), tables })
}

/// What is there already is never overwritten.
fn make_empty(folder: &Path) -> Result<()> {
    if folder.exists() && (folder.is_file() || std::fs::read_dir(folder)?.next().is_some()) {
        bail!("{} is not empty\nhint: name a folder that is not there yet", folder.display());
    }
    private(folder)
}

/// What people entrusted to a service is in it: nobody else reads it.
fn private(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A store with a database that is being written to, and a file beside it.
    fn store(folder: &Path) -> (PathBuf, Connection) {
        let store = folder.join("data");
        write_atomically(&store.join("blobs/a"), b"bytes").unwrap();
        let connection = Connection::open(store.join("one.sqlite")).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection
            .execute_batch("create table notes (id text primary key, text text); insert into notes values ('a', 'one'), ('b', 'two');")
            .unwrap();
        (store, connection)
    }

    fn manifest() -> Manifest {
        Manifest::new(("tiny", "local"), Digest::of(b"spec"), "2026-01-01T00:00:00Z".to_owned())
    }

    #[test]
    fn backup_of_a_store_in_use_is_restored_with_every_row_and_file() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _connection) = store(folder.path());
        let (backup, new) = (folder.path().join("backup"), folder.path().join("new"));
        let taken = take(&store, &backup, manifest()).unwrap();
        assert_eq!(taken.counts(), (2, 1, 1));
        let (read, differences) = restore(&backup, &new).unwrap();
        assert_eq!((read, differences), (taken, Vec::new()));
        assert_eq!(super::differences(&store, &new).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn counters_of_limits_and_cached_answers_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("data");
        for name in
            ["v3/cache/a", "v3/do/tiny-RateLimiter/a.sqlite", "v3/do/tiny-Room/a", "v3/r2/a"]
        {
            write_atomically(&store.join(name), b"bytes").unwrap();
        }
        let names: Vec<String> = files(&store).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["v3/do/tiny-Room/a", "v3/r2/a"]);
    }

    #[test]
    fn row_that_is_changed_or_lost_after_a_restoration_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _connection) = store(folder.path());
        let (backup, new) = (folder.path().join("backup"), folder.path().join("new"));
        take(&store, &backup, manifest()).unwrap();
        restore(&backup, &new).unwrap();
        let restored = Connection::open(new.join("one.sqlite")).unwrap();
        restored.execute_batch("update notes set text = 'other' where id = 'b'").unwrap();
        let found = super::differences(&store, &new).unwrap();
        assert_eq!(found, ["`one.sqlite`: notes: 0 rows lost, 0 new, 1 changed"]);
        restored.execute_batch("delete from notes where id = 'b'").unwrap();
        let found = super::differences(&store, &new).unwrap();
        assert_eq!(found, ["`one.sqlite`: notes: 1 rows lost, 0 new, 0 changed"]);
    }

    #[test]
    fn backup_that_was_changed_or_is_not_whole_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _connection) = store(folder.path());
        let backup = folder.path().join("backup");
        take(&store, &backup, manifest()).unwrap();
        let blob = backup.join("store/blobs/a");
        write_atomically(&blob, b"other").unwrap();
        let said = read(&backup).unwrap_err().to_string();
        assert!(said.contains("`blobs/a` was changed"), "{said}");
        std::fs::remove_file(&blob).unwrap();
        let said = restore(&backup, &folder.path().join("new")).unwrap_err().to_string();
        assert!(said.contains("`blobs/a` is missing"), "{said}");
        assert!(!folder.path().join("new").exists());
    }

    #[test]
    fn nothing_that_is_there_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _connection) = store(folder.path());
        let backup = folder.path().join("backup");
        take(&store, &backup, manifest()).unwrap();
        for (said, ended) in [
            ("a restoration", restore(&backup, &store).map(drop)),
            ("a backup", take(&store, &backup, manifest()).map(drop)),
        ] {
            let why = ended.unwrap_err().to_string();
            assert!(why.contains("is not empty"), "{said}: {why}");
        }
    }
}
