//! What a service is: tables that generated code fills in, all of them constant.

mod flag;
mod lti;
mod queue;
mod room;
mod search;
mod task;
mod upload;
mod watch;

use std::time::Duration;

use crate::binding::sql::Statement;
use crate::schema::{Constant, Schema};

pub use self::flag::{Beta, Condition, Flag, Overrides, Rule, Switch, Switches};
pub use self::lti::Lti;
pub use self::queue::{DeadLetter, Messages, Queue};
pub use self::room::Room;
pub use self::search::{Ai, Metric, Vector, VectorTable};
pub use self::task::{Replicas, Schedule, Task, TaskAlert};
pub use self::upload::{Files, Resumable, Upload};
pub use self::watch::Watch;
pub use crate::pattern::Pattern;
pub use crate::problem::ProblemType;

/// A whole service.
#[derive(Debug)]
pub struct Definition {
    /// Name of the service.
    pub service: &'static str,
    /// Version of the service.
    pub version: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// SHA-256 of the spec that it was generated from.
    pub spec_digest: &'static str,
    /// Secrets that it reads from its environment.
    pub secrets: &'static [SecretVar],
    /// Variables that it reads from its environment.
    pub vars: &'static [Var],
    /// Its databases.
    pub databases: &'static [Database],
    /// Its key-value stores.
    pub stores: &'static [KeyValue],
    /// Its queues.
    pub queues: &'static [Queue],
    /// Where messages are kept and remembered.
    pub messages: Messages,
    /// What the database knows of files.
    pub files: Files,
    /// Its stores of files.
    pub blobs: &'static [Blob],
    /// Its rooms.
    pub rooms: &'static [Room],
    /// Name of the binding that takes one record for each request, on platforms without `/metrics`.
    pub analytics: Option<&'static str>,
    /// Models that make vectors of texts.
    pub ais: &'static [Ai],
    /// Indexes of vectors.
    pub vectors: &'static [Vector],
    /// The services that it calls.
    pub upstreams: &'static [Upstream],
    /// How far proxies in front are believed.
    pub http: Http,
    /// How the process ends when it is told to.
    pub shutdown: Shutdown,
    /// Path of the route that says whether requests may be sent here.
    pub health_path: &'static str,
    /// Paths of all routes about the service's health.
    pub health_paths: &'static [&'static str],
    /// Which web origins may call it.
    pub cors: Option<Cors>,
    /// Security headers of every answer.
    pub headers: SecurityHeaders,
    /// Its routes.
    pub routes: &'static [Route],
    /// Limits of requests that match no route: those by address and of all, as nobody is known there.
    pub unrouted_limits: &'static [&'static Limit],
    /// How calls are counted for each principal.
    pub metering: Option<Metering>,
    /// Into which queue a record of each request goes.
    pub request_records: Option<RequestRecords>,
    /// What runs on a schedule.
    pub tasks: &'static [Task],
    /// Its feature flags.
    pub flags: &'static [&'static Flag],
    /// Its switches for an emergency.
    pub switches: Switches,
    /// Where it is kept what was switched at run time.
    pub overrides: Option<Overrides>,
    /// How learning platforms open it.
    pub lti: Option<&'static Lti>,
}

impl Definition {
    /// Whether this binding's store for replicas must be there in this environment.
    pub fn requires(&self, binding: &str, environment: &str) -> bool {
        let databases = self.databases.iter().map(|database| (database.name, database.required));
        let stores = self.stores.iter().map(|store| (store.name, store.required));
        let queues = self.queues.iter().map(|queue| (queue.name, queue.required));
        let blobs = self.blobs.iter().map(|blob| (blob.name, blob.required));
        let mut bindings = databases.chain(stores).chain(queues).chain(blobs);
        bindings.any(|(name, required)| name == binding && required.contains(&environment))
    }

