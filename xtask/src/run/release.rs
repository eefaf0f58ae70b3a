//! The last release of a service: a tag, or what was deployed last; and the spec as it was then, out of the history.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use proofline_generator::report::ReleaseInput;
use proofline_generator::tree::write_atomically;
use proofline_spec::load;

use super::evidence::runs_folder;
use super::git;
use crate::workers::deploy;

/// Commits that are named.
const COMMITS: usize = 30;

/// A commit that was released.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Released {
    /// What says so.
    name: String,
    commit: String,
    when: Option<String>,
}

/// The last release of a service before what is checked out, and its spec then; `None` when nothing says that there was
/// one. A tag `<service>-v<version>` says it, or else `v<version>`; where there is no tag, the newest deployment of
/// another commit, of this environment before those of others.
pub(crate) fn last(root: &Path, folder: &str, environment: &str) -> Result<Option<ReleaseInput>> {
    let Some(head) = git::ask(root, &["rev-parse", "--verify", "--quiet", "HEAD"]) else {
        return Ok(None);
    };
    let found = match tagged(root, folder, &head) {
        Some(found) => Some(found),
        None => deployed(root, folder, environment, &head),
    };
    found.map(|found| with_spec(root, folder, found)).transpose()
}

/// The spec of a service at a revision of the history, as if it were its last release.
pub(crate) fn at(root: &Path, folder: &str, revision: &str) -> Result<ReleaseInput> {
    let wanted = format!("{revision}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    let Some(commit) = git::ask(root, &arguments) else {
        bail!(
            "`{revision}` is no revision of this repository\nhint: a tag, a branch or a commit; `git tag` lists tags"
        );
    };
    let when = git::ask(root, &["show", "--no-patch", "--format=%cI", &commit]);
    with_spec(root, folder, Released { name: revision.to_owned(), commit, when })
}

fn with_spec(root: &Path, folder: &str, found: Released) -> Result<ReleaseInput> {
    let (service, incomplete) = spec_at(root, folder, &found.commit)?;
    let range = format!("{}..HEAD", found.commit);
    let commits = git::ask(root, &["log", "--format=%h %s", &range, "--"]).unwrap_or_default();
    let mut commits: Vec<String> = commits.lines().map(str::to_owned).collect();
    let more_commits = commits.len().saturating_sub(COMMITS);
    commits.truncate(COMMITS);
    Ok(ReleaseInput {
        name: found.name,
        commit: found.commit,
        when: found.when,
        service,
        incomplete,
        commits,
        more_commits,
    })
}

/// The tag with the highest version before what is checked out; versions before a release (`-rc.1`) are none.
fn tagged(root: &Path, folder: &str, head: &str) -> Option<Released> {
    let form =
        "--format=%(refname:short)%09%(objectname)%09%(*objectname)%09%(creatordate:iso-strict)";
    let tags = git::ask(root, &["for-each-ref", "--merged=HEAD", form, "refs/tags"])?;
    let find = |prefix: &str| {
        let read = |line: &str| {
            let mut parts = line.split('\t');
            let (tag, object) = (parts.next()?, parts.next()?);
            // An annotated tag is an object of its own, which names the commit.
            let commit = parts.next().filter(|target| !target.is_empty()).unwrap_or(object);
            let when = parts.next().filter(|when| !when.is_empty()).map(str::to_owned);
            let version = version(tag.strip_prefix(prefix)?)?;
            let released = Released { name: format!("tag {tag}"), commit: commit.to_owned(), when };
            (commit != head).then_some((version, released))
        };
        tags.lines().filter_map(read).max_by_key(|(version, _)| *version).map(|(_, found)| found)
    };
    find(&format!("{folder}-v")).or_else(|| find("v"))
}

