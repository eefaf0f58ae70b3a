//! Versions of a worker: the one that is deployed, a new one, and the way back.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::workers::wrangler::Call;

/// The version that gets the most requests now; absent when the worker does not exist.
pub(super) fn current(call: &Call<'_>) -> Result<Option<String>> {
    let doing = "find the deployed version";
    let absent = ["[code: 10007]", "not found", "does not exist"];
    let command = call.command(&["deployments", "status", "--json"]);
    let Some(said) = call.ask(command, &absent, doing)? else { return Ok(None) };
    let start = said.stdout.find('{').unwrap_or_default();
    let status: Value = serde_json::from_str(&said.stdout[start..])
        .with_context(|| format!("wrangler printed no status when it should {doing}"))?;
    let versions = status["versions"].as_array();
    let most = versions.into_iter().flatten().max_by(|a, b| {
        let share = |version: &Value| version["percentage"].as_f64().unwrap_or_default();
        share(a).total_cmp(&share(b))
    });
    Ok(most.and_then(|version| version["version_id"].as_str()).map(str::to_owned))
}

/// Uploads the worker and lets it take all requests; its version.
pub(super) fn deploy(call: &Call<'_>, message: &str) -> Result<String> {
    let told = call.folder().join("deployed.ndjson");
    let mut command = call.command(&["deploy", "--message", message]);
    command.env("WRANGLER_OUTPUT_FILE_PATH", &told);
    call.run(command, None, "deploy the worker")?;
    let text = std::fs::read_to_string(&told).context("wrangler did not say what it deployed")?;
    deployed(&text).context("wrangler did not say which version it deployed")
}

fn deployed(text: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines = lines.filter(|line| line["type"] == "deploy");
    let deployed = lines.next_back()?;
    deployed["version_id"].as_str().map(str::to_owned)
}

/// Bundles the worker and reads the configuration as a deployment would.
pub(super) fn dry_run(call: &Call<'_>) -> Result<()> {
    let mut command = call.command(&["deploy", "--dry-run", "--outdir"]);
    command.arg(call.folder().join("bundle"));
    call.run(command, None, "bundle the worker")?;
    Ok(())
}

/// Lets a version of before take all requests.
pub(super) fn roll_back(call: &Call<'_>, version: &str, why: &str) -> Result<()> {
    let why: String = why.chars().take(100).collect();
    let command = call.command(&["rollback", version, "--yes", "--message", &why]);
    call.run(command, None, "roll back")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_what_wrangler_says_of_the_deployment() {
        let text = "{\"type\":\"wrangler-session\",\"version\":1}\n{\"type\":\"deploy\",\"version_id\":\"v-2\"}\n";
        assert_eq!(deployed(text).as_deref(), Some("v-2"));
        assert_eq!(deployed("{\"type\":\"command-failed\"}\n"), None);
    }
}
