//! The instrument sees a stall, and a closed loop does not.
//!
//! One test, because the engine's stop switch belongs to the process.

use std::time::Duration;

use proofline_loadtest::engine::Stop;
use proofline_loadtest::schedule::Arrival;
use proofline_loadtest::selftest::{Stall, run, run_as};

#[tokio::test(flavor = "multi_thread")]
async fn the_open_schedule_sees_the_stall_and_a_closed_loop_does_not() {
    let stall = Stall::default();
    // A machine that is busy with others is late by itself: that is the machine, and passes.
    let mut open = run(&stall, Stop::default()).await.unwrap();
    for _ in 0..4 {
        if open.passed() {
            break;
        }
        open = run(&stall, Stop::default()).await.unwrap();
    }
    assert!(open.passed(), "{open:?}");

    // One user that waits for each answer sends next to nothing during the stall.
    let closed = run_as(&stall, Arrival::closed(1), Stop::default()).await.unwrap();
    assert!(!closed.passed() && closed.error_percent > 90.0, "{closed:?}");

    // A faster server without a stall is measured to the body, not to the headers.
    let service_time = Duration::from_millis(100);
    let (freezes, thaws) = (Duration::from_secs(9), Duration::from_secs(9));
    let slow = Stall { service_time, freezes, thaws, duration: Duration::from_secs(1), ..stall };
    let report = run(&slow, Stop::default()).await.unwrap();
    // How much later than that depends on what else the machine does.
    assert!(report.samples == report.planned && report.measured_p95 >= 100_000, "{report:?}");
}
