//! Reads the plan and the spec.

use std::path::Path;

use proofline_spec::diagnostic::{Styles, render_all};
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
    let loaded = proofline_spec::load::load_service(path);
    if loaded.has_errors() {
        let message = render_all(&loaded.diagnostics, &Styles::plain());
        return Err(PlanError::Unfit(format!("the spec has problems\n{message}")));
    }
    loaded
        .document
        .ok_or_else(|| PlanError::Unfit(format!("`{}` holds no service", path.display())))
}
