//! Asks whoever started us for what only they can do: signals to processes that are theirs.
//!
//! One line out, such as `kill`, `start`, `end`, `freeze postgres`; one line in: `done`, `wrong` and
//! what the service did that it must not, or `failed` and why.

use std::io::Write as _;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

use crate::failure::Failure;

/// Whoever started us.
#[derive(Debug)]
pub struct Harness {
    answers: Lines<BufReader<Stdin>>,
}

impl Default for Harness {
    fn default() -> Self {
        Self { answers: BufReader::new(tokio::io::stdin()).lines() }
    }
}

impl Harness {
    /// Asks for something and waits until it is done.
    pub async fn ask(&mut self, what: &str) -> Result<(), Failure> {
        let told = writeln!(std::io::stdout(), "{what}").and_then(|()| std::io::stdout().flush());
        told.map_err(|error| Failure::Broken(format!("nobody can be asked to {what}: {error}")))?;
        match self.answers.next_line().await {
            Ok(Some(line)) if line == "done" => Ok(()),
            Ok(Some(line)) => Err(match line.strip_prefix("wrong ") {
                Some(why) => Failure::Wrong(why.to_owned()),
                None => Failure::Broken(format!("{what}: {line}")),
            }),
            Ok(None) => Err(Failure::Broken(format!("{what}: nobody answered"))),
            Err(error) => Err(Failure::Broken(format!("{what}: {error}"))),
        }
    }
}
