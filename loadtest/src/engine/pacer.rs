//! The pacer: a thread that releases every slot at its intended time.
//!
//! A thread rather than a task, because the asynchronous timer is only accurate to a millisecond
//! and would add up to that to every latency.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::shared::{Shared, Slot};
use super::{AfterPhase, EngineError};
use crate::clock::micros;
use crate::schedule::{Arrival, Phase, Role};

/// Starts the pacer; it ends after the last phase or when the run is stopped.
pub(super) fn start(
    shared: Arc<Shared>,
    phases: Vec<Phase>,
    after_phase: AfterPhase,
) -> Result<JoinHandle<()>, EngineError> {
    let body = move || Pacer { shared: &shared, next: 0 }.run(&phases, &after_phase);
    std::thread::Builder::new().name("pacer".into()).spawn(body).map_err(EngineError::Thread)
}

/// After a step everything outstanding is given this long, so that the next begins from rest.
const SETTLE: Duration = Duration::from_secs(2);

/// The releases of the last second: in the closed model, where no schedule spreads requests, the
/// bucket alone would let a saved-up batch go on top of a second's worth.
struct Window {
    most: f64,
    count: f64,
    releases: VecDeque<(Instant, f64)>,
}

impl Window {
    /// A little more than a second, as requests leave a little after their release.
    const LENGTH: Duration = Duration::from_millis(1050);

    fn new(most: f64) -> Self {
        Self { most, count: 0.0, releases: VecDeque::new() }
    }

    /// When a batch fits into the window; `None` when it does now.
    fn next(&mut self, batch: u32) -> Option<Instant> {
        let mut next = None;
        while self.count + f64::from(batch) > self.most {
            let (at, count) = self.releases.pop_front()?;
            self.count -= count;
            next = Some(at + Self::LENGTH);
        }
        next
    }

    fn released(&mut self, at: Instant, batch: u32) {
        self.releases.push_back((at, f64::from(batch)));
        self.count += f64::from(batch);
    }
}

struct Pacer<'a> {
    shared: &'a Shared,
    next: u64,
}

impl Pacer<'_> {
    fn run(&mut self, phases: &[Phase], after_phase: &AfterPhase) {
        let mut start = self.shared.clock().micros();
        for (index, phase) in phases.iter().enumerate() {
            self.shared.enter_phase(index);
            self.shared.recorder().began(index, start);
            match phase.arrival {
                Arrival::Rate { .. } => self.open(index, phase, start),
                Arrival::Concurrency { users, batch } => {
                    self.closed(index, phase, start, users, batch.clamp(1, users.max(1)));
                }
            }
            let planned = start + micros(phase.duration);
            self.sleep_until(planned);
            let stopped = self.shared.stop().requested();
            let ended = if stopped { self.shared.clock().micros() } else { planned };
            self.shared.recorder().finished(index, ended);
            start = planned;
            if phase.role == Role::Step {
                self.shared.wait_for_answers(0, Instant::now() + SETTLE);
                start = self.shared.clock().micros();
            }
            let record = self.shared.recorder().phase(index).clone();
            if stopped || !after_phase(index, &record) {
                return;
            }
        }
    }

    /// Open model: slot k at its intended time, whatever the service does.
    fn open(&mut self, index: usize, phase: &Phase, start: u64) {
        for k in 0.. {
            let Some(offset) = phase.intended(k) else { return };
            let intended = start + micros(offset);
            if !self.sleep_until(intended) {
                return;
            }
            let slot = self.slot(index, intended);
            self.shared.release(&[slot]);
        }
    }

    /// Closed model: the next batch when there is room for it and the permit has saved up for it.
    fn closed(&mut self, index: usize, phase: &Phase, start: u64, users: u32, batch: u32) {
        let end = self.shared.clock().at(start) + phase.duration;
        let room = u64::from(users - batch);
        let mut window = Window::new(self.shared.client().permit().max_rate());
        while self.shared.wait_for_answers(room, end) {
            let saved_up = Instant::now() + self.shared.client().bucket().delay_for(batch);
            let permitted = window.next(batch).map_or(saved_up, |next| next.max(saved_up));
            if permitted >= end || !self.sleep_until_instant(permitted) {
                return;
            }
            window.released(Instant::now(), batch);
            let now = self.shared.clock().micros();
            let slots: Vec<Slot> = (0..batch).map(|_| self.slot(index, now)).collect();
            self.shared.release(&slots);
        }
    }

    fn slot(&mut self, phase: usize, intended: u64) -> Slot {
        let number = self.next;
        self.next += 1;
        let route = self.shared.workload().route(number);
        Slot { number, phase, route, intended, backlogged: false }
    }

    /// Sleeps until a time of the run's clock; `false` when the run was stopped.
    fn sleep_until(&self, at: u64) -> bool {
        self.sleep_until_instant(self.shared.clock().at(at))
    }

    fn sleep_until_instant(&self, at: Instant) -> bool {
        while !self.shared.stop().requested() {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_of_a_second_holds_more_than_is_permitted() {
        let mut window = Window::new(100.0);
        let mut now = Instant::now();
        let mut releases: Vec<Instant> = Vec::new();
        for _ in 0..50 {
            now = window.next(40).unwrap_or(now).max(now);
            window.released(now, 40);
            releases.push(now);
        }
        for triple in releases.windows(3) {
            assert!(triple[2] - triple[0] > Duration::from_secs(1), "three times 40 are too many");
        }
    }
}
