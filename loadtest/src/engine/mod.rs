//! Runs phases against a target: Goose's users, our schedule, clock, client and measurement.
//!
//! The pacer (a thread of its own) releases each slot at its intended time; a free user takes it,
//! sends, reads the whole body and records `now − intended`. Nothing in that path waits for the
//! service except the user who sent to it, so a service that stalls is measured rather than spared.

mod pacer;
mod shared;
mod stop;
mod users;

use std::sync::Arc;
use std::time::Duration;

pub use shared::Progress;
pub use stop::Stop;

use crate::client::Client;
use crate::clock::Clock;
use crate::measure::cpu::{CpuMeter, available_cores};
use crate::measure::descriptors;
use crate::measure::journal::Journal;
use crate::measure::recorder::{PhaseRecord, Recorder};
use crate::measure::series::Point;
use crate::scenario::Workload;
use crate::schedule::{Phase, peak_rate, peak_users, real, whole};
use shared::Shared;

/// Everything a run needs.
pub struct Attack {
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// What is sent.
    pub workload: Workload,
    /// Through which client.
    pub client: Client,
    /// How long a request may take; the client's timeout.
    pub timeout: Duration,
    /// Where intervals are kept while the run lasts.
    pub journal: Journal,
    /// Asked after each phase whether the run goes on.
    pub after_phase: AfterPhase,
}

/// Decides after each phase, from its record, whether the run goes on.
pub type AfterPhase = Box<dyn Fn(usize, &PhaseRecord) -> bool + Send + Sync>;

/// What a run measured.
#[derive(Debug)]
pub struct Measured {
    /// One record for each phase.
    pub phases: Vec<PhaseRecord>,
    /// The series over the whole run.
    pub points: Vec<Point>,
    /// Seconds that a point covers.
    pub point_width: u64,
    /// Cores that the generator kept busy; `None` where the system does not tell.
    pub cpu_cores: Option<f64>,
    /// Virtual users.
    pub users: u32,
    /// When the run began, in milliseconds since the Unix epoch.
    pub started_unix_millis: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<String>,
}

/// Why a run could not take place.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Goose refused to start.
    #[error("the load engine did not start: {0}")]
    Goose(String),
    /// The measurement could not be written.
    #[error("cannot write the measurement: {0}")]
    Journal(#[source] std::io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// Something was measured that no phase asked for, or nothing at all was set up to be.
    #[error("the run has nothing to send")]
    Empty,
}

/// The most virtual users of an open run; beyond it requests queue, still timed from their slot.
const MOST_USERS: u64 = 2000;

/// How many users a run needs so that a request finds a free one even while earlier ones time out.
fn users_for(phases: &[Phase], timeout: Duration) -> u32 {
    // More users than descriptors would turn a slow service into refused connections of our own.
    let most = descriptors::available().unwrap_or(MOST_USERS).min(MOST_USERS);
    let open = whole(peak_rate(phases) * timeout.as_secs_f64().max(1.0)).min(most);
    let open = u32::try_from(open).unwrap_or(u32::MAX).max(1);
    open.max(peak_users(phases))
}

/// Runs an attack to its end, or until `stop` says so, and returns what it measured.
///
/// Only one may run in a process at a time: Goose's stop switch belongs to the process.
pub async fn run(
    attack: Attack,
    stop: Stop,
    progress: impl Fn(&Progress) + Send + Sync + 'static,
) -> Result<Measured, EngineError> {
    if attack.phases.is_empty() || attack.workload.routes().is_empty() {
        return Err(EngineError::Empty);
    }
    let users = users_for(&attack.phases, attack.timeout);
    let origin = attack.client.permit().origin().to_string();
    let recorder = Recorder::new(&attack.phases, attack.workload.routes().len(), attack.journal);
    let shared = Arc::new(Shared::new(attack.client, attack.workload, recorder, stop.clone()));
    let goose = users::attack(&origin, users, &shared)?;
    let engine = tokio::spawn(goose.execute());
    shared.wait_for_users(users, &engine).await;
    if engine.is_finished() {
        let reason = match engine.await {
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(_)) => "it ended before it began".to_owned(),
            Err(error) => error.to_string(),
        };
        return Err(EngineError::Goose(reason));
    }
    let cpu = CpuMeter::start();
    let clock = Clock::start();
    shared.start_clock(clock);
    let ticker = tokio::spawn(shared::tick(shared.clone(), Box::new(progress)));
    let watcher = tokio::spawn(stop.clone().watch_engine());
    let pacer = pacer::start(shared.clone(), attack.phases, attack.after_phase)?;
    let closing = tokio::task::spawn_blocking(move || pacer.join());
    let _ = closing.await;
    shared.drain(attack.timeout).await;
    let cpu_cores = cpu.cores();
    shared.close();
    watcher.abort();
    goose::trigger_killswitch("the schedule is complete");
    let ended = engine.await.map_err(|error| EngineError::Goose(error.to_string()))?;
    ended.map_err(|error| EngineError::Goose(error.to_string()))?;
    ticker.abort();
    let mut recorder = shared.recorder();
    recorder.close(clock.micros()).map_err(EngineError::Journal)?;
    Ok(Measured {
        phases: recorder.phases().to_vec(),
        points: recorder.points(),
        point_width: recorder.point_width(),
        cpu_cores,
        users,
        started_unix_millis: clock.started_unix_millis(),
        stopped: stop.reason(),
    })
}

impl Measured {
    /// The share of the generator's cores that it kept busy.
    pub fn cpu_share(&self) -> Option<f64> {
        self.cpu_cores.map(|cores| cores / real(u64::from(available_cores())))
    }
}
