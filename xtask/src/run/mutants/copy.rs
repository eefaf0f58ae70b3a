//! A copy of the workspace whose runtime has every mutant, and, one at a time, those of files that checks read. The
//! workspace itself is never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use proofline_generator::tree::write_atomically;

use super::{Mutant, Mutants, SOURCES, schemata};
use crate::context::Context;
use crate::run::{build, said};

/// What cargo needs, and what a run reads.
const PARTS: [&str; 7] =
    ["environments", "features", "generator", "loadtest", "runtime", "spec", "xtask"];
/// What is there only in some workspaces: pipelines, which checks read, and what is never committed.
const IF_THERE: [&str; 3] = [".dockerignore", ".github", ".gitignore"];
/// Files of the root.
const FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
/// Folders that hold nothing of the sources.
const NOT_SOURCES: [&str; 5] = ["node_modules", "target", "build", "peers", ".git"];
/// The entry point of workers, from the sources.
const ENTRY: &str = "host/workers/shim.mjs";
/// The package that is another one in the copy.
const CHANGED: &str = "proofline-runtime";

/// Makes sure that nobody else changes the copy while it is in use, until the file is dropped.
pub(super) fn claim(context: &Context) -> Result<File> {
    let folder = context.target.join("mutants");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "mutants are being tried already, in {}\nhint: wait for their end",
                folder.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Makes the copy, or brings it up to date; the process as it is in there.
pub(super) fn make(context: &Context, mutants: &Mutants) -> Result<Context> {
    let root = context.target.join("mutants/workspace");
    let changed = changed(&context.root, mutants)?;
    let mut kept = BTreeSet::new();
    for file in FILES {
        kept.insert(PathBuf::from(file));
    }
    for part in PARTS {
        files_below(&context.root, Path::new(part), &mut kept)?;
    }
    for part in IF_THERE.map(Path::new) {
        match context.root.join(part) {
            path if path.is_dir() => files_below(&context.root, part, &mut kept)?,
            path if path.is_file() => drop(kept.insert(part.to_owned())),
            _ => {}
        }
    }
    for path in &kept {
        let from = context.root.join(path);
        let bytes = match changed.get(path) {
            Some(text) => text.clone().into_bytes(),
            None => {
                std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?
            }
        };
        put(&root.join(path), &bytes, &from)?;
    }
    let module = Path::new(SOURCES).join("mutant.rs");
    put(&root.join(&module), schemata::MODULE.as_bytes(), &context.root.join("Cargo.toml"))?;
    kept.insert(module);
    remove_others(&root, &kept)?;
    commit(context, &root)?;
    let mut copy = context.within(&root, context.target.join("mutants"));
    copy.runtime = root.join("runtime");
    copy.build = Some(context.target.clone());
    Ok(copy)
}

/// Makes the copy a repository of its own: what looks at files and their history must see those of the copy.
pub(super) fn commit(context: &Context, root: &Path) -> Result<()> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(root).args(arguments);
        said::data(context, &mut command, None)
    };
    // What the user has set for commits of their own is not for this one.
    let own = ["user.name=proofline", "user.email=proofline@localhost", "commit.gpgSign=false"];
    let own: Vec<&str> = own.into_iter().flat_map(|set| ["-c", set]).collect();
    let message = ["commit", "--quiet", "--no-verify", "--allow-empty", "--message", "copy"];
    let commit = [&own[..], &message].concat();
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &commit] {
        let said = git(arguments)?;
        if !said.success {
            bail!(
                "git {} in {} failed: {}",
                arguments.join(" "),
                root.display(),
                said.all().trim()
            );
        }
    }
    Ok(())
}

/// A file of the copy that is another one until this is dropped.
pub(super) struct Edited {
    path: PathBuf,
    text: String,
}

/// Puts a mutant of a file that a check reads into the copy.
pub(super) fn edit(copy: &Context, mutant: &Mutant, file: &Path) -> Result<Edited> {
    let path = copy.root.join(file);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut edited = text.clone();
    edited.replace_range(schemata::place(&text, mutant)?, &mutant.with);
    let was = Edited { path, text };
    write_atomically(&was.path, edited.as_bytes())?;
    Ok(was)
}

impl Drop for Edited {
    // What could not be put back is when the next copy is made.
    fn drop(&mut self) {
        let _ = write_atomically(&self.path, self.text.as_bytes());
    }
}

/// Files that the copy has otherwise.
fn changed(root: &Path, mutants: &Mutants) -> Result<BTreeMap<PathBuf, String>> {
    let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants.all.iter().filter(|mutant| mutant.read_file().is_none()) {
        by_file.entry(&mutant.file).or_default().push(mutant);
    }
    let read = |path: &Path| {
        std::fs::read_to_string(root.join(path))
            .with_context(|| format!("cannot read {}", path.display()))
    };
    let mut changed = BTreeMap::new();
    for (file, mutants) in by_file {
        let path = Path::new(SOURCES).join(file);
        let text = schemata::with_all(&read(&path)?, &mutants)?;
        changed.insert(path, text);
    }
    let lib = Path::new(SOURCES).join("lib.rs");
    let text = changed.remove(&lib).map_or_else(|| read(&lib), Ok)?;
    // What the compiler advises is about text that nobody reads; errors must be seen.
    changed.insert(lib, format!("#![allow(warnings)]\n{text}\npub mod mutant;\n"));
    let entry = Path::new(SOURCES).join(ENTRY);
    let text = read(&entry)?;
    changed.insert(entry, format!("{}{text}", schemata::ENTRY));
    let manifest = PathBuf::from("Cargo.toml");
    let text = read(&manifest)? + &build::marked(CHANGED);
    changed.insert(manifest, text);
    Ok(changed)
}

/// Every file below a folder.
pub(super) fn files_below(root: &Path, folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    let full = root.join(folder);
    let entries =
        std::fs::read_dir(&full).with_context(|| format!("cannot read {}", full.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let path = folder.join(&name);
        let kind = entry.file_type()?;
        if kind.is_dir() && !NOT_SOURCES.iter().any(|not| name == *not) {
            files_below(root, &path, files)?;
        } else if kind.is_file() {
            files.insert(path);
        }
    }
    Ok(())
}

/// Writes a file if it is not so already, as old as the one that it is made of, so that cargo builds only what differs.
fn put(path: &Path, bytes: &[u8], of: &Path) -> Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    write_atomically(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    let is_same = std::fs::read(of).is_ok_and(|original| original == bytes);
    if is_same {
        let time = std::fs::metadata(of)?.modified()?;
        std::fs::File::options().write(true).open(path)?.set_modified(time)?;
    }
    Ok(())
}

/// Removes what the workspace does not have any more, and the evidence of mutants of before.
fn remove_others(root: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    let mut there = BTreeSet::new();
    files_below(root, Path::new(""), &mut there)?;
    for path in there.difference(kept) {
        std::fs::remove_file(root.join(path))?;
    }
    Ok(())
}
