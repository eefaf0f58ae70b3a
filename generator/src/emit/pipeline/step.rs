//! Steps and variables that jobs have in common.

use proofline_spec::document::{Credential, Environment};
use serde_json::{Map, Value, json};

use crate::Input;

/// An action of somebody else's, by commit: a tag can be moved by whoever takes over its repository.
pub(super) struct Action {
    name: &'static str,
    pub(super) commit: &'static str,
    pub(super) version: &'static str,
}

const CHECKOUT: Action = Action {
    name: "actions/checkout",
    commit: "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
    version: "v5.0.0",
};
const UPLOAD: Action = Action {
    name: "actions/upload-artifact",
    commit: "b7c566a772e6b6bfb58ed0dc250532a479d7789f",
    version: "v6.0.0",
};
const DOWNLOAD: Action = Action {
    name: "actions/download-artifact",
    commit: "37930b1c2abaa49bbe596cd826c3c89aef350131",
    version: "v7.0.0",
};
/// Every action that workflows use.
pub(super) const ACTIONS: [Action; 3] = [CHECKOUT, UPLOAD, DOWNLOAD];

/// What the operator has on the platform.
const ACCOUNT: [&str; 2] = ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"];
/// Where people are told; nobody is where it is not set.
const NOTIFY: &str = "NOTIFY_WEBHOOK_URL";
/// The version of Rust, as this workspace's members need it.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");
const DENY: &str = "0.20.2";

fn uses(action: &Action, with: &Value) -> Value {
    json!({"uses": format!("{}@{}", action.name, action.commit), "with": with})
}

/// The commit; with everything before it where history is looked through.
pub(super) fn checkout(history: bool) -> Value {
    let depth = u8::from(!history);
    uses(&CHECKOUT, &json!({"persist-credentials": false, "fetch-depth": depth}))
}

/// A command, under a name for people.
pub(super) fn run(name: &str, command: &str) -> Value {
    json!({"name": name, "run": command})
}

/// Rust, and the target of workers where it is needed.
pub(super) fn rust(workers: bool) -> Value {
    let target = if workers { " --target wasm32-unknown-unknown" } else { "" };
    let install = format!(
        "rustup toolchain install {RUST} --profile minimal --component clippy,rustfmt{target}\nrustup default {RUST}"
    );
    run("Rust", &install)
}

/// The tools that build and deploy workers.
pub(super) fn tools() -> Value {
    run("Tools", "cargo xtask setup workers")
}

/// Known vulnerabilities, licences and sources of every dependency.
pub(super) fn audit() -> [Value; 2] {
    let install = format!("cargo install --locked cargo-deny@{DENY}");
    [run("Tools", &install), run("Audit", "cargo deny --all-features check")]
}

fn worker(input: &Input<'_>) -> (String, String) {
    (format!("{}-worker", input.folder), format!("{}/build", input.crate_folder()))
}

/// The built worker, for later jobs.
pub(super) fn keep(input: &Input<'_>) -> Value {
    let (name, path) = worker(input);
    let with = json!({
        "name": name, "path": path, "if-no-files-found": "error", "include-hidden-files": true, "retention-days": 7,
    });
    uses(&UPLOAD, &with)
}

/// The worker as an earlier job built it.
pub(super) fn fetch(input: &Input<'_>) -> Value {
    let (name, path) = worker(input);
    uses(&DOWNLOAD, &json!({"name": name, "path": path}))
}

/// A job with its steps.
pub(super) fn job(
    name: &str,
    needs: &[&str],
    minutes: u32,
    steps: impl IntoIterator<Item = Value>,
) -> Map<String, Value> {
    let mut job = Map::new();
    job.insert("name".into(), name.into());
    if !needs.is_empty() {
        job.insert("needs".into(), json!(needs));
    }
    job.insert("runs-on".into(), "ubuntu-24.04".into());
    job.insert("timeout-minutes".into(), minutes.into());
    job.insert("steps".into(), steps.into_iter().collect());
    job
}

/// Puts a job into an environment, which has secrets of its own and may ask people first.
pub(super) fn within(mut job: Map<String, Value>, environment: &Environment) -> Value {
    let url = environment.url.clone().unwrap_or_default();
    job.insert("environment".into(), json!({"name": environment.environment, "url": url}));
    Value::Object(job)
}

/// Gives one step these secrets; no other step of its job sees them.
pub(super) fn given(mut step: Value, names: impl IntoIterator<Item = String>) -> Value {
    let secret = |name: String| (name.clone(), format!("${{{{ secrets.{name} }}}}").into());
    step["env"] = Value::Object(names.into_iter().map(secret).collect());
    step
}

/// Names of what a deployment to an environment needs: the account, and the service's own secrets.
pub(super) fn deployment(input: &Input<'_>, environment: &Environment) -> Vec<String> {
    let own = input.service.config.secrets.iter().filter(|(_, secret)| !secret.optional);
    let own = own.map(|(name, _)| environment.secrets.get(name).unwrap_or(name).clone());
    ACCOUNT.map(str::to_owned).into_iter().chain(own).collect()
}

/// Names of what the checks need: whose tokens they have.
pub(super) fn checks(environment: &Environment) -> Vec<String> {
    let names = environment.credentials.values().filter_map(|credential| match credential {
        Credential::Env(name) => Some(name.clone()),
        Credential::Mint(_) => None,
    });
    names.collect()
}

/// Tells people how it ended, whatever happened before.
pub(super) fn notify(what: &str, needs: &[&str]) -> Value {
    let results = needs.iter().map(|job| format!("{job}: ${{{{ needs.{job}.result }}}}"));
    let results: Vec<String> = results.collect();
    let command = "\
if [ -z \"$NOTIFY_WEBHOOK_URL\" ]; then
  echo \"::notice::nobody is told: the secret NOTIFY_WEBHOOK_URL is not set\"
  exit 0
fi
jq --null-input --arg text \"$WHAT: $RESULTS $RUN\" '{text: $text}' |
  curl --fail --silent --show-error --max-time 30 --retry 3 --header 'Content-Type: application/json' --data @- -- \"$NOTIFY_WEBHOOK_URL\"";
    let mut step = run("Notify", command);
    step["env"] = json!({
        NOTIFY: format!("${{{{ secrets.{NOTIFY} }}}}"),
        "WHAT": what,
        "RESULTS": results.join(", "),
        "RUN": "${{ github.server_url }}/${{ github.repository }}/actions/runs/${{ github.run_id }}",
    });
    let mut job = job("Notify", needs, 5, [step]);
    job.insert("if".into(), "${{ always() }}".into());
    Value::Object(job)
}
