//! A workspace that can be deployed: a service, an environment, a built worker, a commit, and checks that are told what to find.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckId, CheckKind, CheckOutcome, ScenarioEvidence, ScenarioOutcome,
};
use proofline_spec::load;
use tempfile::TempDir;

use crate::vendor::{ACCOUNT, Vendor};

/// What the operator gives; none of it may be seen anywhere.
pub(crate) const TOKEN: &str = "token-that-nobody-may-see";
pub(crate) const SECRET: &str = "secret-that-nobody-may-see-0123456789abcdef";

const SPEC: &str = "\
proofline: v1
service: {name: tiny, version: 1.0.0, summary: A tiny service}
targets: [workers]
workers: {compatibility_date: 2026-01-01}
config: {secrets: {SIGNING_KEY: {min_bytes: 32}}}
bindings:
  DB: {kind: sql, database: tiny, migrations: migrations, replicas: true}
  CACHE: {kind: kv}
  JOBS: {kind: queue, queue: jobs, message: Job, consumer: work, dead_letter: {queue: jobs-dlq, keep: 3d}}
limits: {ip: {by: client_ip, rate: 60/min}}
defaults: {limits: [ip]}
schemas: {Job: {type: object, properties: {id: {type: string}}}}
routes:
  GET /hello: {auth: none, op: {custom: hello}, returns: {204: none}}
claims:
  SEC-HEADERS: {severity: P0, statement: Every answer has the headers., proven_by: [{feature: security/headers}]}
";

const STAGING: &str = "\
proofline: v1
environment: staging
services: [tiny]
target: workers
url: http://127.0.0.1:1
promoted_from: trial
";

const TRIAL: &str = "\
proofline: v1
environment: trial
services: [tiny]
target: workers
url: http://127.0.0.1:2
";

const WORKER: &str = "\
import { DurableObject } from 'cloudflare:workers';
export class RateLimiter extends DurableObject {}
export class Room extends DurableObject {}
export default { fetch() { return new Response('stand-in'); }, queue() {}, scheduled() {} };
";

