//! What every cross-check has: the service, its source, and the names that exist.

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;

use super::at::At;
use crate::diagnostic::{Code, Diagnostic, Location};
use crate::document::{
    Auth, Expression, Map, Operation, Query, Route, RouteAuth, RouteKey, Schema, Service, Target,
    TaskOperation, Transaction,
};
use crate::load::{SourceMap, nearest};

/// How many unknown names get a suggestion: comparing costs time for each known name.
const MOST_SUGGESTIONS: usize = 200;

/// What every cross-check has.
pub(super) struct Context<'a> {
    pub(super) service: &'a Service,
    pub(super) source: &'a SourceMap,
    pub(super) features: Option<&'a [String]>,
    names: Names<'a>,
    runs: OnceCell<Vec<Run<'a>>>,
    suggestions: Cell<usize>,
}

/// The names of each kind that the documents define, right or wrong.
struct Names<'a> {
    by_kind: Vec<(Kind, HashSet<&'a str>)>,
}

/// What a name can be the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Auth,
    Binding,
    Claim,
    Flag,
    Limit,
    Problem,
    Query,
    Role,
    Schema,
    Secret,
    Tier,
    Var,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Auth,
        Self::Binding,
        Self::Claim,
        Self::Flag,
        Self::Limit,
        Self::Problem,
        Self::Query,
        Self::Role,
        Self::Schema,
        Self::Secret,
        Self::Tier,
        Self::Var,
    ];

    /// The section that defines such names.
    pub(super) const fn section(self) -> &'static [&'static str] {
        match self {
            Self::Auth => &["auth"],
            Self::Binding => &["bindings"],
            Self::Claim => &["claims"],
            Self::Flag => &["flags"],
            Self::Limit => &["limits"],
            Self::Problem => &["problems"],
            Self::Query => &["queries"],
            Self::Role => &["roles"],
            Self::Schema => &["schemas"],
            Self::Secret => &["config", "secrets"],
            Self::Tier => &["tiers"],
            Self::Var => &["config", "vars"],
        }
    }

    /// The noun for people.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Auth => "authentication scheme",
            Self::Binding => "binding",
            Self::Claim => "claim",
            Self::Flag => "flag",
            Self::Limit => "limit",
            Self::Problem => "problem",
            Self::Query => "query",
            Self::Role => "role",
            Self::Schema => "schema",
            Self::Secret => "secret",
            Self::Tier => "tier",
            Self::Var => "variable",
        }
    }
}

/// One place that runs a query, with the values that it hands over.
pub(super) struct Run<'a> {
    /// Name of the query.
    pub(super) query: &'a str,
    /// The values.
    pub(super) with: &'a Map<Expression>,
    /// Path of the mapping that has `with`.
    pub(super) path: Vec<String>,
    /// The key that names the query: `query` or `run`.
    pub(super) key: &'static str,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        service: &'a Service,
        source: &'a SourceMap,
        features: Option<&'a [String]>,
    ) -> Self {
        let by_kind = Kind::ALL.into_iter().map(|kind| (kind, names(kind, service, source)));
        Self {
            service,
            source,
            features,
            names: Names { by_kind: by_kind.collect() },
            runs: OnceCell::new(),
            suggestions: Cell::new(0),
        }
    }

    /// Where a value is.
    pub(super) fn value(&self, at: &At<'_>) -> Location {
        self.source.span_of(&at.path())
    }

    /// Where a key is.
    pub(super) fn key(&self, at: &At<'_>) -> Location {
        self.source.key_of(&at.path())
    }

    /// A problem with a value.
    pub(super) fn at_value(
        &self,
        code: Code,
        at: &At<'_>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(code, self.value(at), message)
    }

    /// A problem with a key, or with the absence of something below it.
    pub(super) fn at_key(&self, code: Code, at: &At<'_>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.key(at), message)
    }

    /// Whether the value there was left out because loading found it wrong: its consequences are not news.
    pub(super) fn is_broken(&self, at: &At<'_>) -> bool {
        let path = at.path();
        self.source.is_broken(&path) || self.source.is_broken_within(&path)
    }

    /// Whether a name exists, be it one whose definition cannot be read.
    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        if self.names_of(kind).contains(name) {
            return true;
        }
        let mut path: Vec<&str> = kind.section().to_vec();
        let is_list = matches!(kind, Kind::Role | Kind::Tier);
        if is_list && self.source.is_broken_within(&path) {
            return true;
        }
        path.push(name);
        self.source.is_broken(&path)
    }

    /// Every name of a kind.
    pub(super) fn names_of(&self, kind: Kind) -> &HashSet<&'a str> {
        let found = self.names.by_kind.iter().find(|(known, _)| *known == kind);
        &found.unwrap_or(&self.names.by_kind[0]).1
    }

    /// The known name that was most likely meant.
    pub(super) fn closest<'n>(
        &self,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) -> Option<&'n str> {
        if self.suggestions.replace(self.suggestions.get() + 1) >= MOST_SUGGESTIONS {
            return None;
        }
        nearest(name, known)
    }

    /// Whether the service runs there.
    pub(super) fn targets(&self, target: Target) -> bool {
        self.service.targets.contains(&target)
    }

    /// A schema behind its references; `None` when one does not exist or they go in a circle.
    pub(super) fn resolve(&self, schema: &'a Schema) -> Option<&'a Schema> {
        let mut schema = schema;
        for _ in 0..=self.service.schemas.len() {
            match schema.referenced() {
                Some(name) => schema = self.service.schemas.get(name)?,
                None => return Some(schema),
            }
        }
        None
    }

    /// A named schema behind its references.
    pub(super) fn schema(&self, name: &str) -> Option<&'a Schema> {
        self.resolve(self.service.schemas.get(name)?)
    }

    /// Names of the schemes that a route accepts; none for a public one.
    pub(super) fn schemes<'r>(&self, route: &'r Route) -> &'r [String]
    where
        'a: 'r,
    {
        match &route.auth {
            Some(RouteAuth::None) => &[],
            Some(RouteAuth::Schemes(names)) => names,
            None => &self.service.defaults.auth,
        }
    }

    /// Whether each caller of a route is a principal.
    pub(super) fn has_principal(&self, route: &Route) -> bool {
        let schemes = self.schemes(route);
        !schemes.is_empty()
            && schemes.iter().all(|name| {
                self.service.auth.get(name).is_none_or(|auth| !matches!(auth, Auth::Webhook { .. }))
            })
    }

    /// Every route with its key's text.
    pub(super) fn routes(&self) -> impl Iterator<Item = (String, &'a RouteKey, &'a Route)> {
        self.service.routes.iter().map(|(key, route)| (key.to_string(), key, route))
    }

    /// A query, if it exists.
    pub(super) fn query(&self, name: &str) -> Option<&'a Query> {
        self.service.queries.get(name)
    }

    /// Every place that runs a query.
    pub(super) fn runs(&self) -> &[Run<'a>] {
        self.runs.get_or_init(|| collect_runs(self.service))
    }
}

