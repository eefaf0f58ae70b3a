//! Who stands for a run: an in-toto Statement about its files, in a DSSE envelope. Keys and files are elsewhere.
//!
//! Sources: in-toto Attestation Framework v1 (`spec/v1/statement.md`), DSSE v1.0 (`protocol.md`, `envelope.md`).
//! The predicate is our own, because no standard one has a state for "it is not known".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Digest, Manifest, Verdicts};

/// What `_type` says.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What `predicateType` says.
pub const PREDICATE_TYPE: &str = "https://proofline.dev/attestation/readiness/v1";

/// What `payloadType` says: the payload is an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What is signed: which files, and what they say about the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The form of the statement; `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub kind: String,
    /// The manifest, every evidence document, and the report's files, sorted by name.
    pub subject: Vec<Subject>,
    /// The form of the predicate; `https://proofline.dev/attestation/readiness/v1`.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What the run was about, and every verdict.
    pub predicate: Predicate,
}

/// A file of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its path, relative to the run's folder.
    pub name: String,
    /// Its digest.
    pub digest: SubjectDigest,
}

/// The digest of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// SHA-256.
    pub sha256: Digest,
}

/// What the run was about, and every verdict: verified, failed, unverified or waived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// Name of the run.
    pub run: String,
    /// Name of the service.
    pub service: String,
    /// Its version as the spec says.
    pub version: String,
    /// Name of the environment.
    pub environment: String,
    /// Digest of the spec and its migrations.
    pub spec_digest: Digest,
    /// Digest of the generated code; absent when nothing is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_digest: Option<Digest>,
    /// The commit that was checked out; absent outside a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the working tree had changes that are not committed.
    pub dirty: bool,
    /// When the run ended (RFC 3339, UTC).
    pub finished_at: String,
    /// The verdicts that were computed from the files; absent in runs of tools that kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Verdicts>,
}

impl Statement {
    /// The statement about a run whose files have these digests.
    pub fn of(
        manifest: &Manifest,
        verdicts: Option<Verdicts>,
        files: impl IntoIterator<Item = (String, Digest)>,
    ) -> Self {
        let mut subject: Vec<Subject> = files
            .into_iter()
            .map(|(name, sha256)| Subject { name, digest: SubjectDigest { sha256 } })
            .collect();
        subject.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                run: manifest.run.clone(),
                service: manifest.service.clone(),
                version: manifest.spec_version.clone(),
                environment: manifest.environment.clone(),
                spec_digest: manifest.spec_digest,
                generated_digest: manifest.generated_digest,
                commit: manifest.commit.clone(),
                dirty: manifest.dirty,
                finished_at: manifest.finished_at.clone(),
                verdicts,
            },
        }
    }
}

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// What is signed, in base64 (RFC 4648, section 4).
    pub payload: String,
    /// What the payload is; `application/vnd.in-toto+json`.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Who signed it; one, as signing again replaces it.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// Which key: the SHA-256 of its `SubjectPublicKeyInfo` in DER, in hexadecimal. A hint, never a proof.
    pub keyid: String,
    /// Ed25519 over the [`pae`] of type and payload, in base64.
    pub sig: String,
}

/// The bytes that are signed: DSSE's pre-authentication encoding, so that type and payload cannot be shifted into each
/// other.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_that_of_the_example_in_dsse() {
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn type_and_payload_cannot_be_shifted_into_each_other() {
        assert_ne!(pae("a", b"1 b"), pae("a 3 1", b"b"));
    }
}
