//! What no linter knows of a pipeline: its stages in their order, its rights, and what it trusts.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

/// What a workflow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It leads a commit to production.
    Promotion,
    /// It looks for what became unsafe.
    Scan,
}

impl Kind {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Promotion, Self::Scan];

    /// What such a workflow does.
    pub(super) const fn purpose(self) -> &'static str {
        match self {
            Self::Promotion => "leads to production",
            Self::Scan => "scans once a week",
        }
    }

    /// The stages, by a part of their commands, and the stages that each comes after.
    const fn stages(self) -> &'static [(&'static str, &'static str, &'static [&'static str])] {
        match self {
            Self::Promotion => &[
                ("checks", "cargo xtask check", &[]),
                ("tests", "cargo xtask test", &["checks"]),
                ("audit", "cargo deny --all-features check", &["checks"]),
                ("build", " --dry-run", &["tests", "audit"]),
                ("migrate", " --built --migrate", &["build"]),
                ("deploy", " --built\n", &["migrate"]),
                ("acceptance", "cargo xtask verify ", &["deploy"]),
                ("promote", " --built --promote", &["acceptance"]),
                ("notify", "$NOTIFY_WEBHOOK_URL", &["promote"]),
            ],
            Self::Scan => &[
                ("audit", "cargo deny --all-features check", &[]),
                ("secrets", "gitleaks", &[]),
                ("verify", " --only security", &[]),
                ("notify", "$NOTIFY_WEBHOOK_URL", &["audit", "secrets", "verify"]),
            ],
        }
    }
}

/// A rule, and what is wrong by it.
type Finding = (&'static str, Option<String>);

/// What a workflow is for, and what each rule says of it.
pub(super) fn judge(text: &str) -> (Kind, Vec<Finding>) {
    let workflow: Value = serde_saphyr::from_str(text).unwrap_or_default();
    let kind = if workflow["on"]["schedule"].is_null() { Kind::Promotion } else { Kind::Scan };
    let findings = vec![
        ("it begins when it must", beginning(kind, &workflow)),
        ("every stage comes after the ones that it needs", order(kind, &workflow)),
        ("it may read the repository and nothing else", rights(&workflow)),
        ("every action is one commit", actions(&workflow)),
        ("no job runs for ever, and none is cut off by the next", limits(&workflow)),
        ("secrets are in the environment of single steps only", secrets(&workflow)),
        ("people are told however it ends", told(&workflow)),
    ];
    (kind, findings)
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().into_iter().flatten()
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn beginning(kind: Kind, workflow: &Value) -> Option<String> {
    let on = &workflow["on"];
    match kind {
        Kind::Promotion if on["push"]["branches"] != serde_json::json!(["main"]) => {
            Some("it does not begin with what is pushed to `main` alone".to_owned())
        }
        Kind::Scan => {
            let cron = text(&on["schedule"][0]["cron"]);
            let parts: Vec<&str> = cron.split(' ').collect();
            let weekly = matches!(parts[..], [minute, hour, "*", "*", day]
                if [minute, hour, day].iter().all(|part| part.parse::<u8>().is_ok()));
            (!weekly).then(|| format!("`{cron}` is not once a week"))
        }
        Kind::Promotion => None,
    }
}

/// The jobs that a job waits for, at first or second hand.
fn awaited<'a>(workflow: &'a Value, job: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    let mut open = vec![job];
    while let Some(job) = open.pop() {
        for needed in workflow["jobs"][job]["needs"].as_array().into_iter().flatten() {
            if !found.contains(&text(needed)) {
                found.push(text(needed));
                open.push(text(needed));
            }
        }
    }
    found
}

/// The first step with such a command: its job, and its number there.
fn place<'a>(workflow: &'a Value, command: &str) -> Option<(&'a str, usize)> {
    jobs(workflow).find_map(|(name, job)| {
        let is_it = |step: &Value| format!("{}\n", text(&step["run"])).contains(command);
        Some((name.as_str(), steps(job).position(is_it)?))
    })
}

fn order(kind: Kind, workflow: &Value) -> Option<String> {
    let mut places: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (stage, command, after) in kind.stages() {
        let Some((job, step)) = place(workflow, command) else {
            return Some(format!("no step does `{stage}`: none runs `{}`", command.trim()));
        };
        let skipped = ["if", "continue-on-error"].into_iter().find(|key| {
            let of_step = &workflow["jobs"][job]["steps"][step][*key];
            let of_job = &workflow["jobs"][job][*key];
            *stage != "notify" && !(of_step.is_null() && of_job.is_null())
        });
        if let Some(key) = skipped {
            return Some(format!("`{stage}` has `{key}`, so that it may be left out"));
        }
        for earlier in *after {
            let Some((before, number)) = places.get(earlier).copied() else { continue };
            let waits = if before == job {
                number < step
            } else {
                awaited(workflow, job).contains(&before)
            };
            if !waits {
                return Some(format!("`{stage}` does not wait for `{earlier}`"));
            }
        }
        places.insert(stage, (job, step));
    }
    None
}

fn rights(workflow: &Value) -> Option<String> {
    if workflow["permissions"] != serde_json::json!({"contents": "read"}) {
        return Some(format!("the workflow has the permissions {}", workflow["permissions"]));
    }
    let more = jobs(workflow).find(|(_, job)| !job["permissions"].is_null());
    more.map(|(name, job)| format!("`{name}` has the permissions {}", job["permissions"]))
}

