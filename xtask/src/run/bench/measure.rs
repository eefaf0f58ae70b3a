//! Measures a server: throughput, processor time, memory, and the time until its first answer.
//!
//! The server has one core to itself and the load generator another, so that neither takes from the other.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use proofline_spec::evidence::{BenchPeer, BenchRound};

use super::http::ask;
use super::prepare::Prepared;
use super::same_work::BODY;
use super::token::token;
use crate::context::{Context, Stopped};
use crate::run::process::Process;

/// What is asked, in the order of a round.
pub(super) const ROUTES: [&str; 3] = ["GET /health", "GET /api/me", "POST /api/users"];
/// Connections that are kept open, each with one request at a time.
pub(super) const CONNECTIONS: usize = 32;
/// The kernel counts processor time in hundredths of a second (`getconf CLK_TCK`).
const TICK_MICROS: f64 = 10_000.0;
/// How often a server is started to find its cold start, in each round.
const STARTS: usize = 3;
/// How long a server is warmed up, in seconds.
const WARM_UP: u64 = 5;
/// How long a server may take to start and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// What measures, and where.
#[derive(Debug)]
pub(super) struct Machine {
    wrk: PathBuf,
    taskset: PathBuf,
    /// wrk's own version.
    pub(super) wrk_version: String,
    /// Cores.
    pub(super) cores: usize,
}

impl Machine {
    /// Finds what it takes to measure.
    pub(super) fn find(context: &Context) -> Result<Self> {
        let find = |name: &str, fix: &str| {
            let found = std::env::split_paths(&context.path).map(|folder| folder.join(name));
            found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
                Stopped::could_not_find_out(format!("`{name}` is not installed; {fix}"))
            })
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if cores < 2 {
            let why = "the benchmark needs two cores: one for the server, one for the load";
            return Err(Stopped::could_not_find_out(why));
        }
        let wrk = find("wrk", "on Debian: apt-get install wrk")?;
        let said = Command::new(&wrk).arg("--version").output()?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let wrk_version = text.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
        let taskset = find("taskset", "it is part of util-linux")?;
        Ok(Self { wrk, taskset, wrk_version, cores })
    }

    fn on_core(&self, core: &str, program: &Path) -> Command {
        let mut command = Command::new(&self.taskset);
        command.args(["--cpu-list", core]).arg(program);
        command
    }
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    process: Process,
    port: u16,
    /// From the start of the process to its first answer.
    first_answer: Duration,
}

