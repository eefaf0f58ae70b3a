//! The history as data: what the JSON holds, and what the page and the Markdown are made from.

use proofline_spec::evidence::{CheckId, Counts, Digest, Overall, Seen, Shift, Verdict};
use serde::{Deserialize, Serialize};

use super::trend::Trend;

/// What many runs of one service in one environment say together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryData {
    /// Version of this document's form; 1.
    pub format: u32,
    /// Name of the service.
    pub service: String,
    /// Name of the environment.
    pub environment: String,
    /// When the history was made (RFC 3339).
    pub when: String,
    /// Version of the tool that made it.
    pub tool_version: String,
    /// The runs, the oldest first.
    pub runs: Vec<RunRow>,
    /// Runs that do not count, with the reason.
    pub left_out: Vec<LeftOutRun>,
    /// What was not always the same although nothing was changed.
    pub flaky: Vec<Flaky>,
    /// What was compared to find that.
    pub compared: Compared,
    /// Checks by how long they take, the slowest first.
    pub slowest: Vec<SlowCheck>,
    /// Latencies of load tests, run by run.
    pub drift: Vec<Drift>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its name.
    pub run: String,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// The version of the service as the spec says.
    pub version: String,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// Whether there were changes that are not committed.
    pub dirty: bool,
    /// Digest of the spec and its migrations.
    pub spec_digest: Digest,
    /// Checks that left evidence.
    pub checks: usize,
    /// Checks that were left out.
    pub left_out: usize,
    /// Whether some were left out because only others were asked for, so that the score says nothing about readiness.
    pub partial: bool,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// The verdict; absent where none was kept.
    pub verdict: Option<Overall>,
    /// The score, in percent.
    pub percent: Option<u32>,
    /// How many claims have which verdict.
    pub counts: Option<Counts>,
    /// Claims whose verdict was another one in the whole run before; nothing in runs that are not whole.
    pub moved: Vec<Shift<Verdict>>,
}

impl RunRow {
    /// Whether everything was checked, so that its score is the service's.
    pub const fn is_whole(&self) -> bool {
        !self.partial && !self.interrupted
    }
}

/// A run that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutRun {
    /// Its name.
    pub run: String,
    /// Why.
    pub reason: String,
}

/// Something that was not always the same although nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaky {
    /// `claim`, `check` or `scenario`.
    pub kind: String,
    /// What.
    pub name: String,
    /// The commit.
    pub commit: String,
    /// Each way in which it was, with the runs.
    pub seen: Vec<Seen>,
}

/// What was compared to find what is flaky.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Runs of a commit, spec and code of which there are at least two.
    pub runs: usize,
    /// How many such commits, specs and codes.
    pub groups: usize,
    /// Runs that could not be compared: of changes that are not committed, of no commit, or interrupted.
    pub unknown: usize,
}

/// How long a check takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowCheck {
    /// The check.
    pub check: CheckId,
    /// In how many runs it left evidence.
    pub runs: usize,
    /// Half of them took less, in milliseconds.
    pub median_ms: u64,
    /// The longest, in milliseconds.
    pub longest_ms: u64,
    /// The newest, in milliseconds.
    pub newest_ms: u64,
}

/// Latencies of a load test, run by run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The load test.
    pub check: CheckId,
    /// What each run measured, the oldest first; runs whose generator was the bottleneck are not among them.
    pub points: Vec<DriftPoint>,
    /// The trend of each percentile.
    pub trends: Vec<PercentileTrend>,
    /// How many runs were left out because their generator was the bottleneck.
    pub saturated: usize,
}

/// What one run of a load test measured, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftPoint {
    /// The run.
    pub run: String,
    /// Samples.
    pub samples: u64,
    /// Half are faster.
    pub p50_us: u64,
    /// 95 % are faster.
    pub p95_us: u64,
    /// 99 % are faster.
    pub p99_us: u64,
}

/// The trend of one percentile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PercentileTrend {
    /// `p50`, `p95` or `p99`.
    pub percentile: String,
    /// What can be said.
    pub trend: Trend,
    /// The oldest, in microseconds.
    pub oldest_us: u64,
    /// The newest, in microseconds.
    pub newest_us: u64,
    /// The smallest and the greatest, in microseconds.
    pub range_us: [u64; 2],
}
