//! The table of suites.

use anyhow::Result;

use super::tool::{self, Tool};
use super::{
    chaos, containers, deploy, export, foreign, formats, kubernetes, rust, service, stores,
};
use crate::context::Context;

/// How a suite ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were skipped by their own decision.
    pub(crate) skipped: u64,
    /// What there is to read when something failed.
    pub(crate) output: String,
}

impl Outcome {
    /// One test that passed or failed.
    pub(crate) fn one(passed: bool, output: String) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), skipped: 0, output }
    }

    /// Counts the tests of a further part.
    pub(crate) fn add(&mut self, further: &Self) {
        self.passed += further.passed;
        self.failed += further.failed;
        self.skipped += further.skipped;
        self.output.push_str(&further.output);
    }

    /// Whether it counts as passed: something ran, nothing failed.
    pub(crate) fn is_good(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

/// A suite.
pub(crate) struct Suite {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it tests, in one line.
    pub(crate) tests: &'static str,
    /// Programs that it needs besides cargo.
    pub(crate) tools: &'static [Tool],
    /// Runs it.
    pub(crate) run: fn(&Context, accept: bool) -> Result<Outcome>,
}

/// Every suite; the quick ones first.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "format", tests: "every Rust file is formatted", tools: &[], run: rust::format },
    Suite {
        name: "fresh",
        tests: "generated files are as the specs say",
        tools: &[],
        run: service::fresh,
    },
    Suite {
        name: "policy",
        tests: "dependencies keep the policy of deny.toml",
        tools: &[tool::CARGO_DENY],
        run: rust::deny,
    },
    Suite {
        name: "unused",
        tests: "every declared dependency is used",
        tools: &[tool::CARGO_MACHETE],
        run: rust::machete,
    },
    Suite { name: "lint", tests: "clippy finds nothing", tools: &[], run: rust::clippy },
    Suite {
        name: "docs",
        tests: "documentation builds without a warning",
        tools: &[],
        run: rust::docs,
    },
    Suite { name: "unit", tests: "tests of every crate", tools: &[], run: rust::tests },
    Suite {
        name: "openapi",
        tests: "independent linters accept openapi.json",
        tools: &[tool::REDOCLY, tool::SPECTRAL],
        run: deploy::openapi,
    },
    Suite {
        name: "wrangler",
        tests: "wrangler accepts wrangler.jsonc, and understands it as the spec means it",
        tools: &[tool::WRANGLER, tool::CHECK_JSONSCHEMA],
        run: deploy::wrangler,
    },
    Suite {
        name: "cyclonedx",
        tests: "the schema of CycloneDX accepts exported evidence",
        tools: &[tool::CHECK_JSONSCHEMA],
        run: export::cyclonedx,
    },
    Suite {
        name: "compose",
        tests: "the compose schema and docker compose accept compose.yaml",
        tools: &[tool::COMPOSE, tool::CHECK_JSONSCHEMA],
        run: deploy::compose,
    },
    Suite {
        name: "dockerfile",
        tests: "hadolint accepts the Dockerfile",
        tools: &[tool::HADOLINT],
        run: deploy::dockerfile,
    },
    Suite {
        name: "prometheus",
        tests: "promtool accepts the rules of alerts, and series make each fire and stay silent",
        tools: &[tool::PROMTOOL],
        run: deploy::prometheus,
    },
    Suite {
        name: "workflows",
        tests: "an Actions linter and an operator's rules accept the generated pipelines, and refuse broken ones",
        tools: &[tool::ACTIONLINT],
        run: deploy::workflows,
    },
    Suite {
        name: "kubernetes",
        tests: "the schemas of Kubernetes, and an operator's rules, accept the manifests",
        tools: &[tool::KUBECTL, tool::KUBERNETES_VALIDATE],
        run: kubernetes::run,
    },
    Suite {
        name: "deploy",
        tests: "a deployment through wrangler against a stand-in for the vendor, call by call",
        tools: &[tool::WRANGLER],
        run: rust::deployment,
    },
    Suite {
        name: "stores",
        tests: "real servers: the same statements on SQLite, Postgres and D1, what replicas share in Redis, files in a folder and in a bucket, TLS; all of them fail, too, under Luna's load and while replicas are restarted",
        tools: &[tool::INITDB, tool::POSTGRES, tool::REDIS, tool::S3S, tool::WRANGLER],
        run: stores::stores,
    },
    Suite {
        name: "foreign",
        tests: "services that were written by hand with Fastify, Hono and Starlette: verified as they should be, disproved with each known bad point",
        tools: &[tool::FOREIGN_NODE, tool::FOREIGN_PYTHON],
        run: foreign::run,
    },
    Suite {
        name: "ready",
        tests: "the main job on Luna and on Lumiku, end to end",
        tools: &[],
        run: service::ready,
    },
    Suite {
        name: "chaos",
        tests: "random faults from fixed seeds under load: nothing lost, nothing doubled, no answer that is not declared",
        tools: &[tool::INITDB, tool::POSTGRES, tool::REDIS],
        run: chaos::run,
    },
    Suite {
        name: "workers",
        tests: "Luna in the Workers runtime, its answers beside the native ones, what is left when it is killed; what Atomic Guide asks of Workers AI and Vectorize",
        tools: &[tool::WRANGLER, tool::WASM_BINDGEN],
        run: service::workers,
    },
    Suite {
        name: "containers",
        tests: "the image, two instances behind the proxy under load, and the main job on Luna in containers",
        tools: &[tool::DOCKER, tool::COMPOSE],
        run: containers::containers,
    },
    Suite {
        name: "formats",
        tests: "the published schemas of SARIF and JUnit files accept those of a report, and refuse broken ones",
        tools: &[tool::CHECK_JSONSCHEMA, tool::XMLSCHEMA],
        run: formats::run,
    },
    Suite {
        name: "browser",
        tests: "the report in a browser: accessible, self-contained, readable on a phone",
        tools: &[tool::CHROMIUM, tool::NODE],
        run: service::browser,
    },
    Suite {
        name: "fuzz",
        tests: "a fuzzer of others finds nothing that Luna answers and its OpenAPI document does not declare",
        tools: &[tool::SCHEMATHESIS],
        run: service::fuzz,
    },
];
