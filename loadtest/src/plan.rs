//! Reads what a runner is asked to do: the plan, the spec, the principals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proofline_spec::document::{Credential, LoadProof, Service};
use proofline_spec::evidence::{CheckId, Plan};
use proofline_spec::load::load_service;

use crate::guard::Permission;
use crate::profile::Ask;
use crate::scenario::Account;

/// Why a plan cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file does not hold what it should.
    #[error("`{}` is not {expected}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing to do.
    #[error("the plan has no load tests")]
    Empty,
    /// A check is asked for that the plan does not have.
    #[error("the plan has no load test `{0}`")]
    Unknown(String),
}

/// A run and the limits of all claims that share it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The check.
    pub check: CheckId,
    /// Claims that it is evidence for.
    pub claims: Vec<String>,
    /// Their limits; the profile and the load are the same in all.
    pub proofs: Vec<LoadProof>,
}

/// A plan and the spec it is about.
#[derive(Debug, Clone)]
pub struct Task {
    /// The plan.
    pub plan: Plan,
    /// The service.
    pub service: Service,
    /// The runs, each once.
    pub runs: Vec<Run>,
    /// Whom requests can be sent as.
    pub accounts: Vec<Account>,
}

impl Task {
    /// Reads a plan and what it names; `variables` is the process's environment.
    pub fn read(path: &Path, variables: &BTreeMap<String, String>) -> Result<Self, PlanError> {
        let plan: Plan = json(path, "a plan")?;
        let spec = PathBuf::from(&plan.spec);
        let service = service(&spec)?;
        let mut accounts: Vec<Account> = match &plan.principals_file {
            Some(file) => json(Path::new(file), "a list of principals")?,
            None => Vec::new(),
        };
        for (role, credential) in &plan.environment.credentials {
            let Credential::Env(name) = credential else { continue };
            if let Some(token) = variables.get(name).filter(|token| !token.is_empty()) {
                accounts.push(Account::bearer(token, Some(role.clone())));
            }
        }
        let runs = runs(&plan);
        if runs.is_empty() {
            return Err(PlanError::Empty);
        }
        Ok(Self { plan, service, runs, accounts })
    }

    /// The run of that check.
    pub fn run(&self, check: &str) -> Result<&Run, PlanError> {
        let found = self.runs.iter().find(|run| run.check.to_string() == check);
        found.ok_or_else(|| PlanError::Unknown(check.to_owned()))
    }

    /// What the environment permits, with the token that a public host must serve.
    pub fn permission(&self) -> Option<Permission> {
        let environment = &self.plan.environment;
        environment.permits.load.map(|permit| Permission {
            max_rate: permit.max_rate.per_second(),
            max_duration: permit.max_duration.to_std(),
            token: Some(token(&self.service.service.name, &environment.environment)),
            owner_signed: false,
        })
    }
}

/// The line that a host serves to agree to load: it names who may load it, so that a copy of the
/// file on another host agrees to nothing else.
pub fn token(service: &str, environment: &str) -> String {
    format!("proofline-load-permit service={service} environment={environment}")
}

impl Run {
    /// What the profile is asked for.
    pub fn ask(&self, permission: &Permission) -> Option<Ask> {
        let proof = self.proofs.first()?;
        Some(Ask {
            rate: proof.rate.map(proofline_spec::unit::Rate::per_second),
            concurrency: proof.concurrency,
            duration: proof.duration.map(proofline_spec::unit::Duration::to_std),
            max_rate: permission.max_rate,
            max_duration: permission.max_duration.max(Duration::from_secs(1)),
        })
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        self.proofs.first().map_or("", |proof| &proof.profile)
    }
}

/// Each check once, with everything that is claimed of it.
fn runs(plan: &Plan) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for load in &plan.loads {
        if let Some(run) = runs.iter_mut().find(|run| run.check == load.check) {
            run.claims.extend(load.claims.clone());
            run.proofs.push(load.proof.clone());
        } else {
            let (claims, proofs) = (load.claims.clone(), vec![load.proof.clone()]);
            runs.push(Run { check: load.check.clone(), claims, proofs });
        }
    }
    runs
}

fn json<T: serde::de::DeserializeOwned>(
    path: &Path,
    expected: &'static str,
) -> Result<T, PlanError> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| malformed(path, expected, &error))
}

fn service(path: &Path) -> Result<Service, PlanError> {
    let loaded = load_service(path);
    let wrong = loaded.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
    match (loaded.document, wrong) {
        (Some(service), None) => Ok(service),
        (_, Some(wrong)) => Err(malformed(path, "a service", &wrong.message)),
        (None, None) => Err(malformed(path, "a service", &"it is empty")),
    }
}

fn read(path: &Path) -> Result<String, PlanError> {
    std::fs::read_to_string(path)
        .map_err(|error| PlanError::Unreadable { path: path.to_owned(), reason: error.to_string() })
}

fn malformed(path: &Path, expected: &'static str, error: &dyn std::fmt::Display) -> PlanError {
    PlanError::Malformed { path: path.to_owned(), expected, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(loads: &str) -> Plan {
        let text = format!(
            r#"{{"spec":"x","url":"http://127.0.0.1:1","seed":1,"loads":[{loads}],"environment":{{
                "proofline":"v1","environment":"test","target":"native"}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn claims_that_share_a_run_share_it() {
        let one =
            r#"{"check":"load/steady-1","claims":["A"],"proof":{"profile":"steady","p95":"< 1s"}}"#;
        let two =
            r#"{"check":"load/steady-1","claims":["B"],"proof":{"profile":"steady","p50":"< 1s"}}"#;
        let other = r#"{"check":"load/smoke-1","claims":["B"],"proof":{"profile":"smoke"}}"#;
        let runs = runs(&plan(&[one, two, other].join(",")));
        assert_eq!(runs.len(), 2);
        assert_eq!((&runs[0].claims[..], runs[0].proofs.len()), (&["A".into(), "B".into()][..], 2));
    }

    #[test]
    fn a_token_names_service_and_environment() {
        assert_ne!(token("a", "staging"), token("a", "production"));
        assert_ne!(token("a", "staging"), token("b", "staging"));
    }
}
