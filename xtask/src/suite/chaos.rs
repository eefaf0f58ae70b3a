//! Random faults from fixed seeds, in rounds: what a run of an hour does at length, for every change.

use anyhow::Result;

use super::service::{ourselves, verified};
use super::table::Outcome;
use crate::context::Context;

/// Service, environment, seed and number of rounds.
const RUNS: &[(&str, &str, &str, &str)] =
    &[("lumiku", "local", "1", "4"), ("lumiku", "local-servers", "2", "3")];

/// Features that disturb the connections to stores.
const DISTURBING: &[&str] = &["reliability/cache", "reliability/isolation"];

pub(super) fn run(context: &Context, _: bool) -> Result<Outcome> {
    let mut outcome = verified(context, "local-servers", DISTURBING)?;
    for (service, environment, seed, rounds) in RUNS {
        let arguments = [
            "chaos",
            "--service",
            service,
            "--env",
            environment,
            "--seed",
            seed,
            "--rounds",
            rounds,
        ];
        let said = ourselves(context, &arguments)?;
        outcome.add(&Outcome::one(said.success, said.all()));
    }
    Ok(outcome)
}
