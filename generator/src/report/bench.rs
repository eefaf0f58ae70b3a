//! The speed of the chain of policies beside its peers: what `bench` wrote down, as the report shows it.

use proofline_spec::evidence::{Bench, BenchPeer, Digest};
use serde::{Deserialize, Serialize};

/// A benchmark in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchData {
    /// When it was measured (RFC 3339).
    pub taken_at: String,
    /// The commit that was measured.
    pub commit: String,
    /// The machine, in words.
    pub machine: String,
    /// How it was measured, in words.
    pub method: String,
    /// Digest of the document.
    pub sha256: Digest,
    /// The routes that were asked.
    pub routes: Vec<String>,
    /// Everyone, ours first in each group.
    pub peers: Vec<BenchPeerData>,
}

/// What was measured of one peer: medians, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchPeerData {
    /// What it is.
    pub title: String,
    /// By route.
    pub routes: Vec<BenchRouteData>,
    /// Most memory in use, in MiB.
    pub memory_mib: String,
    /// From the start of the process to its first answer, in milliseconds.
    pub cold_start_ms: String,
    /// What is uploaded, in KiB after gzip.
    pub size_kib: String,
}

/// What was measured of one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchRouteData {
    /// Requests in a second.
    pub per_second: String,
    /// Processor time for each request, in microseconds.
    pub micros: String,
    /// Its processor time by ours: above one, ours needs less. Absent for ours.
    pub ratio: Option<String>,
}

impl BenchData {
    /// What the report shows of a benchmark.
    pub fn of(bench: &Bench, sha256: Digest) -> Self {
        let Bench { machine, method, .. } = bench;
        let peers = bench.peers.iter().map(|peer| shown(bench, peer)).collect();
        let first = bench.peers.first().map(|peer| peer.routes.as_slice()).unwrap_or_default();
        Self {
            taken_at: bench.taken_at.clone(),
            commit: bench.commit.clone(),
            machine: format!(
                "{}, {} cores, Linux {}, load {}, wrk {}, {}",
                machine.processor,
                machine.cores,
                machine.kernel,
                machine.load,
                machine.wrk,
                machine.rustc
            ),
            method: format!(
                "medians of {} rounds of {} s with {} connections; {}",
                method.rounds, method.seconds, method.connections, method.placement
            ),
            sha256,
            routes: first.iter().map(|route| route.route.clone()).collect(),
            peers,
        }
    }
}

fn shown(bench: &Bench, peer: &BenchPeer) -> BenchPeerData {
    let beside = bench.beside(peer);
    let ratio = |route: &str| beside.iter().find(|ratio| ratio.route == route)?.processor;
    let routes = peer.routes.iter().map(|route| BenchRouteData {
        per_second: text(route.per_second(), 0),
        micros: text(route.micros(), 1),
        ratio: ratio(&route.route).map(|ratio| format!("{ratio:.2}")),
    });
    BenchPeerData {
        title: peer.title.clone(),
        routes: routes.collect(),
        memory_mib: text(peer.memory(), 0),
        cold_start_ms: text(peer.cold_start(), 1),
        size_kib: peer
            .size
            .map_or_else(|| "-".to_owned(), |size| size.gzip_bytes.div_ceil(1024).to_string()),
    }
}

fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "not measured".to_owned(), |figure| format!("{figure:.digits$}"))
}
