//! Asks the running service what it is.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::exchange::{Answer, Http, Request};
use crate::failure::Failure;
use crate::plan::Target;

/// What a running service says it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its version.
    pub version: Option<String>,
    /// The digest of the spec that it was generated from.
    pub spec_digest: Option<String>,
    /// What stands in for services of its platform that are not there, by binding.
    pub substitutes: BTreeMap<String, String>,
}

/// Asks the service; one that says nothing of itself has no identity, one that does not answer is a failure.
pub async fn identify(target: &Target) -> Result<Identity, Failure> {
    let authorities = target.authorities().map_err(Failure::Broken)?;
    let http = Http::trusting(&target.base, &authorities)?;
    let answer = http.send(&Request::get("/.well-known/proofline")).await?;
    if !answer.is_success() {
        return Ok(Identity::default());
    }
    let member = |answer: &Answer, name: &str| {
        answer.json().get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let substitutes = answer.json().get("substitutes").cloned().unwrap_or_default();
    Ok(Identity {
        substitutes: serde_json::from_value(substitutes).unwrap_or_default(),
        version: member(&answer, "version"),
        spec_digest: member(&answer, "spec_digest"),
    })
}