    /// A service without anything: the rest of a definition that names only what it has.
    pub const DEFAULT: Self = Self {
        service: "service",
        version: "0.0.0",
        summary: "",
        spec_digest: "",
        secrets: &[],
        vars: &[],
        databases: &[],
        stores: &[],
        queues: &[],
        messages: Messages::DEFAULT,
        files: Files::DEFAULT,
        blobs: &[],
        rooms: &[],
        analytics: None,
        ais: &[],
        vectors: &[],
        upstreams: &[],
        http: Http::DEFAULT,
        shutdown: Shutdown::DEFAULT,
        health_path: "/health",
        health_paths: &["/health"],
        cors: None,
        headers: SecurityHeaders::DEFAULT,
        routes: &[],
        unrouted_limits: &[],
        metering: None,
        request_records: None,
        tasks: &[],
        flags: &[],
        switches: Switches::NONE,
        overrides: None,
        lti: None,
    };
}

/// A secret: its name and what it must look like.
#[derive(Debug)]
pub struct SecretVar {
    /// Name of the environment variable.
    pub name: &'static str,
    /// The least number of bytes.
    pub min_bytes: usize,
    /// Whether the service starts without it.
    pub optional: bool,
}

/// A variable of the configuration.
#[derive(Debug)]
pub struct Var {
    /// Name of the environment variable.
    pub name: &'static str,
    /// Where the value comes from when the environment gives none.
    pub default: VarDefault,
    /// A regular expression that the value must match.
    pub pattern: Option<&'static Pattern>,
}

/// Where a variable's value comes from when the environment gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarDefault {
    /// Nowhere: the variable is required.
    Required,
    /// This text.
    Text(&'static str),
    /// The name of the environment that is deployed to.
    EnvironmentName,
    /// The version of the service.
    ServiceVersion,
}

/// A relational database.
#[derive(Debug)]
pub struct Database {
    /// Name of the binding.
    pub name: &'static str,
    /// Its migrations, in order.
    pub migrations: &'static [Migration],
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// Connections to a server.
    pub pool: Pool,
    /// Environments where the store for replicas must be there, and not the embedded one.
    pub required: &'static [&'static str],
    /// Whether the platform has copies of it for reading.
    pub replicas: bool,
}

/// Connections to a server, which are shared.
#[derive(Debug)]
pub struct Pool {
    /// How many there are at most.
    pub size: usize,
    /// How long it may take until one is free.
    pub acquire_timeout: Duration,
}

impl Pool {
    /// What is used where the spec says nothing.
    pub const DEFAULT: Self = Self { size: 10, acquire_timeout: Duration::from_secs(5) };
}

/// One step of a database's schema.
#[derive(Debug)]
pub struct Migration {
    /// Name of the file without its extension, such as `0001_users`.
    pub name: &'static str,
    /// The SQL; several statements.
    pub sql: &'static str,
    /// The same for Postgres; empty where the service never runs on it.
    pub postgres: &'static str,
}

/// A key-value store, used as a cache.
#[derive(Debug)]
pub struct KeyValue {
    /// Name of the binding.
    pub name: &'static str,
    /// What a failing store means for a request whose answer is cached.
    pub on_failure: OnFailure,
    /// When calls for cached answers stop for a while because they fail.
    pub breaker: Option<Breaker>,
    /// How a failed call for a cached answer is tried again.
    pub retry: Option<Retry>,
    /// How long a call for a cached answer may take, with all attempts.
    pub timeout: Duration,
    /// How long connecting to the server may take.
    pub connect_timeout: Duration,
    /// How long a connection may be silent before it is looked whether it still works.
    pub keep_alive: Duration,
    /// Environments where the store for replicas must be there, and not the embedded one.
    pub required: &'static [&'static str],
}

/// What a failing store means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The request goes on without the store.
    Bypass,
    /// The request fails with 503.
    Fail,
}

/// When calls stop for a while because they fail.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one call is let through.
    pub reset: Duration,
}

/// How something that failed is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// How often it is tried in all.
    pub attempts: u32,
    /// The wait after the first failure; it doubles from one to the next.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Retry {
    /// One attempt, no second.
    pub const NEVER: Self =
        Self { attempts: 1, first: Duration::from_millis(100), longest: Duration::from_secs(1) };
}

/// A store of files: a bucket on a platform, a folder on a machine.
#[derive(Debug)]
pub struct Blob {
    /// Name of the binding.
    pub name: &'static str,
    /// Name of the bucket on the platform.
    pub bucket: &'static str,
    /// Environments where the store for replicas must be there, and not the embedded one.
    pub required: &'static [&'static str],
}

