//! Evidence of checks and the verdicts computed from it.
//!
//! A runner reads a [`Plan`] and writes one [`CheckEvidence`] document per check into a run's folder,
//! `evidence/<environment>/<run>/checks/`. The command line then writes the [`Manifest`] with the digest of each.
//! [`judge`] computes every verdict from those files and the spec; nothing else can.

mod answers;
mod attestation;
mod bench;
mod check;
mod consistency;
mod difference;
mod digest;
mod instrument;
mod manifest;
mod mutants;
mod parity;
mod plan;
mod recomputed;
mod redact;
mod stability;
mod summary;
mod times;
mod verdict;
mod verdicts;

pub use answers::{AnswerForm, Answers, Asked};
pub use attestation::{
    Envelope, EnvelopeSignature, PAYLOAD_TYPE, PREDICATE_TYPE, Predicate, STATEMENT_TYPE,
    Statement, Subject, SubjectDigest, pae,
};
pub use bench::{
    Bench, BenchMachine, BenchMethod, BenchPeer, BenchRatio, BenchRound, BenchRoute, BenchSize,
    median,
};
pub use check::{
    CheckEvidence, CheckId, CheckKind, CheckOutcome, Exchange, ScenarioEvidence, ScenarioOutcome,
    StepEvidence,
};
pub use difference::{Difference, LatencyShift, Reading, Shift};
pub use digest::Digest;
pub use instrument::{
    InstrumentCard, LatencySummary, LoadEvidence, Measurement, PhaseSummary, SeriesPoint,
};
pub use manifest::{DocumentEntry, LeftOut, Manifest, RawEntry, WorkerSize};
pub use mutants::{Control, LeftOutMutant, MutantOutcome, MutantRow, MutantTable, NeverFailing};
pub use parity::{Deviation, Parity, Part, Side, compare};
pub use plan::{
    ConfigurationCheck, FAULTS_TOKEN, Front, METRICS_TOKEN, Plan, PlannedCheck, PlannedLoad,
};
pub use recomputed::{Histograms, PhaseHistograms};
pub use redact::Redactor;
pub use stability::{Seen, Stability, Wavering};
pub use summary::{CheckSummary, Latency, RunSummary, VerdictTable};
pub use times::{Malformed, Times, TimesSummary};
pub use verdict::{ClaimVerdict, Counts, Overall, Readiness, Score, Verdict, judge};
pub use verdicts::Verdicts;
