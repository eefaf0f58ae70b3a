//! The record of a deployment, as evidence: what was deployed, by which steps, and how it ended. Holds names, no values.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{Digest, WorkerSize};
use serde::{Deserialize, Serialize};

use crate::run::evidence::runs_folder;

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It did not get to its end.
    Incomplete,
    /// What is missing was made and the migrations were applied; the version is the one of before.
    Migrated,
    /// The new version is there, and no P0 claim failed.
    Deployed,
    /// A P0 claim failed, and the version of before is back.
    RolledBack,
    /// A P0 claim failed, and the new version is still there.
    Failed,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Step {
    what: String,
    took_ms: u64,
}

/// The record of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Record {
    /// The service.
    pub(crate) service: String,
    /// The environment.
    pub(crate) environment: String,
    /// The commit that was deployed.
    pub(crate) commit: String,
    /// Digest of its spec.
    pub(crate) spec_digest: Digest,
    /// Digest of its generated code.
    pub(crate) generated_digest: Option<Digest>,
    /// The size of the worker.
    pub(crate) worker: WorkerSize,
    /// When it began.
    pub(crate) started_at: String,
    /// When it ended.
    pub(crate) finished_at: Option<String>,
    /// The version that was there before.
    pub(crate) previous_version: Option<String>,
    /// The version that was deployed.
    pub(crate) version: Option<String>,
    /// Resources that were made.
    pub(crate) created: Vec<String>,
    /// Names of secrets that were set.
    pub(crate) secrets_set: Vec<String>,
    /// The run that verified it.
    pub(crate) run: Option<String>,
    /// P0 claims that failed.
    pub(crate) failed_claims: Vec<String>,
    /// How it ended.
    pub(crate) outcome: Outcome,
    steps: Vec<Step>,
}

impl Record {
    /// A deployment that begins.
    pub(crate) fn new(
        (service, environment): (&str, &str),
        commit: String,
        (spec_digest, generated_digest): (Digest, Option<Digest>),
        worker: WorkerSize,
        now: String,
    ) -> Self {
        Self {
            service: service.to_owned(),
            environment: environment.to_owned(),
            commit,
            spec_digest,
            generated_digest,
            worker,
            started_at: now,
            finished_at: None,
            previous_version: None,
            version: None,
            created: Vec::new(),
            secrets_set: Vec::new(),
            run: None,
            failed_claims: Vec::new(),
            outcome: Outcome::Incomplete,
            steps: Vec::new(),
        }
    }

    /// Notes a step.
    pub(crate) fn step(&mut self, verb: &str, what: &str, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.steps.push(Step { what: format!("{verb} {what}"), took_ms });
    }

    /// What the platform's list of versions says of it.
    pub(crate) fn message(&self) -> String {
        let digest = self.spec_digest.to_string();
        let short = |text: &str| text.chars().take(12).collect::<String>();
        format!("commit {}, spec {}", short(&self.commit), short(&digest))
    }
}

/// Where records are, beside the runs of an environment.
const FOLDER: &str = "deployments";

/// Writes the record beside the runs of its environment.
pub(crate) fn write(root: &Path, folder: &str, record: &Record) -> Result<PathBuf> {
    let stamp: String = record.started_at.chars().filter(char::is_ascii_digit).take(17).collect();
    let runs = runs_folder(root, &record.environment, folder);
    let path = runs.join(FOLDER).join(format!("{stamp}.json"));
    write_atomically(&path, (serde_json::to_string_pretty(record)? + "\n").as_bytes())?;
    Ok(path)
}

/// What is read of a deployment's record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Deployed {
    /// The commit that was deployed.
    #[serde(default)]
    pub(crate) commit: String,
    /// When it began.
    #[serde(default)]
    pub(crate) started_at: String,
    /// The run that verified it.
    #[serde(default)]
    pub(crate) run: Option<String>,
    outcome: Outcome,
}

/// The deployments beside these runs that succeeded and were not taken back, the newest last. What cannot be read is
/// none.
pub(crate) fn deployed(runs: &Path) -> Vec<Deployed> {
    let entries = std::fs::read_dir(runs.join(FOLDER)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &PathBuf| -> Option<Deployed> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    };
    paths.iter().filter_map(read).filter(|record| record.outcome == Outcome::Deployed).collect()
}