/// `1.2.3` as numbers; what was built (`+…`) does not count.
fn version(text: &str) -> Option<[u64; 3]> {
    let text = text.split('+').next()?;
    let mut numbers = text.split('.').map(|part| part.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

/// The newest deployment of another commit that was not taken back.
fn deployed(root: &Path, folder: &str, environment: &str, head: &str) -> Option<Released> {
    let mut found = Vec::new();
    for place in std::fs::read_dir(root.join("evidence")).into_iter().flatten().flatten() {
        let name = place.file_name().to_string_lossy().into_owned();
        for deployed in deploy::deployed(&runs_folder(root, &name, folder)) {
            if deployed.commit != head && is_commit(&deployed.commit) {
                let is_here = name == environment;
                found.push((is_here, deployed.started_at, name.clone(), deployed.commit));
            }
        }
    }
    let (_, when, name, commit) = found.into_iter().max()?;
    // A record may be of a history that is not here.
    git::ask(root, &["rev-parse", "--verify", "--quiet", &format!("{commit}^{{commit}}")])?;
    Some(Released { name: format!("deployment to {name}"), commit, when: Some(when) })
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The spec of a service in a commit, and whether parts of it can no longer be read.
fn spec_at(
    root: &Path,
    folder: &str,
    commit: &str,
) -> Result<(Option<proofline_spec::document::Service>, bool)> {
    let within = "spec/services";
    let names = git::ask(root, &["ls-tree", "-r", "-z", "--name-only", commit, "--", within]);
    let names = names.unwrap_or_default();
    let spec = format!("{within}/{folder}/service.yaml");
    let is_document = |name: &&str| Path::new(name).extension().is_some_and(|end| end == "yaml");
    let mut names: Vec<&str> = names.split('\0').filter(is_document).collect();
    // What services have in common lies beside them.
    names.retain(|name| {
        name.starts_with(&format!("{within}/{folder}/")) || name.matches('/').count() == 2
    });
    if !names.contains(&spec.as_str()) {
        return Ok((None, false));
    }
    let copy = tempfile::tempdir().context("cannot make a folder for the spec of then")?;
    for name in names {
        let output = Command::new("git")
            .current_dir(root)
            .args(["show", &format!("{commit}:./{name}")])
            .output()
            .context("cannot start git")?;
        if !output.status.success() {
            bail!(
                "git does not show `{name}` of {commit}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        write_atomically(&copy.path().join(name), &output.stdout)?;
    }
    let loaded = load::load_service(&copy.path().join(&spec));
    let incomplete = loaded.has_errors() || loaded.document.is_none();
    Ok((loaded.document, incomplete))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const SPEC: &str = "proofline: v1\nservice: {name: hello, version: 1.0.0, summary: Says hello}\ninclude: [../common.yaml]\ntargets: []\nlimits: {ip: {by: client_ip, rate: 60/min}}\n";

    /// A repository with a spec in one commit.
    fn repository() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        ask(&root, &["init", "--quiet"]);
        commit(&root, "service.yaml", SPEC);
        write_atomically(&root.join("spec/services/common.yaml"), b"roles: [reader]\n").unwrap();
        commit(&root, "notes.txt", "one");
        (folder, root)
    }

    fn ask(root: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(root)
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "tag.gpgSign=false",
            ])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn commit(root: &Path, name: &str, text: &str) -> String {
        let path = root.join("spec/services/hello").join(name);
        write_atomically(&path, text.as_bytes()).unwrap();
        ask(root, &["add", "--all"]);
        ask(root, &["commit", "--quiet", "--no-gpg-sign", "--message", &format!("hello: {name}")]);
        ask(root, &["rev-parse", "HEAD"])
    }

    #[test]
    fn without_a_tag_a_deployment_or_a_history_there_is_no_release() {
        let (_folder, root) = repository();
        assert_eq!(last(&root, "hello", "production").unwrap(), None);
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(last(empty.path(), "hello", "production").unwrap(), None);
    }

    #[test]
    fn highest_tag_before_what_is_checked_out_is_the_last_release_with_its_spec_and_the_commits_since()
     {
        let (_folder, root) = repository();
        ask(&root, &["tag", "v1.9.0"]);
        ask(&root, &["tag", "-a", "-m", "x", "v1.10.0"]);
        ask(&root, &["tag", "v2.0.0-rc.1"]);
        ask(&root, &["tag", "other-v9.0.0"]);
        commit(&root, "service.yaml", &SPEC.replace("60/min", "30/min"));
        ask(&root, &["tag", "v3.0.0"]);
        let found = last(&root, "hello", "production").unwrap().unwrap();
        assert_eq!(found.name, "tag v1.10.0");
        let then = found.service.unwrap();
        assert_eq!(then.limits["ip"].rate.unwrap().to_string(), "60/min");
        assert_eq!(then.roles, ["reader"]);
        assert!(!found.incomplete);
        assert_eq!(found.commits.len(), 1);
        assert!(found.commits[0].ends_with("hello: service.yaml"));
        // The service's own tags come before those of everything.
        ask(&root, &["tag", "hello-v0.1.0", "HEAD~1"]);
        let found = last(&root, "hello", "production").unwrap().unwrap();
        assert_eq!(found.name, "tag hello-v0.1.0");
    }

    #[test]
    fn where_nobody_tags_the_newest_deployment_of_another_commit_counts() {
        let (_folder, root) = repository();
        let first = ask(&root, &["rev-parse", "HEAD~1"]);
        let before = ask(&root, &["rev-parse", "HEAD"]);
        let head = commit(&root, "service.yaml", "no: spec\n");
        let record = |environment: &str, at: &str, commit: &str, outcome: &str| {
            let path = root.join(format!("evidence/{environment}/hello/deployments/{at}.json"));
            let text = serde_json::json!({"commit": commit, "started_at": at, "outcome": outcome});
            write_atomically(&path, text.to_string().as_bytes()).unwrap();
        };
        record("staging", "2026-03", &before, "deployed");
        record("production", "2026-01", &first, "deployed");
        record("production", "2026-02", &before, "rolled-back");
        record("production", "2026-04", &head, "deployed");
        record("production", "2026-05", &"0".repeat(40), "failed");
        let commit_of = |environment| last(&root, "hello", environment).unwrap().unwrap().commit;
        assert_eq!(commit_of("production"), first);
        assert_eq!(commit_of("staging"), before);
        assert_eq!(commit_of("local"), before);
    }

    #[test]
    fn revision_that_is_none_is_refused_and_a_service_that_was_not_there_is_told() {
        let (_folder, root) = repository();
        let error = at(&root, "hello", "--output=x").unwrap_err().to_string();
        assert!(error.contains("is no revision"), "{error}");
        let found = at(&root, "another", "HEAD").unwrap();
        assert_eq!(found.service, None);
        assert!(!at(&root, "hello", "HEAD").unwrap().incomplete, "the control");
        let broken = commit(&root, "service.yaml", &(SPEC.to_owned() + "lims: {}\n"));
        assert!(at(&root, "hello", &broken).unwrap().incomplete);
    }
}
