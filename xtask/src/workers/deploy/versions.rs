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
    told(call, &["deploy", "--message", message], "deploy", "deploy the worker")
}

/// Uploads the worker as a version that takes no request yet.
pub(super) fn upload(call: &Call<'_>, message: &str) -> Result<String> {
    let arguments = ["versions", "upload", "--message", message];
    told(call, &arguments, "version-upload", "upload a version of the worker")
}

/// Lets a version take all requests, with the routes, schedules and queues of the configuration.
pub(super) fn shift(call: &Call<'_>, version: &str, message: &str) -> Result<()> {
    let all = format!("{version}@100%");
    let arguments = ["versions", "deploy", &all, "--yes", "--message", message];
    call.run(call.command(&arguments), None, "let the new version take requests")?;
    call.run(call.command(&["triggers", "deploy"]), None, "set routes, schedules and queues")?;
    Ok(())
}

/// The version that took requests before the one that does now, by the platform's own list.
pub(super) fn before(call: &Call<'_>, now: &str) -> Result<Option<String>> {
    let doing = "list the deployments";
    let said = call.run(call.command(&["deployments", "list", "--json"]), None, doing)?;
    let start = said.stdout.find('[').unwrap_or_default();
    let list: Vec<Value> = serde_json::from_str(&said.stdout[start..])
        .with_context(|| format!("wrangler printed no list when it should {doing}"))?;
    Ok(last_other(list, now))
}

/// The newest version that is another one; wrangler lists in no order that it promises.
fn last_other(mut list: Vec<Value>, now: &str) -> Option<String> {
    list.sort_by(|a, b| b["created_on"].as_str().cmp(&a["created_on"].as_str()));
    let versions = list.iter().map(|deployment| &deployment["versions"]);
    let whole = versions.filter_map(|versions| match versions.as_array().map(Vec::as_slice) {
        Some([only]) => only["version_id"].as_str(),
        _ => None,
    });
    whole.into_iter().find(|version| *version != now).map(str::to_owned)
}

/// Runs a call that says in a file which version it made.
fn told(call: &Call<'_>, arguments: &[&str], kind: &str, doing: &str) -> Result<String> {
    let told = call.folder().join(format!("{kind}.ndjson"));
    let mut command = call.command(arguments);
    command.env("WRANGLER_OUTPUT_FILE_PATH", &told);
    call.run(command, None, doing)?;
    let text = std::fs::read_to_string(&told).context("wrangler did not say what it did")?;
    version_of(&text, kind).context("wrangler did not say which version it made")
}

fn version_of(text: &str, kind: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines = lines.filter(|line| line["type"] == kind);
    lines.next_back()?["version_id"].as_str().map(str::to_owned)
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
        assert_eq!(version_of(text, "deploy").as_deref(), Some("v-2"));
        assert_eq!(version_of(text, "version-upload"), None);
        assert_eq!(version_of("{\"type\":\"command-failed\"}\n", "deploy"), None);
    }

    #[test]
    fn version_of_before_is_the_newest_whole_other_one() {
        let of = |time: &str, versions: &[&str]| {
            let versions: Vec<Value> =
                versions.iter().map(|version| serde_json::json!({"version_id": version})).collect();
            serde_json::json!({"created_on": time, "versions": versions})
        };
        let list = vec![
            of("2026-01-01T00:00:00Z", &["v-1"]),
            of("2026-01-04T00:00:00Z", &["v-3"]),
            of("2026-01-03T00:00:00Z", &["v-2", "v-3"]),
            of("2026-01-02T00:00:00Z", &["v-2"]),
        ];
        assert_eq!(last_other(list.clone(), "v-3").as_deref(), Some("v-2"));
        assert_eq!(last_other(vec![list[1].clone()], "v-3"), None);
    }
}
