//! What the benchmark writes down: a document for programs, a table for people.

use std::process::Command;

use proofline_spec::diagnostic::counted;
use serde::Serialize;

use super::measure::{CONNECTIONS, Machine, ROUTES};
use super::peer::Peer;
use crate::context::Context;

/// What was measured of everyone, how, and where.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    /// What this is.
    kind: &'static str,
    /// When it was measured.
    pub(crate) taken_at: String,
    /// The commit of this workspace; `-dirty` when something was not committed.
    commit: String,
    machine: MachineCard,
    method: Method,
    /// Everyone, ours first in each group.
    pub(crate) peers: Vec<Result>,
    /// Ours to theirs: above one is better for us.
    ratios: Vec<Ratio>,
}

#[derive(Debug, Serialize)]
struct MachineCard {
    processor: String,
    cores: usize,
    kernel: String,
    /// Processes that wanted to run in the minute before the end, ours included.
    load: String,
    wrk: String,
    rustc: String,
}

/// How it was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Method {
    /// How often; the median counts.
    pub(crate) rounds: usize,
    /// How long for each route.
    pub(crate) seconds: u64,
    connections: usize,
    placement: &'static str,
}

impl Method {
    /// So many rounds of so many seconds.
    pub(super) const fn new(rounds: usize, seconds: u64) -> Self {
        let placement = "the server on core 0, the generator on core 1; peers in turns";
        Self { rounds, seconds, connections: CONNECTIONS, placement }
    }
}

/// What was measured of one peer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Result {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) on_workers: bool,
    pub(crate) routes: Vec<Route>,
    /// Of each round: the most memory in use.
    pub(crate) memory_mib: Vec<f64>,
    /// Of each start: from the start of the process to its first answer.
    pub(crate) cold_starts_ms: Vec<f64>,
    /// How large it is, where what is uploaded counts.
    pub(crate) size: Option<Size>,
}

impl Result {
    /// A peer of which nothing is measured yet.
    pub(crate) fn new(peer: Peer, size: Option<Size>) -> Self {
        let route = |route: &&'static str| Route { route, rounds: Vec::new() };
        Self {
            name: peer.name,
            title: peer.title,
            on_workers: peer.on_workers,
            routes: ROUTES.iter().map(route).collect(),
            memory_mib: Vec::new(),
            cold_starts_ms: Vec::new(),
            size,
        }
    }
}

/// What was measured of one route.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Route {
    route: &'static str,
    pub(crate) rounds: Vec<Round>,
}

impl Route {
    fn per_second(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.requests_per_second))
    }

    fn micros(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.processor_micros))
    }
}

/// One round of one route.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Round {
    /// Requests that were answered in a second.
    pub(crate) requests_per_second: f64,
    /// Processor time of the server for each request, in microseconds.
    pub(crate) processor_micros: f64,
}

/// How large something is that is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Size {
    /// As it is.
    pub(crate) bytes: u64,
    /// Compressed.
    pub(crate) gzip_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Ratio {
    ours: &'static str,
    theirs: &'static str,
    route: &'static str,
    /// Our requests per second by theirs.
    throughput: f64,
    /// Their processor time for each request by ours.
    processor: f64,
}

impl Document {
    /// Puts together what was measured.
    pub(super) fn new(
        context: &Context,
        machine: &Machine,
        method: Method,
        peers: Vec<Result>,
    ) -> Self {
        let ratios = ratios(&peers);
        Self {
            kind: "bench",
            taken_at: Context::now(),
            commit: commit(context),
            machine: MachineCard {
                processor: processor(),
                cores: machine.cores,
                kernel: read("/proc/sys/kernel/osrelease"),
                load: read("/proc/loadavg"),
                wrk: machine.wrk_version.clone(),
                rustc: said("rustc", &["--version"]),
            },
            method,
            peers,
            ratios,
        }
    }

