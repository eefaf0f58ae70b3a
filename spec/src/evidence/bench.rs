//! A benchmark beside peers, as it is written down and as the report reads it.

use serde::{Deserialize, Serialize};

/// The beginning of the names of what is ours.
const OURS: &str = "proofline";

/// What was measured of everyone, how, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// When it was measured (RFC 3339).
    pub taken_at: String,
    /// The commit of the workspace; `-dirty` when something was not committed.
    pub commit: String,
    /// Where it was measured.
    pub machine: BenchMachine,
    /// How it was measured.
    pub method: BenchMethod,
    /// Everyone, ours first in each group.
    pub peers: Vec<BenchPeer>,
    /// Ours to theirs: above one is better for us.
    pub ratios: Vec<BenchRatio>,
}

/// A machine and what was on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchMachine {
    /// The processor's name.
    pub processor: String,
    /// How many cores there were to use.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Processes that wanted to run in the minutes before the end, ours included, as `/proc/loadavg` says.
    pub load: String,
    /// What made the load.
    pub wrk: String,
    /// The compiler.
    pub rustc: String,
}

/// How a benchmark was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchMethod {
    /// How often; the median counts.
    pub rounds: usize,
    /// How long for each route, in seconds.
    pub seconds: u64,
    /// Connections at a time.
    pub connections: usize,
    /// What ran where.
    pub placement: String,
}

/// What was measured of one peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchPeer {
    /// Its name on the command line.
    pub name: String,
    /// What it is.
    pub title: String,
    /// Whether it ran in workerd, the runtime of Workers.
    pub on_workers: bool,
    /// Route by route.
    pub routes: Vec<BenchRoute>,
    /// Of each round: the most memory in use, in MiB.
    pub memory_mib: Vec<f64>,
    /// Of each start: from the start of the process to its first answer, in milliseconds.
    pub cold_starts_ms: Vec<f64>,
    /// How large it is, where what is uploaded counts.
    pub size: Option<BenchSize>,
}

/// What was measured of one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRoute {
    /// Method and path.
    pub route: String,
    /// Round by round.
    pub rounds: Vec<BenchRound>,
}

/// One round of one route.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BenchRound {
    /// Requests that were answered in a second.
    pub requests_per_second: f64,
    /// Processor time of the server for each request, in microseconds.
    pub processor_micros: f64,
}

/// How large something is that is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchSize {
    /// As it is.
    pub bytes: u64,
    /// Compressed with gzip.
    pub gzip_bytes: u64,
}

/// How ours does beside a peer on one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRatio {
    /// The name of ours.
    pub ours: String,
    /// The name of the peer.
    pub theirs: String,
    /// Method and path.
    pub route: String,
    /// Our requests per second by theirs; absent when one of them was not measured.
    pub throughput: Option<f64>,
    /// Their processor time for each request by ours.
    pub processor: Option<f64>,
}

impl Bench {
    /// Puts together what was measured.
    pub fn new(
        taken_at: String,
        commit: String,
        machine: BenchMachine,
        method: BenchMethod,
        peers: Vec<BenchPeer>,
    ) -> Self {
        let mut bench = Self { taken_at, commit, machine, method, peers, ratios: Vec::new() };
        bench.ratios = bench.peers.iter().flat_map(|peer| bench.beside(peer)).collect();
        bench
    }

    /// Ours beside a peer, route by route; nothing for what is ours.
    pub fn beside(&self, peer: &BenchPeer) -> Vec<BenchRatio> {
        let is_ours = |known: &BenchPeer| known.name.starts_with(OURS);
        let group = self.peers.iter().filter(|known| known.on_workers == peer.on_workers);
        let Some(ours) = group.clone().find(|known| is_ours(known)).filter(|_| !is_ours(peer))
        else {
            return Vec::new();
        };
        let by = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
        let ratio = |theirs: &BenchRoute| {
            let mine = ours.routes.iter().find(|mine| mine.route == theirs.route)?;
            Some(BenchRatio {
                ours: ours.name.clone(),
                theirs: peer.name.clone(),
                route: theirs.route.clone(),
                throughput: by(mine.per_second(), theirs.per_second()),
                processor: by(theirs.micros(), mine.micros()),
            })
        };
        peer.routes.iter().filter_map(ratio).collect()
    }
}

impl BenchPeer {
    /// The median of the most memory in use, in MiB.
    pub fn memory(&self) -> Option<f64> {
        median(self.memory_mib.iter().copied())
    }

    /// The median time from the start of the process to its first answer, in milliseconds.
    pub fn cold_start(&self) -> Option<f64> {
        median(self.cold_starts_ms.iter().copied())
    }
}

impl BenchRoute {
    /// The median of the requests in a second.
    pub fn per_second(&self) -> Option<f64> {
        median(self.rounds.iter().map(|round| round.requests_per_second))
    }

    /// The median processor time for each request, in microseconds.
    pub fn micros(&self) -> Option<f64> {
        median(self.rounds.iter().map(|round| round.processor_micros))
    }
}

/// The middle one of some figures, or the mean of the two in the middle.
pub fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match (figures.get(half), figures.len() % 2) {
        (Some(middle), 1) => Some(*middle),
        (Some(middle), _) => Some(f64::midpoint(figures[half - 1], *middle)),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &str, on_workers: bool, per_second: f64, micros: f64) -> BenchPeer {
        let round = |factor: f64| BenchRound {
            requests_per_second: per_second * factor,
            processor_micros: micros * factor,
        };
        BenchPeer {
            name: name.to_owned(),
            title: name.to_owned(),
            on_workers,
            routes: vec![BenchRoute {
                route: "GET /health".to_owned(),
                rounds: [1.0, 5.0, 0.5].map(round).to_vec(),
            }],
            memory_mib: vec![10.0],
            cold_starts_ms: vec![5.0],
            size: None,
        }
    }

    fn bench(peers: Vec<BenchPeer>) -> Bench {
        let text = String::new;
        Bench::new(
            text(),
            text(),
            BenchMachine {
                processor: text(),
                cores: 2,
                kernel: text(),
                load: text(),
                wrk: text(),
                rustc: text(),
            },
            BenchMethod { rounds: 3, seconds: 1, connections: 1, placement: text() },
            peers,
        )
    }

    #[test]
    fn ratios_are_ours_to_theirs_of_the_medians() {
        let bench = bench(vec![
            measured("proofline", false, 6000.0, 10.0),
            measured("axum", false, 3000.0, 25.0),
        ]);
        let [ratio] = bench.ratios.as_slice() else { panic!("{:?}", bench.ratios) };
        assert_eq!(ratio.theirs, "axum");
        assert!((ratio.throughput.unwrap() - 2.0).abs() < 1e-9);
        assert!((ratio.processor.unwrap() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn peers_are_compared_with_ours_on_the_same_host_only() {
        let bench = bench(vec![
            measured("proofline", false, 6000.0, 10.0),
            measured("hono-workerd", true, 3000.0, 25.0),
        ]);
        assert_eq!(bench.ratios, []);
    }

    #[test]
    fn a_median_is_the_middle_and_not_the_mean() {
        assert_eq!(median([9.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }
}
