//! Time and randomness of the platform.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::glue;
use crate::binding::clock::{Clock, Entropy};

/// The platform's clock. It stands still while the service computes, and goes on with every answer from outside.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlatformClock;

/// A timer that ends with whoever waits for it.
struct Timer(JsValue);

impl Drop for Timer {
    fn drop(&mut self) {
        glue::cancel(&self.0);
    }
}

/// Milliseconds since 1970.
pub(super) fn unix_millis() -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time after 1970 in whole milliseconds"
    )]
    let millis = glue::now() as u64;
    millis
}

/// Milliseconds, as JavaScript counts them.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

thread_local! {
    /// Whether timers are left for later.
    static WITHOUT_TIMERS: Cell<bool> = const { Cell::new(false) };
}

/// Does something that makes no timers: who waits for one is asked again later, and makes it then.
pub(super) fn without_timers<T>(work: impl FnOnce() -> T) -> T {
    let before = WITHOUT_TIMERS.replace(true);
    let result = work();
    WITHOUT_TIMERS.set(before);
    result
}

/// Whether this is a call that makes no timers.
pub(super) fn is_without_timers() -> bool {
    WITHOUT_TIMERS.get()
}

fn later_without_timers(context: &mut Context<'_>) -> Poll<()> {
    if WITHOUT_TIMERS.get() {
        // Who asks only what was woken must ask this again.
        context.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(())
}

impl Clock for PlatformClock {
    fn unix_millis(&self) -> u64 {
        unix_millis()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(unix_millis())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // The time begins when it is first waited for: most work needs no time that it could end.
        Box::pin(SendWrapper::new(async move {
            let end = glue::now() + millis(duration);
            poll_fn(later_without_timers).await;
            let left = end - glue::now();
            if left > 0.0 {
                let timer = Timer(glue::timer(left));
                glue::wait(&timer.0).await;
            }
        }))
    }
}

/// So many bytes are asked for at once.
const POOL: usize = 1024;

/// The platform's randomness, of which each byte is given out once.
#[derive(Debug, Default)]
pub(super) struct PlatformEntropy(Mutex<Vec<u8>>);

impl Entropy for PlatformEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), String> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in buffer {
            if pool.is_empty() {
                *pool = glue::random(u32::try_from(POOL).unwrap_or(u32::MAX)).to_vec();
            }
            *byte = pool.pop().ok_or("the platform gave no random bytes")?;
        }
        Ok(())
    }
}
