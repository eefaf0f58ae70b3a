//! The speed of the chain of policies beside its peers: what `bench` wrote down, as the report shows it.

use proofline_spec::evidence::Digest;
use serde::{Deserialize, Serialize};

/// A benchmark, as it was written down.
#[derive(Debug, Clone, Deserialize)]
pub struct Bench {
    taken_at: String,
    commit: String,
    machine: Machine,
    method: Method,
    peers: Vec<Peer>,
}

#[derive(Debug, Clone, Deserialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    load: String,
    wrk: String,
    rustc: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Method {
    rounds: usize,
    seconds: u64,
    connections: usize,
    placement: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Peer {
    name: String,
    title: String,
    on_workers: bool,
    routes: Vec<Route>,
    memory_mib: Vec<f64>,
    cold_starts_ms: Vec<f64>,
    size: Option<Size>,
}

#[derive(Debug, Clone, Deserialize)]
struct Route {
    route: String,
    rounds: Vec<Round>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Round {
    requests_per_second: f64,
    processor_micros: f64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Size {
    gzip_bytes: u64,
}

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
    pub peers: Vec<BenchPeer>,
}

/// What was measured of one peer: medians, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchPeer {
    /// What it is.
    pub title: String,
    /// By route.
    pub routes: Vec<BenchRoute>,
    /// Most memory in use, in MiB.
    pub memory_mib: String,
    /// From the start of the process to its first answer, in milliseconds.
    pub cold_start_ms: String,
    /// What is uploaded, in KiB after gzip.
    pub size_kib: String,
}

/// What was measured of one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchRoute {
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
        let peers = bench.peers.iter().map(|peer| shown(peer, ours(&bench.peers, peer))).collect();
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

/// Ours in the group of a peer that is not ours.
fn ours<'a>(peers: &'a [Peer], peer: &Peer) -> Option<&'a Peer> {
    let is_ours = |known: &Peer| known.name.starts_with("proofline");
    let ours = peers.iter().find(|known| is_ours(known) && known.on_workers == peer.on_workers);
    ours.filter(|_| !is_ours(peer))
}

fn shown(peer: &Peer, ours: Option<&Peer>) -> BenchPeer {
    let micros = |route: &Route| median(route.rounds.iter().map(|round| round.processor_micros));
    let mine = |name: &str| ours?.routes.iter().find(|route| route.route == name).and_then(micros);
    let routes = peer.routes.iter().map(|route| BenchRoute {
        per_second: text(median(route.rounds.iter().map(|round| round.requests_per_second)), 0),
        micros: text(micros(route), 1),
        ratio: mine(&route.route)
            .zip(micros(route))
            .map(|(mine, theirs)| format!("{:.2}", theirs / mine)),
    });
    BenchPeer {
        title: peer.title.clone(),
        routes: routes.collect(),
        memory_mib: text(median(peer.memory_mib.iter().copied()), 0),
        cold_start_ms: text(median(peer.cold_starts_ms.iter().copied()), 1),
        size_kib: peer
            .size
            .map_or_else(|| "-".to_owned(), |size| size.gzip_bytes.div_ceil(1024).to_string()),
    }
}

fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "not measured".to_owned(), |figure| format!("{figure:.digits$}"))
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match (figures.get(half), figures.len() % 2) {
        (Some(middle), 1) => Some(*middle),
        (Some(middle), _) => Some(f64::midpoint(figures[half - 1], *middle)),
        (None, _) => None,
    }
}
