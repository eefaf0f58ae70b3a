//! What the checks cannot do themselves and ask for: whoever started the processes kills them and starts them again.
//!
//! One line comes, such as `kill`, `start`, `end`, `freeze postgres`; one line is answered: `done`, `wrong` and what the
//! service did that it must not, or `failed` and why.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::Environment;

use super::process::Process;
use super::start::Started;
use super::workspace::LoadedService;
use crate::context::Context;

/// How often we look whether the user stopped us.
const LOOK: Duration = Duration::from_millis(50);

/// Does what a driver asks for until it ends; how it ended.
pub(crate) fn grant(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    started: &mut Started,
    driver: &mut Process,
) -> Result<ExitStatus> {
    let (mut answers, questions) = driver.talk().context("the driver has no standard input")?;
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(questions).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    while let Some(wish) = next(context, &asked) {
        let done = fulfil(context, service, environment, started, &wish);
        let answer = match done {
            Ok(None) => "done".to_owned(),
            Ok(Some(wrong)) => format!("wrong {}", wrong.replace('\n', " ")),
            Err(error) => format!("failed {}", format!("{error:#}").replace('\n', " ")),
        };
        if writeln!(answers, "{answer}").and_then(|()| answers.flush()).is_err() {
            break;
        }
    }
    // It may ask for nothing more, and still has something to write.
    Ok(driver.wait(context)?)
}

/// What is asked for next; nothing once the driver has ended or the user stopped us.
fn next(context: &Context, asked: &Receiver<String>) -> Option<String> {
    loop {
        match asked.recv_timeout(LOOK) {
            Ok(wish) => return Some(wish),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if context.interrupted() => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Does one thing; what the service did that it must not, if so.
fn fulfil(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    started: &mut Started,
    wish: &str,
) -> Result<Option<String>> {
    match wish.split_once(' ') {
        None if wish == "kill" => started.kill().map(|()| None),
        None if wish == "end" => started.end(),
        None if wish == "roll-back" => started.roll_back(context).map(|()| None),
        Some(("release", flaw)) => started.release(context, flaw).map(|()| None),
        None if wish == "start" => {
            started.start_again(context, service, environment).map(|()| None)
        }
        Some((action, store)) => started.store(action, store).map(|()| None),
        None => bail!("`{wish}` is not understood"),
    }
}
