//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! Configuration, bindings, authentication, limits, headers, problems and schedules.

use std::time::Duration;

use proofline_runtime::definition::{
    ApiKey, AuthKind, AuthScheme, Breaker, Cors, Counting, Credential, Database, DeadLetter,
    Definition, Framing, Hsts, Jwt, KeyValue, Limit, LimitBy, Messages, Metering, Migration,
    OnFailure, Pattern, Pool, PrincipalLookup, ProblemType, Queue, Quota, Rate, Replicas,
    RequestRecords, Retry, Schedule, SecretVar, SecurityHeaders, Shutdown, SignatureEncoding, Task,
    TaskAlert, Upstream, Var, VarDefault, Webhook,
};

use super::{routes, schemas, statements};

pub static DEFINITION: Definition = Definition {
    service: "luna-sample",
    version: "3.0.0",
    summary: "Backend for an AI agent platform",
    spec_digest: "8b1a9953c4611296a827abf8c47804d7",
    secrets: &[
        SecretVar { name: "JWT_SECRET", min_bytes: 32, optional: false },
        SecretVar { name: "WEBHOOK_SECRET", min_bytes: 16, optional: false },
        SecretVar { name: "SENDGRID_API_KEY", min_bytes: 0, optional: false },
    ],
    vars: &[
        Var { name: "ENVIRONMENT", default: VarDefault::EnvironmentName, pattern: None },
        Var {
            name: "API_VERSION",
            default: VarDefault::Text("v1"),
            pattern: Some(&API_VERSION_PATTERN),
        },
    ],
    shutdown: Shutdown {
        delay: Duration::from_millis(400),
        requests: Duration::from_secs(10),
        workers: Duration::from_secs(1),
    },
    health_path: "/health/readiness",
    health_paths: &["/health", "/health/liveness", "/health/readiness"],
    databases: &[Database {
        name: "DB",
        migrations: &[
            Migration {
                name: "0001_users",
                sql: include_str!("migrations/0001_users.sql"),
                postgres: "",
            },
            Migration {
                name: "0002_documents",
                sql: include_str!("migrations/0002_documents.sql"),
                postgres: "",
            },
            Migration {
                name: "0003_requests",
                sql: include_str!("migrations/0003_requests.sql"),
                postgres: "",
            },
        ],
        statement_timeout: Duration::from_secs(5),
        pool: Pool::DEFAULT,
        required: &["staging"],
        replicas: true,
    }],
    stores: &[KeyValue {
        name: "CACHE",
        on_failure: OnFailure::Bypass,
        breaker: Some(Breaker { failures: 5, reset: Duration::from_secs(30) }),
        retry: None,
        timeout: Duration::from_millis(250),
        connect_timeout: Duration::from_secs(10),
        keep_alive: Duration::from_secs(30),
        required: &["production", "staging"],
    }],
    messages: Messages { kept_in: Some("DB"), remembered_in: Some("DB") },
    queues: &[
        Queue {
            name: "EMAIL_QUEUE",
            queue: "luna-email-queue",
            message: &schemas::EMAIL_MESSAGE,
            batch_size: 10,
            batch_wait: Duration::from_millis(50),
            retry: Retry {
                attempts: 3,
                first: Duration::from_millis(10),
                longest: Duration::from_millis(40),
            },
            dead_letter: Some(DeadLetter {
                queue: "luna-email-dlq",
                keep: Duration::from_hours(7 * 24),
            }),
            required: &[],
        },
        Queue {
            name: "REQUESTS",
            queue: "luna-requests",
            message: &schemas::REQUESTS_MESSAGE,
            batch_size: 10,
            batch_wait: Duration::from_millis(10),
            retry: Retry::NEVER,
            dead_letter: None,
            required: &[],
        },
    ],
    upstreams: &[Upstream {
        name: "SENDGRID",
        base_url: "https://api.sendgrid.com",
        service: None,
        bearer: Some("SENDGRID_API_KEY"),
        timeout: Duration::from_secs(10),
        max_response: 1024 * 1024,
        breaker: None,
        retry: None,
    }],
    cors: Some(Cors {
        origins: &["https://app.luna.example", "https://*.luna.example"],
        headers: &["Authorization", "Content-Type", "X-API-Key", "X-Correlation-ID"],
        expose: &[],
        credentials: true,
        max_age: Duration::from_hours(24),
    }),
    headers: SecurityHeaders {
        hsts: Some(Hsts {
            max_age: Duration::from_hours(365 * 24),
            include_subdomains: true,
            preload: true,
        }),
        referrer_policy: "strict-origin-when-cross-origin",
        content_security_policy: "default-src 'none'; frame-ancestors 'none'",
        framing: Framing::Deny,
        extra: &[],
    },
    routes: routes::ROUTES,
    unrouted_limits: &[&IP],
    metering: Some(Metering {
        statement: &statements::ADD_USAGE,
        flush: Duration::from_millis(50),
    }),
    request_records: Some(RequestRecords {
        queue: "REQUESTS",
        member: "requests",
        gather: Duration::from_millis(50),
    }),
    tasks: &[
        Task {
            name: "cache-management",
            schedule: Schedule::Every(Duration::from_mins(15)),
            crons: &["*/15 * * * *"],
            on: Replicas::Leader,
            history: Some(Duration::from_hours(720)),
            alerts: &[TaskAlert { name: "failing-tasks", severity: "page", failures: 3 }],
        },
        Task {
            name: "clean-up",
            schedule: Schedule::Daily { hour: 0, minute: 0 },
            crons: &["0 0 * * *"],
            on: Replicas::Leader,
            history: Some(Duration::from_hours(720)),
            alerts: &[TaskAlert { name: "failing-tasks", severity: "page", failures: 3 }],
        },
        Task {
            name: "optimisation",
            schedule: Schedule::Weekly { weekday: 0, hour: 2, minute: 0 },
            crons: &["0 2 * * SUN"],
            on: Replicas::Leader,
            history: Some(Duration::from_hours(720)),
            alerts: &[TaskAlert { name: "failing-tasks", severity: "page", failures: 3 }],
        },
    ],
    ..Definition::DEFAULT
};

