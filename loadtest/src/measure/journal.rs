//! The measurement on disk while it runs: each second one JSON line with the histogram of that
//! second, so that a killed run still leaves what it measured.
//!
//! The file is named `….part` until the run has ended and gets its name by a rename.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::outcome::Counts;
use super::recorder::Sample;
use proofline_spec::evidence::Times;

/// One interval of the journal; its requests are those that ended in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Interval {
    /// When the interval ended, in microseconds of the run's clock.
    pub until: u64,
    /// Counts of the interval.
    pub counts: Counts,
    /// Histogram of the phases' latencies, by phase index; base64, HDR V2.
    pub phases: Vec<(usize, String)>,
}

/// Collects an interval and appends it to the file.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<(File, PathBuf)>,
    counts: Counts,
    phases: Vec<(usize, Times)>,
}

impl Journal {
    /// A journal that keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// A journal that ends up at `path`.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let part = part_of(path);
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(part)?;
        Ok(Self { file: Some((file, path.to_owned())), ..Self::default() })
    }

    /// A slot fell due.
    pub fn offered(&mut self) {
        self.counts.offered += 1;
    }

    /// A request ended.
    pub fn ended(&mut self, sample: &Sample) {
        if self.file.is_none() {
            return;
        }
        self.counts.add(sample.outcome);
        let Some(latency) = sample.latency() else { return };
        if let Some((_, times)) = self.phases.iter_mut().find(|(phase, _)| *phase == sample.phase) {
            times.record(latency);
        } else {
            let mut times = Times::default();
            times.record(latency);
            self.phases.push((sample.phase, times));
        }
    }

    /// Appends the interval that ends now and begins the next.
    pub fn flush(&mut self, now: u64) -> std::io::Result<()> {
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        let phases = std::mem::take(&mut self.phases);
        let interval = Interval {
            until: now,
            counts: std::mem::take(&mut self.counts),
            phases: phases.into_iter().map(|(phase, times)| (phase, times.to_base64())).collect(),
        };
        let mut line = serde_json::to_vec(&interval)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// Gives the file its final name.
    pub fn close(&mut self) -> std::io::Result<()> {
        let Some((file, path)) = self.file.take() else { return Ok(()) };
        file.sync_all()?;
        std::fs::rename(part_of(&path), path)
    }
}

/// Where a journal lives until it is complete.
pub fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::Outcome;

    #[test]
    fn an_interrupted_journal_can_be_read_and_merged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        for second in 0..3 {
            let outcome = Outcome::Success;
            let (intended, sent, ended) = (0, 0, 1000 * (second + 1));
            let (status, cached) = (Some(200), None);
            let (phase, route, backlogged) = (0, 0, false);
            let sample =
                Sample { phase, route, intended, sent, ended, backlogged, status, cached, outcome };
            journal.offered();
            journal.ended(&sample);
            journal.flush(second).unwrap();
        }
        // No close: as after a SIGKILL.
        drop(journal);
        assert!(!path.exists());
        let text = std::fs::read_to_string(part_of(&path)).unwrap();
        let mut merged = Times::default();
        for line in text.lines() {
            let interval: Interval = serde_json::from_str(line).unwrap();
            assert_eq!(interval.counts.completed, 1);
            merged.merge(&Times::from_base64(&interval.phases[0].1).unwrap());
        }
        assert_eq!((merged.samples(), merged.percentile(50.0)), (3, 2000));
    }

    #[test]
    fn a_complete_journal_has_its_final_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        journal.flush(1).unwrap();
        journal.close().unwrap();
        assert!(path.exists() && !part_of(&path).exists());
    }
}
