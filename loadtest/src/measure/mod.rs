//! What is measured: outcomes, latencies, the series over time and the generator itself.

pub mod cpu;
pub mod descriptors;
pub mod journal;
pub mod outcome;
pub mod recorder;
pub mod series;
