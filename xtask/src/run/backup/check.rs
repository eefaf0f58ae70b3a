//! Whether what a service holds can be restored from a backup: taken while it runs, restored into an empty store, every
//! row compared; and whether a row that is missing there, and a backup that was edited, would be noticed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use proofline_generator::sql::copy;
use proofline_generator::tree::write_atomically;
use proofline_spec::document::{Environment, ProbeName};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, StepEvidence};

use super::server::{self, Server};
use super::{Manifest, STORE, files};
use crate::context::Context;
use crate::run::probe::{self, Probe};
use crate::run::start::Started;
use crate::run::workspace::LoadedService;

/// The service writes by itself, too: so often it is looked whether nothing differs but that.
const LOOKS: usize = 5;
/// How long is waited before another look.
const PAUSE: Duration = Duration::from_secs(1);
/// The dump of a server among the files of a backup.
const DUMP: &str = "dump.sql";

/// What a backup is taken of.
trait Store {
    /// Which of these texts are values of rows in a backup.
    fn found(&self, backup: &Path, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>>;
    /// Takes a backup into a folder that is not there yet.
    fn back_up(&self, backup: &Path, manifest: Manifest) -> Result<Manifest>;
    /// Restores it into an empty place; what differs there from what the service itself has, and how many rows are there.
    fn restore(&self, backup: &Path, new: &Path) -> Result<(Vec<String>, usize)>;
    /// Takes a row out of what was restored; its table, where there is one, and what differs then from the backup.
    fn lose_a_row(&self, backup: &Path, new: &Path) -> Result<(Option<String>, Vec<String>)>;
}

/// A folder of databases and other files.
struct Folder<'a> {
    store: PathBuf,
    /// The tables that the service's migrations make.
    own: &'a BTreeSet<String>,
}

impl Store for Folder<'_> {
    fn found(&self, backup: &Path, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for (_, path) in files(&backup.join(STORE))? {
            if copy::is_database(&path)? {
                all.extend(copy::found(&path, wanted)?);
            }
        }
        Ok(all)
    }

    fn back_up(&self, backup: &Path, manifest: Manifest) -> Result<Manifest> {
        super::take(&self.store, backup, manifest)
    }

    fn restore(&self, backup: &Path, new: &Path) -> Result<(Vec<String>, usize)> {
        let (manifest, mut differences) = super::restore(backup, new)?;
        differences.extend(super::differences(&self.store, new)?);
        Ok((differences, manifest.rows_of(self.own)))
    }

    fn lose_a_row(&self, backup: &Path, new: &Path) -> Result<(Option<String>, Vec<String>)> {
        for (_, path) in files(new)? {
            if copy::is_database(&path)?
                && let Some(table) = copy::lose_a_row(&path, self.own)?
            {
                return Ok((Some(table), super::differences(&backup.join(STORE), new)?));
            }
        }
        Ok((None, Vec::new()))
    }
}

impl Store for Server<'_> {
    fn found(&self, backup: &Path, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let dump = std::fs::read_to_string(backup.join(STORE).join(DUMP))?;
        // Values of a dump stand between tabs and ends of lines, one row after the other.
        let values: BTreeSet<&str> = dump.split(['\t', '\n']).collect();
        Ok(wanted.iter().filter(|text| values.contains(text.as_str())).cloned().collect())
    }

    fn back_up(&self, backup: &Path, manifest: Manifest) -> Result<Manifest> {
        super::private(&backup.join(STORE))?;
        let dump = self.dump()?.unwrap_or_default();
        write_atomically(&backup.join(STORE).join(DUMP), dump.as_bytes())?;
        super::close(backup, manifest)
    }

    fn restore(&self, backup: &Path, _: &Path) -> Result<(Vec<String>, usize)> {
        super::read(backup)?;
        self.fill(&std::fs::read_to_string(backup.join(STORE).join(DUMP))?)?;
        let restored = self.restored()?;
        Ok((server::differences(&self.own()?, &restored), server::count(&restored, self.own)))
    }

    fn lose_a_row(&self, _: &Path, _: &Path) -> Result<(Option<String>, Vec<String>)> {
        let before = self.restored()?;
        let table = self.lose(&before)?;
        Ok((table, server::differences(&before, &self.restored()?)))
    }
}

