//! Tables of mutants on disk: `evidence/mutants/<environment>/<service>.json`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::report::{Ground, SeenMutants};
use proofline_spec::evidence::{Digest, MutantTable};

use super::{Mutants, catalogue_digest};
use crate::run::workspace::LoadedService;

/// Where all tables are, from the root of the workspace.
const FOLDER: &str = "evidence/mutants";

/// Where a file of an environment's tables is, from the root of the workspace.
pub(crate) fn place(environment: &str, name: &str) -> PathBuf {
    Path::new(FOLDER).join(environment).join(name)
}

/// The table that says most of a service as it is: one that is not stale before others, one of this environment
/// before others, the newest of these. What cannot be read is told, never counted.
pub(crate) fn newest(
    root: &Path,
    service: &LoadedService,
    environment: &str,
) -> Result<(Option<SeenMutants>, Vec<String>)> {
    let name = format!("{}.json", service.folder);
    let folders = std::fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        folders.map(|folder| folder.path().join(&name)).filter(|path| path.is_file()).collect();
    if paths.is_empty() {
        return Ok((None, Vec::new()));
    }
    paths.sort();
    let ground = Ground {
        service: service.folder.clone(),
        spec_digest: service.digest,
        mutants_digest: Mutants::read(root)?.digest,
        catalogue_digest: catalogue_digest(root)?,
    };
    let (mut tables, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match read(&path) {
            Ok((table, sha256)) => tables.push(SeenMutants::new(table, sha256, &ground)),
            Err(error) => problems.push(format!("{error:#}; it does not count")),
        }
    }
    problems.sort();
    let newest = tables.into_iter().max_by_key(|found| {
        let table = &found.table;
        (found.stale.is_empty(), table.environment == environment, table.finished_at.clone())
    });
    Ok((newest, problems))
}

fn read(path: &Path) -> Result<(MutantTable, Digest)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` is no table of mutants", path.display()))?;
    Ok((table, Digest::of(&bytes)))
}
