//! An environment: where a service runs, and what may be done to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Map, SpecVersion, Substitute, Target};
use crate::unit::{Duration, Rate};

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For those who look for a mistake.
    Debug,
    /// What happens, each request for a start.
    Info,
    /// What should not happen but is dealt with.
    Warn,
    /// What went wrong.
    Error,
}

impl LogLevel {
    /// The word that `LOG_LEVEL` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where a service runs, and what may be done to it there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The version of the spec language.
    pub proofline: SpecVersion,
    /// Name of the environment; the file is called the same.
    pub environment: String,
    /// Names of the services that run there; every service whose targets include `target` without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// What it runs on.
    pub target: Target,
    /// Where it is; an environment that is started here may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether people outside can reach it.
    #[serde(default)]
    pub public: bool,
    /// The environment where a version is verified before it is promoted to this one; its pipelines are generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_from: Option<String>,
    /// How it is started here; without it, it must be running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Values of variables; never secrets.
    #[serde(default)]
    pub vars: Map<String>,
    /// The least that is logged there; `info` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
    /// Resources on the platform, by binding, where they differ from the usual ones.
    #[serde(default)]
    pub resources: Map<Resource>,
    /// What stands in for services of the platform that are not there, by binding.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub substitutes: Map<Substitute>,
    /// Which addresses the worker answers; without it a public environment answers its own `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<WorkerRoute>>,
    /// Why this environment lacks what another one has, by what it lacks, such as `vars.STORE` or `routes`.
    #[serde(default)]
    pub differs: Map<String>,
    /// Names of environment variables that hold the service's secrets for the checks, by secret.
    #[serde(default)]
    pub secrets: Map<String>,
    /// Who a check can be, by role.
    #[serde(default)]
    pub credentials: Map<Credential>,
    /// What may be done to it. Nothing that changes, breaks or loads it unless it says so.
    #[serde(default)]
    pub permits: Permits,
    /// What can be seen of it besides its answers.
    #[serde(default)]
    pub access: Access,
    /// The header by which a trusted proxy passes on the client's address, where checks may play that proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<String>,
    /// What is special about its TLS, and how long its certificate must be valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// What is special about the TLS of an environment, and how long its certificate must be valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A file with the certificates (PEM) of authorities that are trusted there besides this machine's, relative to the
    /// environments folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// How much longer its certificate must be valid; 14 days without it. What renews itself by ACME does so about 30
    /// days before the end, so that less is left when renewing has failed for two weeks.
    #[serde(default = "two_weeks")]
    pub valid_for: Duration,
    /// The port of the same host at which plain HTTP is asked for; 80 without it.
    #[serde(default = "plain_http")]
    #[schemars(range(min = 1))]
    pub plain_port: u16,
}

impl Default for Tls {
    fn default() -> Self {
        Self { authority: None, valid_for: two_weeks(), plain_port: plain_http() }
    }
}

const fn two_weeks() -> Duration {
    Duration::from_millis(14 * 24 * 60 * 60 * 1_000)
}

const fn plain_http() -> u16 {
    80
}

/// How an environment is started here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The generated binary, with embedded stores in a folder of its own.
    Native(StartNative),
    /// The generated worker in `wrangler dev` on this machine, with a fresh store.
    Workers(StartWorkers),
    /// The generated image with its stores in containers on this machine, with fresh volumes.
    Compose(StartCompose),
    /// A program that was not generated, on this machine.
    Command(StartCommand),
}

impl Start {
    /// SQL files that are run on the fresh database by service, relative to the environments folder.
    pub fn seed(&self) -> &Map<String> {
        static NO_SEED: std::sync::LazyLock<Map<String>> = std::sync::LazyLock::new(Map::default);
        match self {
            Self::Native(start) => &start.seed,
            Self::Workers(start) => &start.seed,
            Self::Compose(start) => &start.seed,
            Self::Command(_) => &NO_SEED,
        }
    }

    /// The target that is started this way.
    pub const fn target(&self) -> Target {
        match self {
            Self::Native(_) | Self::Command(_) => Target::Native,
            Self::Workers(_) => Target::Workers,
            Self::Compose(_) => Target::Container,
        }
    }

    /// The key in documents.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Native(_) => "native",
            Self::Workers(_) => "workers",
            Self::Compose(_) => "compose",
            Self::Command(_) => "command",
        }
    }
}

/// Starts a program that was not generated, for a service without `targets`. It gets `HOST`, `PORT`, the variables of its
/// spec and secrets that are made up for the run as environment variables, and must listen on that port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartCommand {
    /// The program and its arguments, in which `{port}` stands for the port. It is looked for among the project's tools,
    /// then on the search path.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Where it is started, relative to the environments folder.
    #[serde(default = "here")]
    pub folder: String,
}

fn here() -> String {
    ".".to_owned()
}

/// Starts the generated worker locally. Secrets are made up for the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartWorkers {
    /// SQL files that are run on the fresh database by service, relative to the environments folder.
    #[serde(default)]
    pub seed: Map<String>,
    /// Whether a TLS endpoint stands in front of it, with a certificate of an authority that is made for the run; only
    /// what is about HTTPS is asked there. It gives requests the URL of a public host, as the platform does.
    #[serde(default)]
    pub tls: bool,
}