impl Server {
    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Starts a program on the server's core and waits for its first answer.
    pub(super) fn start(machine: &Machine, prepared: &Prepared) -> Result<Self> {
        let port = free_port()?;
        let mut command = machine.on_core("0", &prepared.program);
        command
            .args(prepared.arguments(port)?)
            .current_dir(&prepared.folder)
            .env_clear()
            .envs(prepared.variables(port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let begin = Instant::now();
        let process = Process::spawn(&mut command, PATIENCE)
            .with_context(|| format!("cannot start {}", prepared.program.display()))?;
        let mut server = Self { process, port, first_answer: Duration::ZERO };
        loop {
            if ask(port, "GET /health", &[], "").is_ok_and(|answer| answer.status == 200) {
                server.first_answer = begin.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.process.try_wait()? {
                bail!("{} ended: {status}", prepared.program.display());
            }
            if begin.elapsed() > PATIENCE {
                bail!("{} does not answer GET /health", prepared.program.display());
            }
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Processor time used so far, in microseconds.
    fn processor_micros(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        processor_micros(&text).context("/proc/<pid>/stat is not understood")
    }

    /// The most memory that was in use so far, in MiB.
    fn peak_memory(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.context("/proc/<pid>/status has no VmHWM")? / 1024.0)
    }
}

/// The user and system time of a line of `/proc/PID/stat`; the name in it may hold anything but its last `)`.
fn processor_micros(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) * TICK_MICROS)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Measures one peer once: cold starts, then every route with a server of its own.
pub(super) fn round(
    prepared: &Prepared,
    machine: &Machine,
    seconds: u64,
    result: &mut BenchPeer,
) -> Result<()> {
    for _ in 0..STARTS {
        let server = prepared.start(machine)?;
        result.cold_starts_ms.push(server.first_answer.as_secs_f64() * 1000.0);
    }
    let server = prepared.start(machine)?;
    // The route that uses most of the code, for as long as compilers at run time need to make it fast.
    load(machine, &server, ROUTES[2], WARM_UP)?;
    for (at, route) in ROUTES.iter().enumerate() {
        load(machine, &server, route, 1)?;
        let before = server.processor_micros()?;
        let (requests, per_second) = load(machine, &server, route, seconds)?;
        let micros = (server.processor_micros()? - before) / requests;
        let round = BenchRound { requests_per_second: per_second, processor_micros: micros };
        result.routes[at].rounds.push(round);
    }
    result.memory_mib.push(server.peak_memory()?);
    Ok(())
}

/// Runs wrk; says how many requests were answered, and how many per second.
fn load(machine: &Machine, server: &Server, route: &str, seconds: u64) -> Result<(f64, f64)> {
    let (method, path) = route.split_once(' ').context("a route has a method")?;
    let mut script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    if method == "POST" {
        let json = "wrk.headers[\"Content-Type\"] = \"application/json\"";
        writeln!(script, "wrk.method = \"POST\"\nwrk.body = '{BODY}'\n{json}")?;
    }
    let output = machine
        .on_core("1", &machine.wrk)
        .arg("--threads=1")
        .arg(format!("--connections={CONNECTIONS}"))
        .arg(format!("--duration={seconds}s"))
        .arg(format!("--header=Authorization: Bearer {}", token()))
        .arg("--script")
        .arg(script.path())
        .arg(format!("http://127.0.0.1:{}{path}", server.port))
        .stdin(Stdio::null())
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    read_wrk(&text).with_context(|| {
        format!("{route}: {text}{}", String::from_utf8_lossy(&output.stderr).trim_end())
    })
}

/// How many requests wrk says were answered, and how many per second.
fn read_wrk(text: &str) -> Result<(f64, f64)> {
    for trouble in ["Non-2xx", "Socket errors"] {
        if let Some(line) = text.lines().find(|line| line.trim_start().starts_with(trouble)) {
            bail!("not every request was answered: {}", line.trim());
        }
    }
    let lines = || text.lines().map(str::trim);
    let requests = lines().find_map(|line| line.split_once(" requests in ")?.0.parse::<f64>().ok());
    let per_second =
        lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    match (requests, per_second) {
        (Some(requests), Some(per_second)) if requests > 0.0 => Ok((requests, per_second)),
        _ => bail!("wrk's output is not understood"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 4s test @ http://127.0.0.1:7103/health\n  1 threads and 32 connections\n  \
        Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     0.5ms    1.0ms  30ms   99.0%\n  \
        253000 requests in 4.00s, 150.00MB read\n";

    #[test]
    fn what_wrk_says_is_read_and_a_refused_request_counts_for_nothing() {
        let good = format!("{SAID}Requests/sec:  63250.12\nTransfer/sec:     37.50MB\n");
        let (requests, per_second) = read_wrk(&good).unwrap();
        assert!((requests - 253_000.0).abs() < 0.1 && (per_second - 63_250.12).abs() < 0.1);
        let refused = format!("{SAID}  Non-2xx or 3xx responses: 7\nRequests/sec:  63250.12\n");
        assert!(read_wrk(&refused).is_err());
        assert!(read_wrk(SAID).is_err());
    }

    #[test]
    fn processor_time_is_that_of_user_and_system_whatever_the_program_is_called() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 99";
        assert!((processor_micros(stat).unwrap() - 2_000_000.0).abs() < 1.0);
        assert_eq!(processor_micros("nonsense"), None);
    }
}