    /// A table for people.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![header()];
        for peer in &self.peers {
            let ours = ours(&self.peers, peer);
            let mut row = vec![peer.title.to_owned()];
            for (at, route) in peer.routes.iter().enumerate() {
                let mine = ours.map(|ours| &ours.routes[at]);
                let faster = mine.map(|mine| mine.per_second() / route.per_second());
                row.push(format!("{:.0}{}", route.per_second(), times(faster)));
                let cheaper = mine.map(|mine| route.micros() / mine.micros());
                row.push(format!("{:.1}{}", route.micros(), times(cheaper)));
            }
            row.push(format!("{:.0}", median(peer.memory_mib.iter().copied())));
            row.push(format!("{:.1}", median(peer.cold_starts_ms.iter().copied())));
            let kib = |size: Size| format!("{}", size.gzip_bytes.div_ceil(1024));
            row.push(peer.size.map_or_else(|| "-".to_owned(), kib));
            rows.push(row);
        }
        let rounds = counted(self.method.rounds, "round");
        let note = format!(
            "\nMedians of {rounds}; (2.00x): ours is twice as good. us: processor time for each request. KiB: after gzip.\n"
        );
        lay_out(&rows) + &note
    }
}

/// How many times as good ours is.
fn times(ratio: Option<f64>) -> String {
    ratio.map(|ratio| format!(" ({ratio:.2}x)")).unwrap_or_default()
}

fn header() -> Vec<String> {
    let mut names = vec!["peer".to_owned()];
    for route in ROUTES {
        names.extend([format!("{route} /s"), "us".to_owned()]);
    }
    names.extend(["MiB", "start ms", "KiB"].map(str::to_owned));
    names
}

/// Our result in the group of a peer that is not ours.
fn ours<'a>(peers: &'a [Result], peer: &Result) -> Option<&'a Result> {
    let ours = peers.iter().find(|known| known.on_workers == peer.on_workers)?;
    (ours.name.starts_with("proofline") && ours.name != peer.name).then_some(ours)
}

fn ratios(peers: &[Result]) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for peer in peers {
        let Some(ours) = ours(peers, peer) else { continue };
        for (mine, theirs) in ours.routes.iter().zip(&peer.routes) {
            ratios.push(Ratio {
                ours: ours.name,
                theirs: peer.name,
                route: theirs.route,
                throughput: mine.per_second() / theirs.per_second(),
                processor: theirs.micros() / mine.micros(),
            });
        }
    }
    ratios
}

fn lay_out(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(String::len).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The middle one of some figures, or the mean of the two in the middle.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    match (figures.len() / 2, figures.len() % 2) {
        (0, 0) => f64::NAN,
        (half, 1) => figures[half],
        (half, _) => f64::midpoint(figures[half - 1], figures[half]),
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let name = text.lines().find_map(|line| line.strip_prefix("model name"));
    name.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default()
}

fn commit(context: &Context) -> String {
    let root = context.root.display().to_string();
    let commit = said("git", &["-C", &root, "rev-parse", "HEAD"]);
    let dirty = !said("git", &["-C", &root, "status", "--porcelain"]).is_empty();
    if dirty { format!("{commit}-dirty") } else { commit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::bench::peer::ALL;

    fn measured(at: usize, per_second: f64, micros: f64) -> Result {
        let mut result = Result::new(ALL[at], None);
        for route in &mut result.routes {
            for factor in [1.0, 5.0, 0.5] {
                route.rounds.push(Round {
                    requests_per_second: per_second * factor,
                    processor_micros: micros * factor,
                });
            }
        }
        result.memory_mib.push(10.0);
        result.cold_starts_ms.push(5.0);
        result
    }

    #[test]
    fn ratios_are_ours_to_theirs_of_the_medians() {
        let peers = [measured(0, 6000.0, 10.0), measured(1, 3000.0, 25.0)];
        let ratios = ratios(&peers);
        assert_eq!(ratios.len(), ROUTES.len());
        assert!(ratios.iter().all(|ratio| ratio.theirs == ALL[1].name));
        assert!((ratios[0].throughput - 2.0).abs() < 1e-9);
        assert!((ratios[0].processor - 2.5).abs() < 1e-9);
    }

    #[test]
    fn peers_are_compared_with_ours_on_the_same_host_only() {
        let last = ALL.len() - 1;
        let peers = [measured(0, 6000.0, 10.0), measured(last, 3000.0, 25.0)];
        assert!(ALL[last].on_workers);
        assert!(ratios(&peers).is_empty());
    }

    #[test]
    fn a_median_is_the_middle_and_not_the_mean() {
        assert!((median([9.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
        assert!(median([].into_iter()).is_nan());
    }
}
