//! Whether what a service holds can be restored from a backup: taken while it runs, restored into an empty store, every
//! row compared; and whether a row that is missing there, and a backup that was edited, would be noticed.

use std::path::{Path, PathBuf};

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
/// The dump of a server among the files of a backup.
const DUMP: &str = "dump.sql";

/// What a backup is taken of.
trait Store {
    /// Takes a backup into a folder that is not there yet.
    fn back_up(&self, backup: &Path, manifest: Manifest) -> Result<Manifest>;
    /// Restores it into an empty place; what differs there from what the service itself has, and how many rows are there.
    fn restore(&self, backup: &Path, new: &Path) -> Result<(Vec<String>, usize)>;
    /// Takes a row out of what was restored; its table, where there is one, and what differs then from the backup.
    fn lose_a_row(&self, backup: &Path, new: &Path) -> Result<(Option<String>, Vec<String>)>;
}

/// A folder of databases and other files.
struct Folder(PathBuf);

impl Store for Folder {
    fn back_up(&self, backup: &Path, manifest: Manifest) -> Result<Manifest> {
        super::take(&self.0, backup, manifest)
    }

    fn restore(&self, backup: &Path, new: &Path) -> Result<(Vec<String>, usize)> {
        let (manifest, mut differences) = super::restore(backup, new)?;
        differences.extend(super::differences(&self.0, new)?);
        Ok((differences, manifest.counts().0))
    }

    fn lose_a_row(&self, backup: &Path, new: &Path) -> Result<(Option<String>, Vec<String>)> {
        for (_, path) in files(new)? {
            if copy::is_database(&path)?
                && let Some(table) = copy::lose_a_row(&path)?
            {
                return Ok((Some(table), super::differences(&backup.join(STORE), new)?));
            }
        }
        Ok((None, Vec::new()))
    }
}

impl Store for Server<'_> {
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
        Ok((server::differences(&self.own()?, &restored), server::count(&restored)))
    }

    fn lose_a_row(&self, _: &Path, _: &Path) -> Result<(Option<String>, Vec<String>)> {
        let before = self.restored()?;
        let table = self.lose()?;
        Ok((table, server::differences(&before, &self.restored()?)))
    }
}

/// Takes a backup of what runs, and restores it.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    started: Option<&Started>,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Backup);
    let Some(started) = started else {
        return Ok(probe.undecided("nothing is started here whose store could be backed up", 1));
    };
    let names = (service.folder.as_str(), environment.environment.as_str());
    let manifest = || Manifest::new(names, service.digest, Context::now());
    let server = Server { context, service, started };
    let (what, found) = if let Some(store) = started.data() {
        ("the store's files", steps(&Folder(store), manifest)?)
    } else if server.dump()?.is_some() {
        let found = steps(&server, manifest);
        server.clear()?;
        ("the database on its server", found?)
    } else {
        let why = "the store is in a volume that only the service's container sees";
        return Ok(probe.undecided(why, 1));
    };
    let (steps, rows) = found;
    if rows == 0 {
        return Ok(probe.undecided("no row is there that a backup could lose", 1));
    }
    let place = format!("environments/{}.yaml", environment.environment);
    let scenario = probe::scenario(format!("Backup of {what}"), place, steps);
    let judged = match probe::first_failure(std::slice::from_ref(&scenario)) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (
            CheckOutcome::Passed,
            format!("{rows} rows of {what} restored into an empty place, none different"),
        ),
    };
    Ok(probe.end(judged, (1, 1), vec![scenario], None))
}

/// What was seen, and how many rows were restored.
fn steps(store: &dyn Store, manifest: impl Fn() -> Manifest) -> Result<(Vec<StepEvidence>, usize)> {
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let mut look = 1;
    loop {
        let name = |what: &str| folder.path().join(format!("{what}-{look}"));
        let (backup, new) = (name("backup"), name("restored"));
        let taken = store.back_up(&backup, manifest())?;
        let (unlike, rows) = store.restore(&backup, &new)?;
        if !unlike.is_empty() && look < LOOKS {
            look += 1;
            continue;
        }
        let (lost, noticed) = store.lose_a_row(&backup, &new)?;
        let edited = edit(&backup)?;
        let told = |found: &[String]| {
            Some(if found.is_empty() { "nothing differs".to_owned() } else { found.join("; ") })
        };
        let named = lost
            .is_some_and(|table| noticed.iter().any(|line| line.contains(&format!("{table}: "))));
        let steps = vec![
            probe::step(
                "When a backup is taken while the service runs",
                true,
                Some(taken.describe()),
            ),
            probe::step(
                "Then what is restored from it into an empty place equals what the service has",
                unlike.is_empty(),
                told(&unlike),
            ),
            probe::step(
                "When a row is taken out of what was restored, then the comparison names its table",
                named,
                told(&noticed),
            ),
            probe::step(
                "When a byte of the backup is changed, then it is refused",
                edited.is_some(),
                Some(edited.unwrap_or_else(|| "it is taken".to_owned())),
            ),
        ];
        return Ok((steps, rows));
    }
}

/// Changes a byte of a backup; why it is refused then.
fn edit(backup: &Path) -> Result<Option<String>> {
    if let Some((_, path)) = files(&backup.join(STORE))?.first() {
        let mut bytes = std::fs::read(path)?;
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        write_atomically(path, &bytes)?;
    }
    Ok(super::read(backup).err().map(|error| error.to_string()))
}
