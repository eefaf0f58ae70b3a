//! The stall self-test: can this instrument, on this machine, now, see a stall?
//!
//! A server in this process sends its headers at once and its body after a fixed delay, except that
//! it freezes for a while. What the latencies are then follows from the schedule alone; our p95
//! must come within [`TOLERANCE_PERCENT`] of it. A generator that waits for answers before it sends on (closed
//! loop, "coordinated omission"), or that stops its clock at the headers, is far off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::client::{Client, Settings};
use crate::clock::micros;
use crate::engine::{self, Attack, Stop};
use crate::guard::{self, Demand, Permission, SystemResolver};
use crate::measure::journal::Journal;
use crate::scenario::{Workload, single};
use crate::schedule::{Arrival, Phase, Role, real, whole};

/// How far our p95 may be from the analytic one.
pub const TOLERANCE_PERCENT: f64 = 5.0;

/// The shape of a self-test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stall {
    /// Requests a second.
    pub rate: f64,
    /// How long requests are sent.
    pub duration: Duration,
    /// When the server freezes, from the first request.
    pub freezes: Duration,
    /// When it thaws.
    pub thaws: Duration,
    /// How long it takes for an answer otherwise.
    pub service_time: Duration,
}

impl Default for Stall {
    /// Short enough to precede every run: 400 requests, of which 100 meet the stall. Few enough that
    /// answering all of those at once, when it ends, takes no time to speak of.
    fn default() -> Self {
        Self {
            rate: 100.0,
            duration: Duration::from_secs(4),
            freezes: Duration::from_millis(1500),
            thaws: Duration::from_millis(2500),
            service_time: Duration::from_millis(5),
        }
    }
}

/// What a self-test found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Requests that should have been sent.
    pub planned: u64,
    /// Requests that were answered.
    pub samples: u64,
    /// p95 that follows from the schedule, in microseconds.
    pub analytic_p95: u64,
    /// p95 that was measured, in microseconds.
    pub measured_p95: u64,
    /// The difference in percent of the analytic value.
    pub error_percent: f64,
    /// Which try this was.
    pub attempt: u32,
}

impl Report {
    /// A report; without a sample the error is infinite in effect: one hundred percent.
    pub fn new(stall: &Stall, samples: u64, measured_p95: u64) -> Self {
        let analytic_p95 = stall.analytic(95.0);
        let (analytic, measured) = (real(analytic_p95), real(measured_p95));
        let error_percent = (measured - analytic).abs() / analytic.max(1.0) * 100.0;
        Self {
            planned: stall.slots(),
            samples,
            analytic_p95,
            measured_p95,
            error_percent,
            attempt: 1,
        }
    }

    /// Whether the instrument saw the stall, and all requests were answered.
    pub fn passed(&self) -> bool {
        self.error_percent <= TOLERANCE_PERCENT && self.samples == self.planned
    }
}

impl Stall {
    fn phase(&self, arrival: Arrival) -> Phase {
        Phase::new("stall", Role::Measured, arrival, self.duration)
    }

    fn slots(&self) -> u64 {
        self.phase(Arrival::constant(self.rate)).slots().unwrap_or(0)
    }

    /// The percentile that follows from the schedule, in microseconds.
    pub fn analytic(&self, percent: f64) -> u64 {
        let phase = self.phase(Arrival::constant(self.rate));
        let latency = |k| {
            let at = phase.intended(k).unwrap_or_default();
            let frozen = at >= self.freezes && at < self.thaws;
            let wait = if frozen { self.thaws.saturating_sub(at) } else { Duration::ZERO };
            micros(wait + self.service_time)
        };
        let mut latencies: Vec<u64> = (0..self.slots()).map(latency).collect();
        latencies.sort_unstable();
        let rank = whole((percent / 100.0 * real(latencies.len() as u64)).ceil()).max(1) - 1;
        latencies.get(usize::try_from(rank).unwrap_or(0)).copied().unwrap_or(0)
    }
}

