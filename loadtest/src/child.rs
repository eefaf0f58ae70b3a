//! Runs one thing, a check or the self-test, in a process of its own, and reports by [`Event`]s.
//!
//! A process of its own because Goose's stop switch and its Ctrl-C handler belong to the process,
//! and because the generator's use of the processor is then its own alone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use proofline_spec::exit::Exit;

use crate::check;
use crate::engine::Stop;
use crate::event::Event;
use crate::evidence;
use crate::plan::Task;
use crate::selftest::{self, Report, Stall};

/// Runs the self-test.
pub async fn self_test() -> Exit {
    let stop = match stop_switch() {
        Ok(stop) => stop,
        Err(error) => return broken(&error.to_string()),
    };
    match selftest::run(&Stall::default(), stop).await {
        Ok(report) => {
            tell(&Event::SelfTest { report });
            Exit::Success
        }
        Err(error) => broken(&error.to_string()),
    }
}

/// Runs one check of a plan and writes its evidence.
pub async fn one_check(
    plan: &Path,
    check: &str,
    instrument: &Report,
    folder: &Path,
    variables: &BTreeMap<String, String>,
) -> Exit {
    let task = match Task::read(plan, variables) {
        Ok(task) => task,
        Err(error) => return broken(&error.to_string()),
    };
    let (run, stop) = match (task.run(check), stop_switch()) {
        (Ok(run), Ok(stop)) => (run, stop),
        (Err(error), _) => return broken(&error.to_string()),
        (_, Err(error)) => return broken(&error.to_string()),
    };
    let evidence = check::carry_out(
        &task,
        run,
        instrument,
        folder,
        stop,
        |phases| tell(&Event::begins(phases)),
        |progress| tell(&Event::from(progress)),
    )
    .await;
    match evidence::write(folder, &evidence) {
        Ok(_) => Exit::Success,
        Err(error) => broken(&format!("cannot write the evidence: {error}")),
    }
}

/// Stops on signals, and when the parent is gone.
fn stop_switch() -> std::io::Result<Stop> {
    let stop = Stop::default();
    stop.on_signals()?;
    stop.on_parent_gone()?;
    Ok(stop)
}

fn broken(reason: &str) -> Exit {
    tell(&Event::Broken { reason: reason.to_owned() });
    Exit::CouldNotFindOut
}

/// Writes an event; a parent that does not listen any more is noticed elsewhere.
fn tell(event: &Event) {
    let mut out = std::io::stdout().lock();
    if serde_json::to_writer(&mut out, event).is_ok() {
        let _ = out.write_all(b"\n");
        let _ = out.flush();
    }
}
