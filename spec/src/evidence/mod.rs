//! Evidence of checks and the verdicts computed from it.
