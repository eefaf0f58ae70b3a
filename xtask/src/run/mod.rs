//! A run: from documents to evidence. One file for each part of it.

pub(crate) mod alerts;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod browser;
pub(crate) mod build;
pub(crate) mod chaos;
pub(crate) mod documents;
pub(crate) mod elsewhere;
pub(crate) mod evidence;
pub(crate) mod framing;
pub(crate) mod gates;
pub(crate) mod migrations;
pub(crate) mod mutants;
pub(crate) mod pipelines;
pub(crate) mod plan;
pub(crate) mod plans;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod runners;
pub(crate) mod said;
pub(crate) mod secrets;
pub(crate) mod session;
pub(crate) mod start;
pub(crate) mod web_vitals;
pub(crate) mod whole;
mod wishes;
pub(crate) mod workspace;
