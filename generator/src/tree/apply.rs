//! Makes changes on disk: each file atomically, so that an interruption leaves every file whole.

use std::io::Write as _;
use std::path::Path;

use super::{Change, ChangeKind};

/// A file could not be written or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{path}`: {source}")]
pub struct ApplyError {
    action: &'static str,
    path: String,
    source: std::io::Error,
}

/// Makes the changes below `root`. Files that are not mentioned keep their bytes and times.
pub fn apply(root: &Path, changes: &[Change]) -> Result<(), ApplyError> {
    for change in changes {
        let path = root.join(&change.path);
        let (action, result) = match &change.kind {
            ChangeKind::Create { new, .. } | ChangeKind::Update { new, .. } => {
                ("write", write_atomically(&path, new.as_bytes()))
            }
            ChangeKind::Remove { .. } => ("remove", remove(root, &path)),
        };
        result.map_err(|source| ApplyError { action, path: change.path.clone(), source })?;
    }
    Ok(())
}

/// Writes a file so that it either has its old bytes or all of its new ones.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".proofline-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    set_permissions(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are private; what the generator writes is as readable as any source file.
#[cfg(unix)]
fn set_permissions(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_permissions(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

fn remove(root: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::remove_file(path)?;
    let mut folder = path.parent();
    while let Some(empty) = folder.filter(|folder| *folder != root) {
        if std::fs::remove_dir(empty).is_err() {
            break;
        }
        folder = empty.parent();
    }
    Ok(())
}
