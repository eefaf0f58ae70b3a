//! What is written about a run: its schedule and what was seen, whole after each round.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::jobs::Tally;
use super::schedule::Round;

/// A run of random faults.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Document {
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// What decided everything that broke.
    pub seed: u64,
    /// How to see it again.
    pub replay: String,
    /// What was checked.
    pub checked: Vec<String>,
    /// What could not be checked, and why.
    pub unchecked: Vec<String>,
    /// What became of jobs that were put into queues, where that was counted.
    pub jobs: Option<Tally>,
    /// The rounds.
    pub rounds: Vec<RoundReport>,
    /// How it ended; without it, it was cut short.
    pub outcome: Option<&'static str>,
}

/// What a round showed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RoundReport {
    /// What was to break, and when.
    pub schedule: Option<Round>,
    /// How many requests were sent.
    pub requests: u64,
    /// How many answers had which status.
    pub statuses: BTreeMap<u16, u64>,
    /// How many connections were refused.
    pub not_sent: u64,
    /// How many requests got no answer.
    pub unanswered: u64,
    /// How many clients went away.
    pub left: u64,
    /// How many writes were confirmed.
    pub confirmed: u64,
    /// Of how many writes nobody knew whether they were done.
    pub unknown: u64,
    /// What does not hold.
    pub wrong: Vec<String>,
    /// Which of them are about an answer, with its correlation id.
    #[serde(skip)]
    pub(super) answers: Vec<(usize, String)>,
}

impl Document {
    /// Everything that does not hold.
    pub fn wrong(&self) -> usize {
        self.rounds.iter().map(|round| round.wrong.len()).sum()
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let text = serde_json::to_string_pretty(self)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.persist(folder.join("chaos.json"))?;
        Ok(())
    }
}

impl RoundReport {
    /// Adds what the service's log says about answers that nothing explains: later it may be gone.
    pub(super) fn explain(&mut self, log: &str) {
        for (number, id) in self.answers.drain(..) {
            let line = log.lines().filter(|line| line.contains(&id));
            let mut lines = line.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let cause = lines.find_map(|line| Some(line.get("cause")?.as_str()?.to_owned()));
            if let (Some(wrong), Some(cause)) = (self.wrong.get_mut(number), cause) {
                wrong.push_str("; the log says: ");
                wrong.push_str(&cause);
            }
        }
    }

    /// One line about it.
    pub fn line(&self) -> String {
        let round = self.schedule.as_ref();
        let faults = round.map(|r| r.events.iter().map(|e| e.fault.describe()).collect::<Vec<_>>());
        let faults = faults
            .filter(|f| !f.is_empty())
            .map_or_else(|| "nothing breaks".to_owned(), |f| f.join(", "));
        let statuses: Vec<String> =
            self.statuses.iter().map(|(status, count)| format!("{count} x {status}")).collect();
        format!(
            "round {}: {} requests ({}; {} not sent, {} unanswered, {} left); {} writes confirmed, {} unknown, {} wrong; {faults}",
            round.map_or(0, |r| r.number),
            self.requests,
            statuses.join(", "),
            self.not_sent,
            self.unanswered,
            self.left,
            self.confirmed,
            self.unknown,
            self.wrong.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_says_of_an_answer_stands_beside_it() {
        let wrong = vec!["not ready".to_owned(), "GET / answered 500".to_owned()];
        let answers = vec![(1, "id-1".to_owned())];
        let mut report = RoundReport { wrong, answers, ..RoundReport::default() };
        report.explain(
            "started\n{\"correlation_id\": \"id-0\", \"cause\": \"another\"}\n\
             {\"correlation_id\": \"id-1\", \"cause\": \"a full disk\"}\n",
        );
        assert_eq!(report.wrong, ["not ready", "GET / answered 500; the log says: a full disk"]);
    }
}
