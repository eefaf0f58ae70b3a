//! What the pacer, the users and the ticker of a run share, and a user's turn.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::Stop;
use crate::client::{Client, ClientError, Exchange};
use crate::clock::Clock;
use crate::measure::outcome::{Counts, Outcome};
use crate::measure::recorder::{Recorder, Sample};
use crate::scenario::Workload;

/// A request that has fallen due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Its number in the run; decides what is sent and by whom.
    pub(super) number: u64,
    /// Index of its phase.
    pub(super) phase: usize,
    /// Index of its route.
    pub(super) route: usize,
    /// When it is to be sent.
    pub(super) intended: u64,
    /// Whether all users were busy when it fell due.
    pub(super) backlogged: bool,
}

/// How far a run has come.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Time since the start of the schedule.
    pub elapsed: Duration,
    /// Index of the current phase.
    pub phase: usize,
    /// All counts so far.
    pub counts: Counts,
    /// 95th percentile of the current phase so far, in microseconds.
    pub p95: Option<u64>,
}

/// The parts of a run that its users share.
pub(super) struct Shared {
    client: Client,
    workload: Workload,
    stop: Stop,
    clock: OnceLock<Clock>,
    recorder: Mutex<Recorder>,
    due: Mutex<VecDeque<Slot>>,
    ready: Semaphore,
    idle: AtomicUsize,
    arrived: AtomicU32,
    phase: AtomicUsize,
    outstanding: Mutex<u64>,
    answered: Condvar,
    abandoned: watch::Sender<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(client: Client, workload: Workload, recorder: Recorder, stop: Stop) -> Self {
        Self {
            client,
            workload,
            stop,
            clock: OnceLock::new(),
            recorder: Mutex::new(recorder),
            due: Mutex::default(),
            ready: Semaphore::new(0),
            idle: AtomicUsize::new(0),
            arrived: AtomicU32::new(0),
            phase: AtomicUsize::new(0),
            outstanding: Mutex::new(0),
            answered: Condvar::new(),
            abandoned: watch::Sender::new(false),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn workload(&self) -> &Workload {
        &self.workload
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(super) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock(&self.recorder)
    }

    /// The run's clock; before its start, one that starts now.
    pub(super) fn clock(&self) -> Clock {
        *self.clock.get_or_init(Clock::start)
    }

    pub(super) fn start_clock(&self, clock: Clock) {
        // Set once; whoever was first is the run's clock.
        let _ = self.clock.set(clock);
    }

    pub(super) fn enter_phase(&self, phase: usize) {
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// A user has started.
    pub(super) fn arrive(&self) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits until all users have started, or the engine has ended without.
    pub(super) async fn wait_for_users<T>(&self, users: u32, engine: &JoinHandle<T>) {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while self.arrived.load(Ordering::Acquire) < users
            && !engine.is_finished()
            && !self.stop.requested()
        {
            ticks.tick().await;
        }
    }

    /// Puts slots into the users' hands.
    pub(super) fn release(&self, slots: &[Slot]) {
        let mut due = lock(&self.due);
        let mut recorder = self.recorder();
        for slot in slots {
            let backlogged = due.len() >= self.idle.load(Ordering::Acquire);
            recorder.offered(slot.phase, slot.route, slot.intended);
            due.push_back(Slot { backlogged, ..*slot });
        }
        drop(recorder);
        drop(due);
        *lock(&self.outstanding) += slots.len() as u64;
        self.ready.add_permits(slots.len());
    }

    /// One turn of a user: takes the next slot, sends, records. Returns at once when there will be
    /// no more.
    pub(super) async fn turn(&self) {
        self.idle.fetch_add(1, Ordering::AcqRel);
        let permit = self.ready.acquire().await;
        self.idle.fetch_sub(1, Ordering::AcqRel);
        let Ok(permit) = permit else {
            // Goose ends the user soon; until then it must not spin.
            return tokio::time::sleep(Duration::from_millis(20)).await;
        };
        permit.forget();
        let Some(slot) = lock(&self.due).pop_front() else { return };
        let prepared = self.workload.prepare(slot.number, slot.route);
        self.recorder().in_flight(slot.phase, slot.intended, self.client.in_flight() + 1);
        let mut abandoned = self.abandoned.subscribe();
        let ended = tokio::select! {
            ended = self.client.send(&prepared) => Some(ended),
            _ = abandoned.wait_for(|abandoned| *abandoned) => None,
        };
        match ended {
            Some(Ok(exchange)) => self.record(&slot, &exchange),
            Some(Err(error)) => self.violated(&error),
            None => {}
        }
        *lock(&self.outstanding) -= 1;
        self.answered.notify_all();
    }

    fn record(&self, slot: &Slot, exchange: &Exchange) {
        let clock = self.clock();
        let since = |at: Instant| crate::clock::micros(at.saturating_duration_since(clock.at(0)));
        let outcome = Outcome::of(exchange.ending, self.workload.declared(slot.route));
        self.recorder().ended(&Sample {
            phase: slot.phase,
            route: slot.route,
            intended: slot.intended,
            sent: since(exchange.sent),
            ended: since(exchange.ended),
            backlogged: slot.backlogged,
            status: exchange.ending.status(),
            cached: exchange.cached,
            outcome,
        });
    }

    /// The client refused to send: the run must not go on.
    fn violated(&self, error: &ClientError) {
        self.stop.now(&format!("stopped by the permit: {error}"));
    }

    /// Requests released and not yet ended.
    pub(super) fn outstanding(&self) -> u64 {
        *lock(&self.outstanding)
    }

    /// Waits until at most `most` requests are outstanding, or `until` has come, or the run stops.
    pub(super) fn wait_for_answers(&self, most: u64, until: Instant) -> bool {
        let mut outstanding = lock(&self.outstanding);
        while *outstanding > most && !self.stop.requested() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let slice = left.min(Duration::from_millis(50));
            let waited = self.answered.wait_timeout(outstanding, slice);
            outstanding = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *outstanding <= most
    }

    /// After the last slot: lets what is in flight end, a stopped run only briefly.
    pub(super) async fn drain(&self, timeout: Duration) {
        let began = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while self.outstanding() > 0 {
            ticks.tick().await;
            let most = if self.stop.requested() { Duration::from_secs(1) } else { timeout * 2 };
            if began.elapsed() > most {
                break;
            }
        }
    }

    /// No more slots: users return, and what is still in flight is given up.
    pub(super) fn close(&self) {
        self.ready.close();
        self.abandoned.send_replace(true);
    }

    fn progress(&self) -> Progress {
        let phase = self.phase.load(Ordering::Relaxed);
        let recorder = self.recorder();
        let mut counts = Counts::default();
        for record in recorder.phases() {
            record.routes.iter().for_each(|cell| counts.merge(&cell.counts));
        }
        let total = recorder.phase(phase).total();
        let p95 = total.latency.summary().map(|summary| summary.p95);
        let elapsed = Duration::from_micros(self.clock().micros());
        Progress { elapsed, phase, counts, p95 }
    }
}

/// Each second: the interval goes to disk, and the progress to whoever watches.
pub(super) async fn tick(
    shared: std::sync::Arc<Shared>,
    progress: Box<dyn Fn(&Progress) + Send + Sync>,
) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let now = shared.clock().micros();
        if let Err(error) = shared.recorder().flush(now) {
            shared.stop.now(&format!("cannot write the measurement: {error}"));
        }
        progress(&shared.progress());
    }
}
