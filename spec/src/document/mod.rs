//! The documents people write: one file per part. Types only; meaning is checked in [`crate::check`].

mod account;
mod alert;
mod asset;
mod auth;
mod binding;
mod claim;
mod config;
mod container;
mod dialect;
mod environment;
mod expression;
mod flag;
mod http;
mod limit;
mod lock;
mod lti;
mod machine;
mod operation;
mod outside;
mod parity;
mod platform;
mod query;
mod records;
pub mod room;
mod route;
mod schema;
mod search;
mod service;
mod shutdown;
mod tagged;
mod task;
pub mod upload;
pub mod watch;

pub use account::{AccountStep, Accounts, Balance, BalanceFigure, RemoveAccount};
pub use alert::{Alert, AlertMetric, AlertRule, AlertSeverity, Objectives};
pub use asset::{Asset, VitalField, VitalsReport, WebVitals};
pub use auth::{
    Auth, JwtAlgorithm, PrincipalLookup, SignatureEncoding, WebhookAlgorithm, WebhookTimestamp,
};
pub use binding::{Batch, Binding, Breaker, DeadLetter, Job, OnFailure, Pool, Retry};
pub use claim::{
    Category, Checklist, ChecklistLine, Claim, DerivedProof, LoadProof, ProbeName, Proof, Severity,
    Waiver,
};
pub use config::{Config, Secret, Var, VarSource};
pub use container::{
    Autoscale, Container, CpuRange, Disruption, MemoryRange, Probes, Resources, Stores,
};
pub use dialect::{
    Correlation, Dialect, DuplicateMembers, ErrorForm, LimitFields, NulCharacters, OtherMethods,
    Violations,
};
pub use environment::{
    Access, Credential, Environment, LoadPermit, LogLevel, MintedToken, NativeStores, Permits,
    Resource, Start, StartCommand, StartCompose, StartNative, StartWorkers, Tls, WorkerRoute,
};
pub use expression::{Expression, Source};
pub use flag::{
    Beta, Condition, Control, Flag, FlagControl, FlagRule, Overrides, Switch, Switches,
};
pub use http::{Cors, ForwardingHeader, Framing, Hsts, Http, ProblemType, SecurityHeaders};
pub use limit::{Limit, LimitKey, Precision};
pub use lock::{Lock, LockedIds};
pub use lti::{Lti, LtiStep};
pub use machine::{Machine, Move, ReadState};
pub use operation::{
    DeadLetters, Enqueue, Health, HealthKind, LogIn, Once, Operation, Replay, RunQuery, Step,
    TaskOperation, Transaction,
};
pub use outside::{API_ITEMS, ASVS_CHAPTERS, OutsideEntry, OutsideId, OutsideProblem};
pub use parity::Difference;
pub use platform::{Observability, Placement, Workers, WorkersLimits};
pub use query::{Expectation, ParameterType, Query};
pub use records::{RecordField, RequestRecords};
pub use room::EnterRoom;
pub use route::{Answer, Method, Owner, Route, RouteAuth, RouteCache, RouteKey, RouteLimits};
pub use schema::{Schema, SchemaType, SchemaTypes};
pub use search::{IndexRow, IndexedRows, Metric, Search, Substitute, VectorTable};
pub use service::{Defaults, Identity, Metering, Service, SpecVersion, Target};
pub use shutdown::Shutdown;
pub use task::{Schedule, Task, TaskReplicas, TimeOfDay, Weekday, WeeklyTime};
pub use upload::{Disposition, Download, Upload};
pub use watch::Watch;

/// A mapping that keeps the order in which the document gives it.
pub type Map<V> = indexmap::IndexMap<String, V>;
