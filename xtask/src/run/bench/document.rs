//! What the benchmark writes down: a document for programs, a table for people.

use std::process::Command;

use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{
    Bench, BenchMachine, BenchMethod, BenchPeer, BenchRoute, BenchSize,
};

use super::measure::{CONNECTIONS, Machine, ROUTES};
use super::peer::Peer;
use crate::context::Context;
use crate::run::git;

/// So many rounds of so many seconds.
pub(super) fn method(rounds: usize, seconds: u64) -> BenchMethod {
    let placement = "the server on core 0, the generator on core 1; peers in turns".to_owned();
    BenchMethod { rounds, seconds, connections: CONNECTIONS, placement }
}

/// A peer of which nothing is measured yet.
pub(super) fn nothing_yet(peer: Peer, size: Option<BenchSize>) -> BenchPeer {
    let route = |route: &&'static str| BenchRoute { route: (*route).into(), rounds: Vec::new() };
    BenchPeer {
        name: peer.name.to_owned(),
        title: peer.title.to_owned(),
        on_workers: peer.on_workers,
        routes: ROUTES.iter().map(route).collect(),
        memory_mib: Vec::new(),
        cold_starts_ms: Vec::new(),
        size,
    }
}

/// Puts together what was measured.
pub(super) fn document(
    context: &Context,
    machine: &Machine,
    method: BenchMethod,
    peers: Vec<BenchPeer>,
) -> Bench {
    let machine = BenchMachine {
        processor: processor(),
        cores: machine.cores,
        kernel: read("/proc/sys/kernel/osrelease"),
        load: read("/proc/loadavg"),
        wrk: machine.wrk_version.clone(),
        rustc: said("rustc", &["--version"]),
    };
    let commit = git::revision(&context.root);
    Bench::new(Context::now(), commit, machine, method, peers)
}

/// A table for people.
pub(crate) fn table(bench: &Bench) -> String {
    let mut rows = vec![header()];
    for peer in &bench.peers {
        let beside = bench.beside(peer);
        let mut row = vec![peer.title.clone()];
        for route in &peer.routes {
            let ratio = beside.iter().find(|ratio| ratio.route == route.route);
            let faster = ratio.and_then(|ratio| ratio.throughput);
            row.push(format!("{}{}", shown(route.per_second(), 0), times(faster)));
            let cheaper = ratio.and_then(|ratio| ratio.processor);
            row.push(format!("{}{}", shown(route.micros(), 1), times(cheaper)));
        }
        row.push(shown(peer.memory(), 0));
        row.push(shown(peer.cold_start(), 1));
        let kib = |size: BenchSize| format!("{}", size.gzip_bytes.div_ceil(1024));
        row.push(peer.size.map_or_else(|| "-".to_owned(), kib));
        rows.push(row);
    }
    let rounds = counted(bench.method.rounds, "round");
    let note = format!(
        "\nMedians of {rounds}; (2.00x): ours is twice as good. us: processor time for each request. KiB: after gzip.\n"
    );
    lay_out(&rows) + &note
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
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
