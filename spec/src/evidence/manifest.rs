//! What a run was about, and the digest of everything it left behind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CheckId, Digest};

/// What a run was about: which service, where, when, by what, and the digest of each document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document's form: 3.
    pub format: u32,
    /// Name of the run; the name of its folder.
    pub run: String,
    /// Name of the service.
    pub service: String,
    /// Name of the environment.
    pub environment: String,
    /// Where the checks were sent.
    pub url: String,
    /// The version of the service as the spec says.
    pub spec_version: String,
    /// The version as the service itself reports it; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_version: Option<String>,
    /// The spec's digest as the service itself reports it; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_spec_digest: Option<String>,
    /// What stood in for services of its platform that are not there, by binding, as the service itself reports it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub substitutes: BTreeMap<String, String>,
    /// Digest of the spec and its migrations.
    pub spec_digest: Digest,
    /// Digest of the generated code; absent when nothing is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_digest: Option<Digest>,
    /// Version of the tool.
    pub tool_version: String,
    /// The commit that was checked out; absent outside a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the working tree had changes that are not committed.
    #[serde(default)]
    pub dirty: bool,
    /// When the run began (RFC 3339, UTC).
    pub started_at: String,
    /// When it ended (RFC 3339, UTC).
    pub finished_at: String,
    /// Whether the run was interrupted.
    #[serde(default)]
    pub interrupted: bool,
    /// How the service ended by itself during the run: exit code and last lines of its log; absent when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Every evidence document.
    pub documents: Vec<DocumentEntry>,
    /// What documents were computed from: histograms and intervals of load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<RawEntry>,
    /// Digest of `verdicts.json`, the verdicts as they were computed when the run ended; absent where none were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Digest>,
    /// Checks that were not run at all, with the reason.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// The size of the worker that was built for the run; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerSize>,
    /// Digest of all else that it says, so that no field is changed by hand; a signature alone says who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Digest>,
}

/// The size of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerSize {
    /// Bytes of WebAssembly.
    pub wasm_bytes: u64,
    /// Bytes of everything that is uploaded, compressed with gzip file by file.
    pub gzip_bytes: u64,
    /// Whether a panic ends one request; else it ends every request of its isolate.
    pub unwinds: bool,
}

/// One evidence document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentEntry {
    /// The check.
    pub check: CheckId,
    /// The file, relative to the run's folder.
    pub path: String,
    /// Digest of the file's bytes.
    pub sha256: Digest,
}

/// A file with measurements that a document was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEntry {
    /// The file, relative to the run's folder.
    pub path: String,
    /// Digest of the file's bytes.
    pub sha256: Digest,
}

/// A check that was not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The check.
    pub check: CheckId,
    /// Why.
    pub reason: String,
    /// Whether only other checks were asked for, so that it might have been run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_choice: bool,
}
