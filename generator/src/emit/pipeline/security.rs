//! Once a week: vulnerabilities of dependencies, secrets in the history, and the security checks against what is deployed.

use serde_json::{Value, json};

use super::{Way, step};
use crate::Input;

/// Looks through every commit; what it finds is not shown in the log.
const SECRETS: &str = "docker run --rm --volume \"$GITHUB_WORKSPACE:/repo:ro\" ghcr.io/gitleaks/gitleaks:v8.30.1 git --redact --no-banner /repo";

pub(super) fn workflow(input: &Input<'_>, way: Way<'_>) -> Value {
    let (service, name) = (input.folder, &way.from.environment);
    // Monday, when somebody is there to read it; not at a full hour, when everybody's start.
    let on = json!({"schedule": [{"cron": "23 5 * * 1"}], "workflow_dispatch": {}});
    let what = format!("{service}: weekly security scan");
    let audit = [step::checkout(false), step::rust(false)].into_iter().chain(step::audit());
    let secrets = [step::checkout(true), step::run("Secrets", SECRETS)];
    let verify = format!("cargo xtask verify --service {service} --env {name} --only security");
    let verify = step::given(step::run("Verify", &verify), step::checks(way.from));
    let verify = [step::checkout(false), step::rust(false), verify];
    let verify = step::job("Security checks", &[], 60, verify);
    let jobs = json!({
        "audit": step::job("Audit", &[], 30, audit),
        "secrets": step::job("Secrets in the history", &[], 30, secrets),
        "verify": step::within(verify, way.from),
        "notify": step::notify(&what, &["audit", "secrets", "verify"]),
    });
    super::workflow(&what, &format!("{service}-security"), &on, &jobs)
}