/// Another service, called over HTTPS.
#[derive(Debug)]
pub struct Upstream {
    /// Name of the binding.
    pub name: &'static str,
    /// Where it is.
    pub base_url: &'static str,
    /// Name of the Worker that it is, called through a service binding there; by `base_url` elsewhere.
    pub service: Option<&'static str>,
    /// Name of the secret that is sent as a bearer token.
    pub bearer: Option<&'static str>,
    /// How long a call may take.
    pub timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub max_response: usize,
    /// When calls stop for a while because they fail.
    pub breaker: Option<Breaker>,
    /// How a failed call is tried again.
    pub retry: Option<Retry>,
}

/// A way to authenticate.
#[derive(Debug)]
pub struct AuthScheme {
    /// Its name in the spec.
    pub name: &'static str,
    /// What it is.
    pub kind: AuthKind,
}

/// What a way to authenticate is.
#[derive(Debug)]
pub enum AuthKind {
    /// A token signed with HMAC-SHA256 in `Authorization: Bearer`.
    Jwt(Jwt),
    /// A long random key in a header, stored as its SHA-256.
    ApiKey(ApiKey),
    /// A signature over the raw body.
    Webhook(Webhook),
}

/// Tokens signed with HMAC-SHA256 (RFC 7519, RFC 8725).
#[derive(Debug)]
pub struct Jwt {
    /// Name of the secret that signs.
    pub secret: &'static str,
    /// The `iss` of every token.
    pub issuer: &'static str,
    /// The `aud` of every token.
    pub audience: &'static str,
    /// How long a token is valid.
    pub lifetime: Duration,
    /// How the token becomes a principal; its claims `sub`, `role` and `tier` are one without it.
    pub principal: Option<PrincipalLookup>,
}

/// Keys in a header.
#[derive(Debug)]
pub struct ApiKey {
    /// The header's name in lower case.
    pub header: &'static str,
    /// How the key's hash becomes a principal.
    pub principal: PrincipalLookup,
}

/// Signatures over raw bodies.
#[derive(Debug)]
pub struct Webhook {
    /// The header's name in lower case.
    pub header: &'static str,
    /// Name of the secret that signs.
    pub secret: &'static str,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// When it was signed, where that is signed too.
    pub timestamp: Option<WebhookTimestamp>,
}

/// When a webhook was signed.
#[derive(Debug)]
pub struct WebhookTimestamp {
    /// The header's name in lower case; its value is in whole seconds since 1970-01-01T00:00:00Z.
    pub header: &'static str,
    /// How far that may be from the service's own time.
    pub tolerance: Duration,
}

/// How a signature is written in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// How a credential becomes a principal.
#[derive(Debug)]
pub struct PrincipalLookup {
    /// The statement; it returns `id` and, where the service has them, `role`, `tier`, `key_id`.
    pub statement: &'static Statement,
    /// Its parameters.
    pub with: &'static [(&'static str, Credential)],
}

/// What of a credential becomes a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A claim of the token.
    TokenClaim(&'static str),
    /// The SHA-256 of the key in hexadecimal.
    KeyHash,
}

/// A rate limit.
#[derive(Debug)]
pub struct Limit {
    /// Its name, as the `RateLimit` header says it.
    pub name: &'static str,
    /// Whose requests are counted together.
    pub by: LimitBy,
    /// How many requests in which window.
    pub quota: Quota,
    /// Counts only requests authenticated by one of these schemes; all when empty.
    pub schemes: &'static [&'static str],
    /// Who counts where instances share no memory; a host that is one process counts exactly.
    pub counting: Counting,
}

/// Who counts the requests of a limit on a platform whose instances share no memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counting {
    /// One counter for each key, wherever the requests arrive.
    #[default]
    Exact,
    /// The platform's own limiter with this binding, which counts in each of its places on its own.
    Platform(&'static str),
    /// Each instance on its own.
    Process,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitBy {
    /// All requests.
    Global,
    /// Those from one client address.
    ClientIp,
    /// Those of one principal.
    Principal,
    /// Those made with one API key.
    ApiKey,
}

/// How many requests in which window.
#[derive(Debug, Clone, Copy)]
pub enum Quota {
    /// The same for everyone.
    Flat(Rate),
    /// By the principal's tier; a tier that is not listed gets the strictest.
    Tiers(&'static [(&'static str, Rate)]),
}

