//! Runs that have evidence of every feature: only those can be compared with each other.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use proofline_spec::document::{Environment, Proof, Service, Target};
use proofline_spec::evidence::{CheckId, Digest, Parity, Side, compare};

use super::evidence::{self, Evidence};
use super::workspace::{LoadedService, Workspace};
use crate::context::{Context, Stopped};

/// How many runs are looked at, the newest first.
const LOOKED_AT: usize = 20;

/// Every feature that a claim names; of `only` these, when there are any.
pub(crate) fn features(service: &Service, only: &[String]) -> Result<BTreeSet<CheckId>> {
    let mut features = all(service);
    if let Some(unknown) = only.iter().find(|name| !features.iter().any(|f| f.name == **name)) {
        bail!("no claim of the spec names the feature `{unknown}`");
    }
    features.retain(|feature| only.is_empty() || only.contains(&feature.name));
    Ok(features)
}

fn all(service: &Service) -> BTreeSet<CheckId> {
    let proofs = service.claims.values().flat_map(|claim| &claim.proven_by);
    proofs.filter(|proof| matches!(proof, Proof::Feature(_))).map(Proof::check).collect()
}

/// The newest run of this spec and code that was not interrupted and has evidence of these features.
fn newest(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    features: &BTreeSet<CheckId>,
) -> Option<Evidence> {
    let folder = evidence::runs_folder(&context.root, &environment.environment, &service.folder);
    let runs = evidence::runs(&context.root, &environment.environment, &service.folder);
    let read = |run: String| evidence::read(&folder.join(run), service, environment, generated);
    runs.into_iter()
        .take(LOOKED_AT)
        .filter_map(|run| read(run).ok())
        .find(|found| has(found, features))
}

fn has(found: &Evidence, features: &BTreeSet<CheckId>) -> bool {
    found.foreign.is_none()
        && found.doubt().is_none()
        && !found.manifest.interrupted
        && features.iter().all(|check| found.checks.contains_key(check))
}

/// The newest run with these features, or what to do to get one.
pub(crate) fn required(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    features: &BTreeSet<CheckId>,
) -> Result<Evidence> {
    let name = &environment.environment;
    newest(context, service, environment, generated, features).ok_or_else(|| {
        Stopped::could_not_find_out(format!(
            "there is no run of `{}` in `{name}` with evidence of every such feature, of this spec and code\n\
             hint: run `cargo xtask verify --env {name} --service {}`",
            service.folder, service.folder
        ))
    })
}

/// Compares a whole run with the newest whole one on another target, where there is one.
pub(crate) fn with_another_target(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    found: &Evidence,
) -> Option<Parity> {
    let features = all(&service.service);
    if !has(found, &features) {
        return None;
    }
    let workspace = Workspace::load(context, None).ok()?;
    let other = |other: &&Environment| other.target != environment.target;
    workspace.environments.iter().filter(other).find_map(|other| {
        let generated = found.manifest.generated_digest;
        let newest = newest(context, service, other, generated, &features)?;
        Some(parity(service, [(environment, found), (other, &newest)]))
    })
}

/// Compares two runs of a service.
pub(crate) fn parity(service: &LoadedService, sides: [(&Environment, &Evidence); 2]) -> Parity {
    let sides = sides.map(|(environment, evidence)| Side {
        environment: &environment.environment,
        target: environment.target,
        run: &evidence.manifest.run,
        checks: &evidence.checks,
    });
    // What others are compared with comes first.
    let [first, second] = sides;
    let swapped = second.target == Target::Native && first.target != Target::Native;
    compare(if swapped { [second, first] } else { sides }, &service.service.parity)
}