fn actions(workflow: &Value) -> Option<String> {
    let commit = Regex::new("^[A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40}$").ok()?;
    let mut used =
        jobs(workflow).flat_map(|(_, job)| steps(job)).filter_map(|s| s["uses"].as_str());
    used.find(|action| !commit.is_match(action)).map(|action| format!("`{action}` can be moved"))
}

fn limits(workflow: &Value) -> Option<String> {
    let endless = jobs(workflow).find(|(_, job)| job["timeout-minutes"].as_u64().is_none());
    if let Some((name, _)) = endless {
        return Some(format!("`{name}` has no `timeout-minutes`"));
    }
    let concurrency = &workflow["concurrency"];
    let bound = concurrency["group"].is_string() && concurrency["cancel-in-progress"] == false;
    (!bound).then(|| "two runs could be under way at once, or one be cut off".to_owned())
}

fn secrets(workflow: &Value) -> Option<String> {
    let holds = |value: &Value| value.to_string().contains("secrets.");
    if holds(&workflow["env"]) {
        return Some("every job sees them".to_owned());
    }
    for (name, job) in jobs(workflow) {
        if holds(&job["env"]) {
            return Some(format!("every step of `{name}` sees them"));
        }
        for step in steps(job) {
            if holds(&step["run"]) || holds(&step["with"]) {
                return Some(format!("a step of `{name}` has one in its text"));
            }
            if holds(&step["env"]) && step["run"].is_null() {
                return Some(format!("an action of `{name}` sees them"));
            }
        }
    }
    None
}

fn told(workflow: &Value) -> Option<String> {
    let Some((job, _)) = place(workflow, "$NOTIFY_WEBHOOK_URL") else {
        return Some("nobody is".to_owned());
    };
    if text(&workflow["jobs"][job]["if"]) != "${{ always() }}" {
        return Some(format!("`{job}` does not run when something failed"));
    }
    let needs = awaited(workflow, job);
    let untold = jobs(workflow).find(|(name, _)| *name != job && !needs.contains(&name.as_str()));
    untold.map(|(name, _)| format!("nobody is told how `{name}` ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../.github/workflows/");
        std::fs::read_to_string(format!("{folder}{name}")).unwrap()
    }

    fn wrong(text: &str) -> Vec<(&'static str, String)> {
        judge(text).1.into_iter().filter_map(|(rule, why)| Some((rule, why?))).collect()
    }

    #[test]
    fn generated_pipelines_keep_every_rule() {
        let (promotion, scan) =
            ("atomic-guide-production.yml", "atomic-guide-production-security.yml");
        assert_eq!(judge(&read(promotion)).0, Kind::Promotion);
        assert_eq!(judge(&read(scan)).0, Kind::Scan);
        for name in [promotion, scan, "luna-production.yml", "luna-production-security.yml"] {
            assert_eq!(wrong(&read(name)), Vec::new(), "{name}");
        }
    }

    /// A change of a pipeline, and what is said about it.
    const CHANGES: [(&str, &str, &str); 13] = [
        ("    - main\n", "    - main\n    - next\n", "does not begin with"),
        ("run: cargo xtask test", "run: cargo test", "no step does `tests`"),
        (
            "    needs:\n    - staging\n",
            "    needs:\n    - build\n",
            "`promote` does not wait for `acceptance`",
        ),
        ("    - tests\n    - audit\n", "    - tests\n", "`build` does not wait for `audit`"),
        (" --built --migrate", " --built", "no step does `migrate`"),
        (
            "    - name: Audit\n",
            "    - name: Audit\n      continue-on-error: true\n",
            "`audit` has `continue-on-error`",
        ),
        ("contents: read", "contents: write", "has the permissions"),
        (
            "    name: Audit\n",
            "    name: Audit\n    permissions: write-all\n",
            "`audit` has the permissions",
        ),
        ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v5", "can be moved"),
        ("    timeout-minutes: 120\n", "", "`tests` has no `timeout-minutes`"),
        ("cancel-in-progress: false", "cancel-in-progress: true", "be cut off"),
        ("--built --promote", "--built --promote ${{ secrets.JWT_SECRET }}", "has one in its text"),
        ("${{ always() }}", "${{ success() }}", "does not run when something failed"),
    ];

    #[test]
    fn what_is_wrong_with_a_pipeline_is_named() {
        let right = read("atomic-guide-production.yml");
        for (from, to, said) in CHANGES {
            let changed = right.replacen(from, to, 1);
            assert_ne!(changed, right, "{from}");
            let wrong = wrong(&changed);
            assert!(wrong.iter().any(|(_, why)| why.contains(said)), "{said}: {wrong:?}");
        }
    }

    #[test]
    fn scan_that_is_not_weekly_or_leaves_something_out_is_named() {
        let right = read("atomic-guide-production-security.yml");
        for (from, to, said) in [
            ("23 5 * * 1", "23 5 1 * *", "is not once a week"),
            (" --only security", "", "no step does `verify`"),
            ("    - secrets\n", "", "`notify` does not wait for `secrets`"),
        ] {
            let changed = right.replacen(from, to, 1);
            assert_ne!(changed, right, "{from}");
            let wrong = wrong(&changed);
            assert!(wrong.iter().any(|(_, why)| why.contains(said)), "{said}: {wrong:?}");
        }
    }
}