/// Starts the generated compose file under a name of its own. Secrets are made up for the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartCompose {
    /// SQL files that are run on the fresh database by service, relative to the environments folder.
    #[serde(default)]
    pub seed: Map<String>,
    /// How many instances there are; from 2 on they stand behind a proxy.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub replicas: u32,
}

const fn one() -> u32 {
    1
}

/// Starts the generated binary. Secrets are made up for the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartNative {
    /// SQL files that are run on the fresh database by service, relative to the environments folder.
    #[serde(default)]
    pub seed: Map<String>,
    /// Peers whose forwarding header is believed, as CIDR ranges.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Where its stores are.
    #[serde(default)]
    pub stores: NativeStores,
    /// Whether a TLS endpoint stands in front of it, with a certificate of an authority that is made for the run; only
    /// what is about HTTPS is asked there. It must be one of the `trusted_proxies`, and has the address 127.0.0.1.
    #[serde(default)]
    pub tls: bool,
}

/// Where the stores of a native service are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NativeStores {
    /// In the process, and in a folder of its own.
    #[default]
    Embedded,
    /// On a Postgres and a Redis that are started for it, with the fault proxy before them.
    Servers,
}

/// What a resource is called on the platform, and how large it is, in one environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name; without it the name in the spec, with the environment's behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of a queue's dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// How many connections each instance has to the server of a database, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<u32>,
}

/// An address that a worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerRoute {
    /// A host such as `api.example.com`, or a pattern of a zone such as `example.com/api/*`.
    pub pattern: String,
    /// Name of the zone of a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether the platform makes the host's DNS record and certificate.
    #[serde(default)]
    pub custom_domain: bool,
}

impl WorkerRoute {
    /// The part of the pattern before the path.
    pub fn host(&self) -> &str {
        self.pattern.split('/').next().unwrap_or_default()
    }

    /// Whether requests to a host come here; a wildcard stands for any beginning of a host.
    pub fn covers(&self, host: &str) -> bool {
        match self.host().strip_prefix('*') {
            Some(end) => host.ends_with(end),
            None => host == self.host(),
        }
    }
}

impl Environment {
    /// The host of its address, if it has one.
    pub fn host(&self) -> Option<&str> {
        let (_, rest) = self.url.as_deref()?.split_once("://")?;
        rest.split(['/', ':', '?', '#']).next().filter(|host| !host.is_empty())
    }

    /// Which addresses the worker answers there.
    pub fn worker_routes(&self) -> Vec<WorkerRoute> {
        let own = || {
            let host = self.host().filter(|_| self.public && self.start.is_none())?;
            Some(WorkerRoute { pattern: host.to_owned(), zone: None, custom_domain: true })
        };
        self.routes.clone().unwrap_or_else(|| own().into_iter().collect())
    }

    /// What the resource behind a binding is called there; `name` is what the spec calls it.
    pub fn resource_name(&self, binding: &str, name: &str) -> String {
        let given = self.resources.get(binding).and_then(|resource| resource.name.clone());
        given.unwrap_or_else(|| format!("{name}-{}", self.environment))
    }

    /// The same for the dead-letter queue of a queue.
    pub fn dead_letter_name(&self, binding: &str, name: &str) -> String {
        let given = self.resources.get(binding).and_then(|resource| resource.dead_letter.clone());
        given.unwrap_or_else(|| format!("{name}-{}", self.environment))
    }

    /// The same for an Analytics Engine dataset, whose names have no hyphens.
    pub fn dataset_name(&self, binding: &str, name: &str) -> String {
        let given = self.resources.get(binding).and_then(|resource| resource.name.clone());
        given.unwrap_or_else(|| format!("{name}_{}", self.environment.replace('-', "_")))
    }

    /// The name of a worker there.
    pub fn worker_name(&self, service: &str) -> String {
        format!("{service}-{}", self.environment)
    }
}

/// How a check becomes somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    /// A token in this environment variable of the machine that runs the checks.
    Env(String),
    /// A token that the checks sign themselves; only where the environment is started here.
    Mint(MintedToken),
}

/// A token that the checks sign themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MintedToken {
    /// Name of the `jwt` scheme.
    pub scheme: String,
    /// The `sub` of the token.
    pub subject: String,
}

/// What may be done to an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permits {
    /// Whether checks may create, change and delete data of their own.
    #[serde(default)]
    pub writes: bool,
    /// Whether checks may cut off what the service depends on.
    #[serde(default)]
    pub faults: bool,
    /// Whether checks may use a limit up.
    #[serde(default)]
    pub exhaust_limits: bool,
    /// Whether checks may start further instances of the service's binary.
    #[serde(default)]
    pub restarts: bool,
    /// How much load may be sent; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadPermit>,
}

/// How much load may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadPermit {
    /// The highest rate of requests.
    pub max_rate: Rate,
    /// The longest time of one profile.
    pub max_duration: Duration,
}

/// What can be seen of an environment besides its answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Whether the service's log can be read.
    #[serde(default)]
    pub logs: bool,
    /// Whether `/metrics` can be read.
    #[serde(default)]
    pub metrics: bool,
}