pub static SESSION: AuthScheme = AuthScheme {
    name: "session",
    kind: AuthKind::Jwt(Jwt {
        secret: "JWT_SECRET",
        issuer: "luna-sample",
        audience: "luna-api",
        lifetime: Duration::from_hours(7 * 24),
        principal: Some(PrincipalLookup {
            statement: &statements::SESSION_PRINCIPAL,
            with: &[("id", Credential::TokenClaim("sub"))],
        }),
    }),
};

pub static KEY: AuthScheme = AuthScheme {
    name: "key",
    kind: AuthKind::ApiKey(ApiKey {
        header: "x-api-key",
        principal: PrincipalLookup {
            statement: &statements::API_KEY_PRINCIPAL,
            with: &[("key_hash", Credential::KeyHash)],
        },
    }),
};

pub static BILLING: AuthScheme = AuthScheme {
    name: "billing",
    kind: AuthKind::Webhook(Webhook {
        header: "x-signature",
        secret: "WEBHOOK_SECRET",
        encoding: SignatureEncoding::Hex,
        timestamp: None,
    }),
};

pub static IP: Limit = Limit {
    name: "ip",
    by: LimitBy::ClientIp,
    quota: Quota::Flat(Rate::new(60, 60)),
    schemes: &[],
    counting: Counting::Exact,
};

pub static USER: Limit = Limit {
    name: "user",
    by: LimitBy::Principal,
    quota: Quota::Tiers(&[
        ("free", Rate::new(100, 3600)),
        ("pro", Rate::new(1000, 3600)),
        ("enterprise", Rate::new(10_000, 3600)),
    ]),
    schemes: &["session"],
    counting: Counting::Exact,
};

pub static LOGIN: Limit = Limit {
    name: "login",
    by: LimitBy::ClientIp,
    quota: Quota::Flat(Rate::new(10, 60)),
    schemes: &[],
    counting: Counting::Exact,
};

pub static EMAIL_TAKEN: ProblemType = ProblemType {
    name: "email-taken",
    status: 409,
    title: "The e-mail address is already in use",
    detail: None,
};

pub static INVALID_CREDENTIALS: ProblemType = ProblemType {
    name: "invalid-credentials",
    status: 401,
    title: "E-mail address or password is wrong",
    detail: None,
};

pub static USER_NOT_FOUND: ProblemType = ProblemType {
    name: "user-not-found",
    status: 404,
    title: "There is no such user",
    detail: None,
};

pub static DOCUMENT_NOT_FOUND: ProblemType = ProblemType {
    name: "document-not-found",
    status: 404,
    title: "There is no such document",
    detail: None,
};

pub static SUBSCRIPTION_NOT_FOUND: ProblemType = ProblemType {
    name: "subscription-not-found",
    status: 404,
    title: "No user has this subscription",
    detail: None,
};

/// Pattern of the variable `API_VERSION`.
static API_VERSION_PATTERN: Pattern = Pattern::new("^v[0-9]+$");