/// Takes a backup of what runs, and restores it. `fill` makes accounts, and says what each is known by.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    started: Option<&Started>,
    fill: impl FnOnce() -> Result<Vec<Vec<String>>>,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Backup);
    let Some(started) = started else {
        return Ok(probe.undecided("nothing is started here whose store could be backed up", 1));
    };
    let names = (service.folder.as_str(), environment.environment.as_str());
    let manifest = || Manifest::new(names, service.digest, Context::now());
    let own = tables(service);
    let server = Server { context, service, started, own: &own };
    let (what, found) = if let Some(store) = started.data() {
        ("the store's files", steps(&Folder { store, own: &own }, manifest, fill)?)
    } else if server.dump()?.is_some() {
        let found = steps(&server, manifest, fill)?;
        server.clear()?;
        ("the database on its server", found)
    } else {
        let why = "the store is in a volume that only the service's container sees";
        return Ok(probe.undecided(why, 1));
    };
    let (steps, rows) = found;
    if rows == 0 {
        return Ok(probe.undecided("no row of the service is there that a backup could lose", 1));
    }
    let place = format!("environments/{}.yaml", environment.environment);
    let scenario = probe::scenario(format!("Backup of {what}"), place, steps);
    let judged = match probe::first_failure(std::slice::from_ref(&scenario)) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (
            CheckOutcome::Passed,
            format!(
                "{rows} rows of the service, in {what}, restored into an empty place, none different"
            ),
        ),
    };
    Ok(probe.end(judged, (1, 1), vec![scenario], None))
}

/// The tables that the migrations make.
fn tables(service: &LoadedService) -> BTreeSet<String> {
    let texts = service.migrations.values().flatten().map(|migration| migration.sql.as_str());
    texts.flat_map(made).collect()
}

/// The names of tables after `create table`; what else makes tables, such as a search index, makes them for itself.
fn made(sql: &str) -> Vec<String> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let at = |index: usize| words.get(index).copied().unwrap_or_default();
    let is = |index: usize, word: &str| at(index).eq_ignore_ascii_case(word);
    let name = |index: usize| {
        let index = if is(index, "if") { index + 3 } else { index };
        let name = at(index).split('(').next().unwrap_or_default();
        name.trim_matches(['"', '`', '[', ']']).to_owned()
    };
    (1..words.len())
        .filter(|index| is(index - 1, "create") && is(*index, "table"))
        .map(|index| name(index + 1))
        .collect()
}

/// What was seen, and how many rows of the service were restored.
fn steps(
    store: &dyn Store,
    manifest: impl Fn() -> Manifest,
    fill: impl FnOnce() -> Result<Vec<Vec<String>>>,
) -> Result<(Vec<StepEvidence>, usize)> {
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let made = fill()?;
    let wanted: BTreeSet<String> = made.iter().flatten().cloned().collect();
    let mut look = 1;
    loop {
        let name = |what: &str| folder.path().join(format!("{what}-{look}"));
        let (backup, new) = (name("backup"), name("restored"));
        let tried = store.back_up(&backup, manifest());
        let tried = tried.and_then(|taken| Ok((taken, store.restore(&backup, &new)?)));
        // What the service writes meanwhile is a difference, too.
        let is_same = tried.as_ref().is_ok_and(|(_, (unlike, _))| unlike.is_empty());
        if !is_same && look < LOOKS {
            look += 1;
            std::thread::sleep(PAUSE);
            continue;
        }
        let when = format!("When a backup is taken while the service runs, at look {look}");
        let (taken, (unlike, rows)) = match tried {
            Ok(tried) => tried,
            Err(error) => {
                let why = Some(format!("{error:#}"));
                let text = "Then it can be restored into an empty place";
                return Ok((vec![probe::step(when, true, None), probe::step(text, false, why)], 1));
            }
        };
        // What people do must be in what is backed up: a service may keep it elsewhere.
        let kept = if made.is_empty() {
            None
        } else {
            let found = store.found(&backup, &wanted)?;
            let there = |known: &&Vec<String>| known.iter().any(|text| found.contains(text));
            let there = made.iter().filter(there).count();
            let told = format!("{there} of {}", made.len());
            let text = "Then the accounts that were made just before are among its rows";
            Some(probe::step(text, there == made.len(), Some(told)))
        };
        let (lost, noticed) = store.lose_a_row(&backup, &new)?;
        let Some(lost) = lost else {
            return Ok((kept.into_iter().collect(), usize::from(!made.is_empty())));
        };
        let edited = edit(&backup)?;
        let told = |found: &[String]| {
            Some(if found.is_empty() { "nothing differs".to_owned() } else { found.join("; ") })
        };
        let named = noticed.iter().any(|line| line.contains(&format!("{lost}: ")));
        let steps = [
            Some(probe::step(when, true, Some(taken.describe()))),
            kept,
            Some(probe::step(
                "Then what is restored from it into an empty place equals what the service has",
                unlike.is_empty(),
                told(&unlike),
            )),
            Some(probe::step(
                format!(
                    "When a row of {lost} is taken out of what was restored, then that is noticed"
                ),
                named,
                told(&noticed),
            )),
            Some(probe::step(
                "When a byte of the backup is changed, then it is refused",
                edited.contains("was changed"),
                Some(edited),
            )),
        ];
        let steps = steps.into_iter().flatten().collect();
        return Ok((steps, rows));
    }
}

