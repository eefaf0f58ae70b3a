//! Stands in for every service that the service under test calls.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use proofline_spec::document::Binding;

use crate::plan::load_service;
use crate::provider::{self, Examples};

/// Answers for every upstream of a spec, until it is dropped.
pub async fn provider(
    spec: &Path,
    at: IpAddr,
    seed: u64,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), String> {
    let service = load_service(spec).map_err(|error| error.to_string())?;
    let examples: Examples = service
        .bindings
        .iter()
        .filter_map(|(name, binding)| match binding {
            Binding::Upstream { example, .. } => Some((name.clone(), example.clone()?)),
            _ => None,
        })
        .collect();
    provider::serve(at, examples, seed, listening).await.map_err(|error| error.to_string())
}
