//! Finds the documents of a repository.

use std::io;
use std::path::{Path, PathBuf};

/// Every `spec/services/<name>/service.yaml` below `root`, sorted.
pub fn find_services(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in entries(&root.join("spec/services"))? {
        let file = folder.join("service.yaml");
        if file.is_file() {
            found.push(file);
        }
    }
    Ok(found)
}

/// Every `environments/<name>.yaml` below `root`, sorted; no lock files.
pub fn find_environments(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = entries(&root.join("environments"))?;
    let is_yaml = |path: &Path| path.extension().is_some_and(|end| end == "yaml");
    found.retain(|path| is_yaml(path) && !is_lock(path) && path.is_file());
    Ok(found)
}

/// Every `environments/<name>.lock.yaml` below `root`, sorted.
pub fn find_locks(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = entries(&root.join("environments"))?;
    found.retain(|path| is_lock(path) && path.is_file());
    Ok(found)
}

/// Where the ids of an environment's resources are kept.
pub fn lock_path(root: &Path, environment: &str) -> PathBuf {
    root.join("environments").join(format!("{environment}{LOCK}"))
}

/// The end of a lock file's name.
const LOCK: &str = ".lock.yaml";

fn is_lock(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(LOCK))
}

pub(super) fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
