//! Reads the plan and the spec.

use std::path::Path;

use proofline_spec::document::Service;
use proofline_spec::evidence::Plan;

/// Why a plan cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        message: String,
    },
    /// A file is not what it should be.
    #[error("`{path}` is not {what}: {message}")]
    Malformed {
        /// The file.
        path: String,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        message: String,
    },
    /// The plan does not fit the catalogue or the spec.
    #[error("{0}")]
    Unfit(String),
}

fn read(path: &Path) -> Result<String, PlanError> {
    std::fs::read_to_string(path).map_err(|error| PlanError::Unreadable {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}

/// The plan in a JSON file.
pub fn load_plan(path: &Path) -> Result<Plan, PlanError> {
    serde_json::from_str(&read(path)?).map_err(|error| PlanError::Malformed {
        path: path.display().to_string(),
        what: "a plan",
        message: error.to_string(),
    })
}

/// The service that a spec file describes.
pub fn load_service(path: &Path) -> Result<Service, PlanError> {
    serde_saphyr::from_str(&read(path)?).map_err(|error| PlanError::Malformed {
        path: path.display().to_string(),
        what: "the spec of a service",
        message: error.to_string(),
    })
}