fn names<'a>(kind: Kind, service: &'a Service, source: &'a SourceMap) -> HashSet<&'a str> {
    match kind {
        Kind::Role => service.roles.iter().map(String::as_str).collect(),
        Kind::Tier => service.tiers.iter().map(String::as_str).collect(),
        _ => source
            .node(kind.section())
            .and_then(|node| node.mapping())
            .map(|mapping| mapping.entries().iter().map(|entry| entry.key.as_str()).collect())
            .unwrap_or_default(),
    }
}

fn collect_runs(service: &Service) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let auth = At::root("auth");
    for (name, scheme) in &service.auth {
        if let Some(lookup) = scheme.principal() {
            let at = auth.key(name);
            let path = at.key("principal").path();
            runs.push(Run { query: &lookup.query, with: &lookup.with, path, key: "query" });
        }
    }
    let routes = At::root("routes");
    for (key, route) in &service.routes {
        let route_at = routes.key(key.to_string());
        if let Some(owner) = &route.owner {
            let path = route_at.key("owner").path();
            runs.push(Run { query: &owner.query, with: &owner.with, path, key: "query" });
        }
        let op = route_at.key("op");
        runs_of_operation(&route.op, &op, &mut runs);
    }
    let tasks = At::root("tasks");
    for (name, task) in &service.tasks {
        if let TaskOperation::Query(run) = &task.op {
            let task_at = tasks.key(name);
            let op = task_at.key("op");
            let path = op.key("query").path();
            runs.push(Run { query: &run.run, with: &run.with, path, key: "run" });
        }
    }
    runs
}

fn runs_of_operation<'a>(operation: &'a Operation, op: &At<'_>, runs: &mut Vec<Run<'a>>) {
    match operation {
        Operation::Query(run) => {
            let path = op.key("query").path();
            runs.push(Run { query: &run.run, with: &run.with, path, key: "run" });
        }
        Operation::Login(login) => {
            let path = op.key("login").path();
            runs.push(Run { query: &login.query, with: &login.with, path, key: "query" });
        }
        Operation::Transaction(transaction) => {
            runs_of_transaction(transaction, &op.key("transaction"), runs);
        }
        Operation::Upload(upload) => {
            runs_of_transaction(&upload.record, &op.key("upload").key("record"), runs);
        }
        Operation::Download(download) => {
            let path = op.key("download").path();
            runs.push(Run { query: &download.run, with: &download.with, path, key: "run" });
        }
        Operation::Room(enter) => {
            let path = op.key("room").path();
            runs.push(Run { query: &enter.run, with: &enter.with, path, key: "run" });
        }
        Operation::Health(_)
        | Operation::Search(_)
        | Operation::Enqueue(_)
        | Operation::Flags(_)
        | Operation::Switches(_)
        | Operation::Lti(_)
        | Operation::Asset(_)
        | Operation::DeadLetters(_)
        | Operation::Replay(_)
        | Operation::Resume(_)
        | Operation::Custom(_) => {}
    }
}

fn runs_of_transaction<'a>(transaction: &'a Transaction, at: &At<'_>, runs: &mut Vec<Run<'a>>) {
    if let Some(once) = &transaction.once {
        let path = at.key("once").path();
        runs.push(Run { query: &once.query, with: &once.with, path, key: "query" });
    }
    let steps = at.key("steps");
    for (index, step) in transaction.steps.iter().enumerate() {
        let path = steps.index(index).path();
        runs.push(Run { query: &step.query, with: &step.with, path, key: "query" });
    }
}
