//! The whole of a service document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Accounts, Alert, Auth, Binding, Checklist, Claim, Config, Container, Cors, Dialect, Difference,
    Flag, Http, Limit, Lti, Machine, Map, Objectives, Overrides, ProblemType, Query,
    RequestRecords, Route, RouteKey, Schema, SecurityHeaders, Shutdown, Switches, Task, Workers,
};
use crate::unit::{Bytes, Duration};

/// A service: what it offers, what it needs and what is claimed about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The version of the spec language.
    pub proofline: SpecVersion,
    /// Name, version and purpose of the service.
    pub service: Identity,
    /// Other files whose sections are taken in, relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Where the service runs. An empty list means that nothing is generated: the spec only describes a service.
    pub targets: Vec<Target>,
    /// Secrets and variables that the service reads when it starts.
    #[serde(default)]
    pub config: Config,
    /// Databases, caches, queues and other services that this one uses, by name.
    #[serde(default)]
    pub bindings: Map<Binding>,
    /// Every role that a principal can have.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Every tier that a principal can have.
    #[serde(default)]
    pub tiers: Vec<String>,
    /// Ways to authenticate, by name.
    #[serde(default)]
    pub auth: Map<Auth>,
    /// Rate limits, by name.
    #[serde(default)]
    pub limits: Map<Limit>,
    /// What a route has unless it says otherwise.
    #[serde(default)]
    pub defaults: Defaults,
    /// How the service is reached over HTTP.
    #[serde(default)]
    pub http: Http,
    /// How the process ends when it is told to.
    #[serde(default)]
    pub shutdown: Shutdown,
    /// Which web origins may call the service from a browser; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Security headers of every answer; strict values without it.
    #[serde(default)]
    pub headers: SecurityHeaders,
    /// How the service answers where that is not how a generated one does; only without `targets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Kinds of problem that routes answer with (RFC 9457), by name.
    #[serde(default)]
    pub problems: Map<ProblemType>,
    /// JSON Schemas of bodies and parameters, by name.
    #[serde(default)]
    pub schemas: Map<Schema>,
    /// SQL statements, by name.
    #[serde(default)]
    pub queries: Map<Query>,
    /// What the service answers, by method and path, such as `GET /users/{id}`.
    #[serde(default)]
    pub routes: indexmap::IndexMap<RouteKey, Route>,
    /// What goes from state to state, by name.
    #[serde(default)]
    pub machines: Map<Machine>,
    /// Features that can be switched for some or for all, by name.
    #[serde(default)]
    pub flags: Map<Flag>,
    /// Switches for an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switches: Option<Switches>,
    /// Where it is kept what was switched at run time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Overrides>,
    /// How learning platforms open the service (LTI 1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lti: Option<Lti>,
    /// Counts each authenticated call per principal and day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metering: Option<Metering>,
    /// Puts a record of each request into a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_records: Option<RequestRecords>,
    /// What runs on a schedule, by name.
    #[serde(default)]
    pub tasks: Map<Task>,
    /// How an acceptance check gets accounts of its own through the service's routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Accounts>,
    /// When people are told that something is wrong, by name.
    #[serde(default)]
    pub alerts: Map<Alert>,
    /// What the service aims at over a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<Objectives>,
    /// Settings of Cloudflare Workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<Workers>,
    /// Settings of containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// What is claimed about the service, by id such as `SEC-JWT-FORGERY`.
    #[serde(default)]
    pub claims: Map<Claim>,
    /// Lists for people who decide, made of claims, by name.
    #[serde(default)]
    pub checklists: Map<Checklist>,
    /// Differences between the answers of targets that are accepted, each with its reason; all others fail `parity`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parity: Vec<Difference>,
}

/// A version of the spec language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpecVersion {
    /// The first version.
    V1,
}

/// Name, version and purpose of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Name: lower-case letters, digits and hyphens; it names the binary, the image and the worker.
    pub name: String,
    /// Version of the service (semantic versioning).
    pub version: String,
    /// What the service is, in one line.
    pub summary: String,
    /// What the service is, at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Where a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A process on a machine, with embedded stores.
    Native,
    /// A container, with Postgres, Redis and an object store.
    Container,
    /// Cloudflare Workers.
    Workers,
}

/// What a route has unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Names of the authentication schemes, any of which is accepted.
    #[serde(default)]
    pub auth: Vec<String>,
    /// Names of the limits that apply, all of them.
    #[serde(default)]
    pub limits: Vec<String>,
    /// How long a request may take.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// The largest body that is read.
    #[serde(default = "default_max_body")]
    pub max_body: Bytes,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            auth: Vec::new(),
            limits: Vec::new(),
            timeout: default_timeout(),
            max_body: default_max_body(),
        }
    }
}

const fn default_timeout() -> Duration {
    Duration::from_millis(10_000)
}

const fn default_max_body() -> Bytes {
    Bytes::new(64_000)
}

/// Counts each authenticated call, summed up in the process and written at intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metering {
    /// The query that adds to the count; its parameters are `principal`, `day` and `calls`.
    pub query: String,
    /// How often the counts are written.
    pub flush: Duration,
}