/// Checks that find what they are told to find, always or when they look for the nth time.
const CHECKS: &str = "\
#!/bin/sh
if [ \"$1\" = identify ]; then printf '{\"version\":\"1.0.0\",\"spec_digest\":\"%s\"}' \"$TEST_DIGEST\"; exit 0; fi
echo \"$4\" >> \"$TEST_EVIDENCE.looks\"
found=$TEST_EVIDENCE.$(wc -l < \"$TEST_EVIDENCE.looks\")
[ -e \"$found\" ] || found=$TEST_EVIDENCE
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sed \"s/2026-01-01T00:00:00Z/$now/\" \"$found\" > \"$4/feature-security-headers.json\"
";

/// The workspace.
pub(crate) struct Ground {
    folder: TempDir,
    target: TempDir,
}

/// What the command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let ground =
            Self { folder: tempfile::tempdir().unwrap(), target: tempfile::tempdir().unwrap() };
        ground.write("Cargo.toml", "[workspace]\n");
        ground.write("spec/services/tiny/service.yaml", SPEC);
        ground.write(
            "spec/services/tiny/migrations/0001_notes.sql",
            "create table notes (id text primary key);\n",
        );
        ground.write("environments/staging.yaml", STAGING);
        ground.write("environments/trial.yaml", TRIAL);
        ground.write("features/catalogue/security/headers.feature", "Feature: headers\n");
        ground.write(".gitignore", "/evidence\n/runtime/services/*/build\n");
        ground.program("cargo", "#!/bin/sh\nexit 0\n");
        ground.program("release/proofline-features", CHECKS);
        ground.finds(CheckOutcome::Passed);
        let done = ground.command(&["generate"]);
        assert_eq!(done.code, Some(0), "{}", done.said);
        ground.write("runtime/services/tiny/build/worker/shim.mjs", WORKER);
        ground.git(&["init", "--quiet"]);
        ground.commit();
        ground
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: &str) {
        write_atomically(&self.path(relative), text.as_bytes()).unwrap();
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.target.path().join(name);
        write_atomically(&path, text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .current_dir(self.folder.path())
            .args(["-c", "user.name=Operator", "-c", "user.email=operator@tiny.example"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "as it is"]);
    }

    /// What the check of the service's only claim finds from now on.
    pub(crate) fn finds(&self, outcome: CheckOutcome) {
        self.keeps("evidence.json", outcome);
    }

    /// What it finds when it looks for the nth time.
    pub(crate) fn finds_at(&self, look: usize, outcome: CheckOutcome) {
        self.keeps(&format!("evidence.json.{look}"), outcome);
    }

    /// The environments that were looked at, in their order.
    pub(crate) fn looks(&self) -> Vec<String> {
        let path = self.target.path().join("evidence.json.looks");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let environment = |line: &str| {
            let (_, rest) = line.split_once("/evidence/").unwrap();
            rest.split('/').next().unwrap().to_owned()
        };
        text.lines().map(environment).collect()
    }

    fn keeps(&self, name: &str, outcome: CheckOutcome) {
        let scenario = ScenarioEvidence {
            name: "One".to_owned(),
            place: String::new(),
            outcome: match &outcome {
                CheckOutcome::Failed => ScenarioOutcome::Failed("what was seen".to_owned()),
                _ => ScenarioOutcome::Passed,
            },
            steps: Vec::new(),
            exchanges: Vec::new(),
            answers: Answers::default(),
            about: Vec::new(),
            requests: 1,
            counted: 0,
            duration_ms: 1,
        };
        let evidence = CheckEvidence {
            run: None,
            check: CheckId::new(CheckKind::Feature, "security/headers"),
            outcome,
            summary: "what was seen".to_owned(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            duration_ms: 1,
            planned: 1,
            executed: 1,
            // A check that passes has a scenario that did, or contradicts itself.
            scenarios: vec![scenario],
            load: None,
            details: None,
        };
        let text = serde_json::to_string(&evidence).unwrap();
        write_atomically(&self.target.path().join(name), text.as_bytes()).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Done {
        self.call(arguments, &[])
    }

    fn call(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
        let loaded = load::load_service(&self.path("spec/services/tiny/service.yaml"));
        let digest = load::service_digest(&loaded).unwrap().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        for name in ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "SIGNING_KEY"] {
            command.env_remove(name);
        }
        let output = command
            .current_dir(self.folder.path())
            .args(arguments)
            .env("CARGO", self.target.path().join("cargo"))
            .env("CARGO_TARGET_DIR", self.target.path())
            .env("TEST_DIGEST", digest)
            .env("TEST_EVIDENCE", self.target.path().join("evidence.json"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Done { code: output.status.code(), said: text(&output.stdout) + &text(&output.stderr) }
    }

    /// Deploys with an account, and whatever else the operator has.
    pub(crate) fn deploy(&self, vendor: &Vendor, more: &[(&str, &str)]) -> Done {
        self.with_account(vendor, &["deploy", "--env", "staging", "--built"], more)
    }

    /// Runs a command with an account, and whatever else the operator has.
    pub(crate) fn with_account(
        &self,
        vendor: &Vendor,
        arguments: &[&str],
        more: &[(&str, &str)],
    ) -> Done {
        let url = format!("{}/client/v4", vendor.server.uri());
        let account = [
            ("CLOUDFLARE_API_TOKEN", TOKEN),
            ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT),
            ("CLOUDFLARE_API_BASE_URL", url.as_str()),
        ];
        let variables: Vec<_> = account.iter().chain(more).copied().collect();
        self.call(arguments, &variables)
    }

    /// The newest record of a deployment.
    pub(crate) fn record(&self) -> serde_json::Value {
        let folder = self.path("evidence/staging/tiny/deployments");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        serde_json::from_str(&std::fs::read_to_string(files.last().unwrap()).unwrap()).unwrap()
    }

    /// Files below the workspace that hold a text.
    pub(crate) fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        look(self.folder.path(), text.as_bytes(), &mut found);
        found
    }
}

fn look(folder: &Path, text: &[u8], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            look(&entry, text, found);
        } else if std::fs::read(&entry).unwrap().windows(text.len()).any(|part| part == text) {
            found.push(entry);
        }
    }
}
