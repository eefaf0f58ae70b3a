//! Tables of mutants on disk: `evidence/mutants/<environment>/<service>.json`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::report::{Ground, SeenMutants};
use proofline_spec::document::Service;
use proofline_spec::evidence::{Digest, MutantOutcome, MutantTable};

use super::{Mutants, catalogue_digest};
use crate::run::workspace::LoadedService;

/// Where all tables are, from the root of the workspace.
const FOLDER: &str = "evidence/mutants";
/// What follows a service's name where one mutant that is caught was enough for each claim.
const ONE_EACH: &str = ".one-each";

/// Where a file of an environment's tables is, from the root of the workspace.
pub(crate) fn place(environment: &str, name: &str) -> PathBuf {
    Path::new(FOLDER).join(environment).join(name)
}

/// The name of a table's files: what was asked for in part never replaces what all mutants showed.
pub(crate) fn name(table: &MutantTable) -> String {
    let part = match table {
        _ if !table.only.is_empty() || table.interrupted => ".part",
        _ if table.one_each => ONE_EACH,
        _ => "",
    };
    format!("{}{part}", table.service)
}

/// The table that says most of a service as it is: one that is not stale before others, one of this environment
/// before others, one of all mutants before one of one each, the newest of these. What cannot be read is told, never
/// counted.
pub(crate) fn newest(
    root: &Path,
    service: &LoadedService,
    environment: &str,
) -> Result<(Option<SeenMutants>, Vec<String>)> {
    let names = ["", ONE_EACH].map(|part| format!("{}{part}.json", service.folder));
    let folders = std::fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| names.clone().map(|name| folder.path().join(name)));
    let mut paths: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    if paths.is_empty() {
        return Ok((None, Vec::new()));
    }
    paths.sort();
    let mutants = Mutants::read(root)?;
    let ground = Ground {
        service: service.folder.clone(),
        spec_digest: service.digest,
        mutants_digest: mutants.digest,
        catalogue_digest: catalogue_digest(root)?,
    };
    let (mut tables, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match read(&path) {
            Ok((table, sha256)) => {
                let seen = SeenMutants::new(table, sha256, &ground);
                // What is said of other mutants than those that are here cannot be compared.
                let wrong = seen
                    .stale
                    .is_empty()
                    .then(|| doubt(&seen.table, &mutants, &service.folder, &service.service));
                match wrong.flatten() {
                    Some(wrong) => {
                        problems.push(format!("`{}`: {wrong}; it does not count", path.display()));
                    }
                    None => tables.push(seen),
                }
            }
            Err(error) => problems.push(format!("{error:#}; it does not count")),
        }
    }
    problems.sort();
    let newest = tables.into_iter().max_by_key(|found| {
        let table = &found.table;
        let is_here = table.environment == environment;
        (found.stale.is_empty(), is_here, !table.one_each, table.finished_at.clone())
    });
    Ok((newest, problems))
}

/// What of a table is not what `prove` writes of these mutants.
pub(super) fn doubt(
    table: &MutantTable,
    mutants: &Mutants,
    folder: &str,
    service: &Service,
) -> Option<String> {
    for row in &table.mutants {
        let id = &row.id;
        let Some(mutant) = mutants.all.iter().find(|mutant| mutant.id == *id) else {
            return Some(format!("there is no mutant `{id}`"));
        };
        let claims = mutant.claims_of(folder, service);
        if row.check != mutant.check || !claims.contains(&row.claim.as_str()) {
            return Some(format!("`{id}` breaks no claim `{}` by `{}`", row.claim, row.check));
        }
        let is_caught = row.outcome == MutantOutcome::Caught;
        let told = row.failed_step.as_ref().or(row.message.as_ref());
        if row.caught != is_caught || is_caught && !told.is_some_and(|told| mutant.names(told)) {
            return Some(format!(
                "`{id}` is told as caught, and no step that names the promise is"
            ));
        }
    }
    if !table.only.is_empty() || table.interrupted {
        return None;
    }
    let rows = table.mutants.iter().map(|row| row.id.as_str());
    let told: BTreeSet<&str> = rows.chain(table.left_out.iter().map(|out| &*out.id)).collect();
    let all = mutants.of(folder, service, &[]).ok()?;
    let missing = all.iter().find(|mutant| !told.contains(mutant.id.as_str()))?;
    Some(format!("it is a table of all mutants, and says nothing of `{}`", missing.id))
}

fn read(path: &Path) -> Result<(MutantTable, Digest)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` is no table of mutants", path.display()))?;
    Ok((table, Digest::of(&bytes)))
}