/// So many requests in so long a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In how long.
    pub window: Duration,
}

impl Rate {
    /// So many requests in a window of so many seconds.
    pub const fn new(requests: u32, seconds: u64) -> Self {
        Self { requests, window: Duration::from_secs(seconds) }
    }
}

/// How far proxies in front are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// How many proxies stand in front; the client is who called the outermost of them.
    pub trusted_hops: u8,
    /// Where they write who called them.
    pub forwarding: Forwarding,
}

impl Http {
    /// One proxy, which writes `X-Forwarded-For`.
    pub const DEFAULT: Self = Self { trusted_hops: 1, forwarding: Forwarding::XForwardedFor };
}

/// Where proxies write who called them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// Addresses in `X-Forwarded-For`.
    XForwardedFor,
    /// The `for` parameters of `Forwarded` (RFC 7239).
    Forwarded,
}

/// How a process ends when it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// How long it still accepts connections while it already says that it is not ready.
    pub delay: Duration,
    /// How long requests under way may take.
    pub requests: Duration,
    /// How long workers of queues and schedules may take.
    pub workers: Duration,
}

impl Shutdown {
    /// No delay, half a minute for requests, five seconds for workers.
    pub const DEFAULT: Self = Self {
        delay: Duration::ZERO,
        requests: Duration::from_secs(30),
        workers: Duration::from_secs(5),
    };
}

/// Which web origins may call the service from a browser.
#[derive(Debug)]
pub struct Cors {
    /// Origins: exact, or any subdomain (`https://*.example.com`).
    pub origins: &'static [&'static str],
    /// Request headers that a page may send.
    pub headers: &'static [&'static str],
    /// Response headers that a page may read, besides those about limits and the correlation id.
    pub expose: &'static [&'static str],
    /// Whether a page may send credentials.
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight request.
    pub max_age: Duration,
}

/// Security headers of every answer.
#[derive(Debug)]
pub struct SecurityHeaders {
    /// `Strict-Transport-Security`.
    pub hsts: Option<Hsts>,
    /// `Referrer-Policy`.
    pub referrer_policy: &'static str,
    /// `Content-Security-Policy`; `frame-ancestors` is added from `framing` when it is missing.
    pub content_security_policy: &'static str,
    /// Who may show the service in a frame.
    pub framing: Framing,
    /// Further headers, names in lower case.
    pub extra: &'static [(&'static str, &'static str)],
}

impl SecurityHeaders {
    /// The strictest for an API.
    pub const DEFAULT: Self = Self {
        hsts: Some(Hsts {
            max_age: Duration::from_hours(365 * 24),
            include_subdomains: true,
            preload: false,
        }),
        referrer_policy: "no-referrer",
        content_security_policy: "default-src 'none'",
        framing: Framing::Deny,
        extra: &[],
    };
}

/// `Strict-Transport-Security` (RFC 6797).
#[derive(Debug, Clone, Copy)]
pub struct Hsts {
    /// How long a browser keeps to HTTPS.
    pub max_age: Duration,
    /// Whether subdomains are meant too.
    pub include_subdomains: bool,
    /// Whether browsers may ship the domain in their list.
    pub preload: bool,
}

/// Who may show the service in a frame.
#[derive(Debug, Clone, Copy)]
pub enum Framing {
    /// Nobody.
    Deny,
    /// Pages of the same origin.
    SameOrigin,
    /// Pages of these origins.
    AllowFrom(&'static [&'static str]),
}