/// Why the self-test could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// The server could not listen.
    #[error("the self-test's server cannot listen: {0}")]
    Listen(#[source] std::io::Error),
    /// The permit for loopback was refused.
    #[error(transparent)]
    Refused(#[from] guard::Refusal),
    /// The client could not be built.
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
}

/// Runs the self-test as the open model, the way every claim is measured.
pub async fn run(stall: &Stall, stop: Stop) -> Result<Report, SelfTestError> {
    run_as(stall, Arrival::constant(stall.rate), stop).await
}

/// Runs the self-test with another arrival pattern, to show that a closed one does not pass.
pub async fn run_as(stall: &Stall, arrival: Arrival, stop: Stop) -> Result<Report, SelfTestError> {
    let server = StallServer::start(*stall).await?;
    let phases = vec![stall.phase(arrival)];
    let permission = Permission {
        max_rate: stall.rate * 2.0,
        max_duration: stall.duration * 2,
        token: None,
        owner_signed: false,
    };
    let demand = Demand { rate: stall.rate, users: 1, duration: stall.duration };
    let target = format!("http://{}", server.address);
    let permit = guard::obtain(&target, Some(&permission), &demand, &SystemResolver).await?;
    let timeout = Duration::from_secs(5);
    let attack = Attack {
        phases,
        workload: Workload::new(vec![single("/", false)], Vec::new(), 0),
        client: Client::new(&permit, &Settings { timeout, batch: 1 })?,
        timeout,
        journal: Journal::none(),
        after_phase: Box::new(|_, _| true),
    };
    let measured = engine::run(attack, stop, |_| {}).await?;
    let total = measured.phases.first().map(crate::measure::recorder::PhaseRecord::total);
    let total = total.unwrap_or_default();
    let p95 = total.latency.summary().map_or(0, |summary| summary.p95);
    Ok(Report::new(stall, total.counts.succeeded, p95))
}

/// The server that stalls; it ends when it is dropped.
struct StallServer {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for StallServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StallServer {
    async fn start(stall: Stall) -> Result<Self, SelfTestError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(SelfTestError::Listen)?;
        let address = listener.local_addr().map_err(SelfTestError::Listen)?;
        // The stall is timed from the first request, which is the schedule's slot 0.
        let first = Arc::new(watch::Sender::new(None));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, stall, first.clone()));
            }
        });
        Ok(Self { address, task })
    }
}

/// Answers the requests of one connection, one after the other.
async fn serve(mut stream: TcpStream, stall: Stall, first: Arc<watch::Sender<Option<Instant>>>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0_u8; 4096];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(count @ 1..) => filled += count,
            _ => return,
        }
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        filled = 0;
        let now = Instant::now();
        first.send_if_modified(|first| first.is_none() && first.replace(now).is_none());
        let start = first.borrow().unwrap_or(now);
        let since = now.saturating_duration_since(start);
        if since >= stall.freezes && since < stall.thaws {
            tokio::time::sleep_until((start + stall.thaws).into()).await;
        }
        // Headers first: who stops the clock there has measured nothing.
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        if stream.write_all(head).await.is_err() {
            return;
        }
        tokio::time::sleep(stall.service_time).await;
        if stream.write_all(b"ok").await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_analytic_value_follows_from_the_schedule() {
        // 400 requests, 100 of them frozen evenly over a second: the slowest 20 wait more than 0.8 s.
        let stall = Stall::default();
        assert_eq!(stall.analytic(100.0), 1_005_000);
        assert_eq!(stall.analytic(95.0), 805_000);
        assert_eq!(stall.analytic(50.0), 5_000);
    }

    #[test]
    fn a_report_without_samples_does_not_pass() {
        let report = Report::new(&Stall::default(), 0, 0);
        assert!(!report.passed() && report.error_percent > 99.0);
    }

    #[test]
    fn a_report_with_missing_requests_does_not_pass() {
        let stall = Stall::default();
        let right = stall.analytic(95.0);
        assert!(Report::new(&stall, 400, right).passed());
        assert!(!Report::new(&stall, 394, right).passed());
    }
}
