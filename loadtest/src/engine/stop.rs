//! The stop switch of a run: signals, a vanished parent, a violated permit.

use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Tells all parts of a run to stop, with the first reason given.
#[derive(Debug, Clone)]
pub struct Stop {
    reason: Arc<Mutex<Option<String>>>,
    changed: Arc<watch::Sender<bool>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { reason: Arc::default(), changed: Arc::new(watch::Sender::new(false)) }
    }
}

impl Stop {
    /// Stops the run; later reasons change nothing.
    pub fn now(&self, reason: &str) {
        let mut kept = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Some(reason.to_owned());
            self.changed.send_replace(true);
        }
    }

    /// Why the run was stopped, if it was.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the run was stopped.
    pub fn requested(&self) -> bool {
        *self.changed.borrow()
    }

    /// Waits until the run is stopped.
    pub async fn wait(&self) {
        let mut changes = self.changed.subscribe();
        // The sender lives in `self`, so this ends with a request only.
        let _ = changes.wait_for(|requested| *requested).await;
    }

    /// Stops on Ctrl-C and SIGTERM.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let stop = self.clone();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => stop.now("terminated"),
                    _ = interrupt.recv() => stop.now("interrupted"),
                }
            });
        }
        #[cfg(not(unix))]
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.now("interrupted");
            }
        });
        Ok(())
    }

    /// Stops when the parent closes our standard input, which it also does by dying: no load goes
    /// on that nobody watches.
    pub fn on_parent_gone(&self) -> std::io::Result<()> {
        let stop = self.clone();
        // A detached thread: the runtime would wait for a blocking task when the process ends.
        let wait = move || {
            let mut byte = [0_u8; 1];
            while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
            stop.now("interrupted");
        };
        std::thread::Builder::new().name("parent".into()).spawn(wait).map(drop)
    }

    /// Goose installs a handler of its own for Ctrl-C, which replaces ours; this listens to it.
    pub(super) async fn watch_engine(self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if goose::is_killswitch_triggered() {
                self.now("interrupted");
                return;
            }
        }
    }
}
