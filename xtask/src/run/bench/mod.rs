//! The benchmark: our generated service beside its peers, in one run, measured alike.
//!
//! One file for each part: who takes part (`peer`), how they are built (`prepare`), that they do the same
//! work (`same_work`), how they are measured (`measure`), and what is written of it (`document`).

pub(crate) mod document;
mod http;
mod measure;
pub(crate) mod page;
mod peer;
mod prepare;
mod same_work;
mod token;
mod workerd;

use anyhow::{Result, bail};
use proofline_spec::evidence::Bench;

use self::measure::Machine;
use self::peer::Peer;
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};

/// What is asked of the benchmark.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Whether programs of this machine are measured.
    pub(crate) native: bool,
    /// Whether workers in workerd are measured.
    pub(crate) workers: bool,
    /// Only these peers; all without any.
    pub(crate) only: Vec<String>,
    /// How often everything is measured; the median counts.
    pub(crate) rounds: usize,
    /// How long each route is measured in a round.
    pub(crate) seconds: u64,
}

/// Builds the peers, measures them in turns, and says what was measured.
pub(crate) fn run(context: &Context, wanted: &Wanted) -> Result<Bench> {
    let peers = takes_part(wanted)?;
    let machine = Machine::find(context)?;
    let mut measured = Vec::new();
    for peer in peers {
        let program = prepare::prepare(context, peer)?;
        let server = program.start(&machine)?;
        same_work::check(peer.name, server.port())?;
        output::line(context, Tone::Good, "Ready", peer.title);
        let result = document::nothing_yet(peer, program.size);
        measured.push((program, result));
    }
    for round in 1..=wanted.rounds {
        // In turns, so that what changes on the machine meanwhile meets all of them.
        for (program, result) in &mut measured {
            if context.interrupted() {
                return Err(Stopped::interrupted());
            }
            output::line(
                context,
                Tone::Plain,
                "Measuring",
                &format!("{} (round {round} of {})", result.title, wanted.rounds),
            );
            measure::round(program, &machine, wanted.seconds, result)?;
        }
    }
    let method = document::method(wanted.rounds, wanted.seconds);
    let results = measured.into_iter().map(|(_, result)| result).collect();
    Ok(document::document(context, &machine, method, results))
}

/// The peers that are asked for.
fn takes_part(wanted: &Wanted) -> Result<Vec<Peer>> {
    let peers: Vec<Peer> = peer::ALL
        .iter()
        .filter(|peer| if peer.on_workers { wanted.workers } else { wanted.native })
        .filter(|peer| wanted.only.is_empty() || wanted.only.iter().any(|name| name == peer.name))
        .copied()
        .collect();
    for name in &wanted.only {
        if !peers.iter().any(|peer| peer.name == name) {
            let names: Vec<&str> = peer::ALL.iter().map(|peer| peer.name).collect();
            bail!("there is no peer `{name}` here; there are: {}", names.join(", "));
        }
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(only: &[&str], native: bool, workers: bool) -> Result<Vec<Peer>> {
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        takes_part(&Wanted { native, workers, only, rounds: 1, seconds: 1 })
    }

    #[test]
    fn who_takes_part_is_of_the_target_and_of_those_that_are_named() {
        assert_eq!(named(&[], true, true).unwrap().len(), peer::ALL.len());
        assert!(named(&[], true, false).unwrap().iter().all(|peer| !peer.on_workers));
        assert_eq!(named(&["axum"], true, true).unwrap()[0].name, "axum");
        let error = named(&["nobody"], true, true).unwrap_err().to_string();
        assert!(error.contains("`nobody`") && error.contains("fastify"), "{error}");
        assert!(named(&["axum"], false, true).is_err());
    }
}