/// A route's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or does.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A route.
#[derive(Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path; parameters are written `{name}`.
    pub path: &'static str,
    /// Name of the operation; `Service::answer` matches on it.
    pub operation: &'static str,
    /// Ways to authenticate, any of which will do; open to all when empty.
    pub auth: &'static [&'static AuthScheme],
    /// Roles, any of which will do; open to all when empty.
    pub roles: &'static [&'static str],
    /// Rate limits.
    pub limits: &'static [&'static Limit],
    /// Parameters in the path.
    pub path_parameters: &'static [PathParameter],
    /// Schema of the query string's parameters; none are accepted without it.
    pub query: Option<&'static Schema>,
    /// Schema of the JSON body; none is accepted without it.
    pub body: Option<&'static Schema>,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// How long the operation may take.
    pub timeout: Duration,
    /// Who owns the object that the path names.
    pub owner: Option<Owner>,
    /// How answers are cached.
    pub cache: Option<Cache>,
    /// Which files it takes; their bodies are not read before the operation.
    pub upload: Option<&'static Upload>,
    /// How its answers are followed over a WebSocket.
    pub watch: Option<&'static Watch>,
    /// Name of the rooms that it lets in to, over a WebSocket.
    pub room: Option<&'static str>,
    /// Tags of cached answers that no longer hold once this route was asked, such as `user:{path.id}`.
    pub invalidates: &'static [&'static str],
    /// When it is there.
    pub when: Option<Condition>,
    /// Whether it tells or turns the emergency switches, so that they never stop it.
    pub switches: bool,
    /// Whether its parameters come as a form, or in the query string, and those that nobody knows are passed over, as
    /// OAuth wants it.
    pub form: bool,
}

impl Route {
    /// A route without anything: the rest of a route that names only what it has.
    pub const DEFAULT: Self = Self {
        method: Method::Get,
        path: "/",
        operation: "",
        auth: &[],
        roles: &[],
        limits: &[],
        path_parameters: &[],
        query: None,
        body: None,
        max_body: 64 * 1024,
        timeout: Duration::from_secs(10),
        owner: None,
        cache: None,
        upload: None,
        watch: None,
        room: None,
        invalidates: &[],
        when: None,
        switches: false,
        form: false,
    };
}

/// A parameter in a route's path.
#[derive(Debug)]
pub struct PathParameter {
    /// Its name.
    pub name: &'static str,
    /// Its schema; text is converted to numbers and booleans where the schema says so.
    pub schema: &'static Schema,
}

/// Who owns the object that a path names. The statement returns the column `owner`.
#[derive(Debug)]
pub struct Owner {
    /// The statement.
    pub statement: &'static Statement,
    /// Its parameters.
    pub with: &'static [(&'static str, Operand)],
    /// The answer to everyone else, and when there is no such object.
    pub otherwise: &'static ProblemType,
}

/// A value that a policy reads before the operation runs.
#[derive(Debug, Clone, Copy)]
pub enum Operand {
    /// A parameter in the path.
    Path(&'static str),
    /// A parameter in the query string.
    Query(&'static str),
    /// A member of the body, as a JSON pointer such as `/meta/event_id`.
    Body(&'static str),
    /// The principal's id.
    PrincipalId,
    /// The principal's role.
    PrincipalRole,
    /// The principal's tier.
    PrincipalTier,
    /// The id of the principal's API key.
    PrincipalKeyId,
    /// A literal.
    Literal(Constant),
}

/// How answers are cached.
#[derive(Debug)]
pub struct Cache {
    /// Name of the key-value store.
    pub store: &'static str,
    /// How long an answer holds.
    pub ttl: Duration,
    /// How much longer it may stand in for one that cannot be made.
    pub stale_if_error: Duration,
    /// What else than the request's parameters an answer depends on.
    pub vary: &'static [Operand],
    /// Tags by which answers are dropped, such as `user:{principal.id}`.
    pub tags: &'static [&'static str],
}

/// How calls are counted for each principal.
#[derive(Debug)]
pub struct Metering {
    /// The statement; its parameters are `principal`, `day` and `calls`.
    pub statement: &'static Statement,
    /// How often counts are written.
    pub flush: Duration,
}

/// Into which queue a record of each request goes.
#[derive(Debug)]
pub struct RequestRecords {
    /// Name of the queue's binding.
    pub queue: &'static str,
    /// The member of a message that lists the records.
    pub member: &'static str,
    /// How long records wait for others to be sent with.
    pub gather: Duration,
}
