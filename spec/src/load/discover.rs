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

/// Every `environments/<name>.yaml` below `root`, sorted.
pub fn find_environments(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = entries(&root.join("environments"))?;
    found.retain(|path| path.extension().is_some_and(|end| end == "yaml") && path.is_file());
    Ok(found)
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