/// Changes a byte of a backup; what is said of it then.
fn edit(backup: &Path) -> Result<String> {
    for (_, path) in files(&backup.join(STORE))? {
        let mut bytes = std::fs::read(&path)?;
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
            write_atomically(&path, &bytes)?;
            break;
        }
    }
    Ok(match super::read(backup) {
        Ok(_) => "it is taken".to_owned(),
        Err(error) => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store whose backups can be spoilt.
    struct Spoilt {
        lost: bool,
        broken: bool,
        blind: bool,
        elsewhere: bool,
    }

    impl Store for Spoilt {
        fn found(&self, _: &Path, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>> {
            Ok(if self.elsewhere { BTreeSet::new() } else { wanted.clone() })
        }

        fn back_up(&self, backup: &Path, manifest: Manifest) -> Result<Manifest> {
            crate::run::backup::private(&backup.join(STORE))?;
            write_atomically(&backup.join(STORE).join("a"), b"rows")?;
            crate::run::backup::close(backup, manifest)
        }

        fn restore(&self, _: &Path, _: &Path) -> Result<(Vec<String>, usize)> {
            anyhow::ensure!(!self.broken, "the dump is cut off");
            let unlike =
                if self.lost { vec!["notes: 1 rows lost, 0 new".to_owned()] } else { Vec::new() };
            Ok((unlike, 3))
        }

        fn lose_a_row(&self, _: &Path, _: &Path) -> Result<(Option<String>, Vec<String>)> {
            let noticed =
                if self.blind { Vec::new() } else { vec!["notes: 1 rows lost, 0 new".to_owned()] };
            Ok((Some("notes".to_owned()), noticed))
        }
    }

    fn holds(store: &Spoilt) -> bool {
        let manifest = || {
            let digest = proofline_spec::evidence::Digest::of(b"spec");
            Manifest::new(("tiny", "local"), digest, "2026-01-01T00:00:00Z".to_owned())
        };
        let (steps, rows) =
            steps(store, manifest, || Ok(vec![vec!["a@example.com".to_owned()]])).unwrap();
        assert!(rows > 0);
        steps.iter().all(|step| step.passed == Some(true))
    }

    #[test]
    fn what_is_lost_broken_or_not_compared_fails() {
        let sound = || Spoilt { lost: false, broken: false, blind: false, elsewhere: false };
        assert!(holds(&sound()));
        assert!(!holds(&Spoilt { lost: true, ..sound() }));
        assert!(!holds(&Spoilt { broken: true, ..sound() }));
        assert!(!holds(&Spoilt { blind: true, ..sound() }));
        assert!(!holds(&Spoilt { elsewhere: true, ..sound() }));
    }

    #[test]
    fn tables_of_migrations_are_the_service_own() {
        let sql = "create table users (id text);\nCREATE TABLE IF NOT EXISTS \"notes\"(\n id text);\ncreate virtual table search using fts5 (text);";
        assert_eq!(made(sql), ["users", "notes"]);
    }
}
