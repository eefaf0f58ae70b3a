//! Names that are used exist.

use super::at::At;
use super::context::{Context, Kind};
use crate::diagnostic::{Diagnostic, Location, codes};
use crate::document::{
    Answer, Binding, Condition, Map, Operation, RouteAuth, RouteLimits, Schema, TaskOperation,
};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut names = Names { context, found };
    names.auth();
    names.bindings();
    names.defaults_and_limits();
    names.queries();
    names.routes();
    names.rest();
    let schemas = At::root("schemas");
    for (name, schema) in &context.service.schemas {
        names.references(schema, &schemas.key(name));
    }
}

struct Names<'c, 'a> {
    context: &'c Context<'a>,
    found: &'c mut Vec<Diagnostic>,
}

impl Names<'_, '_> {
    fn expect(&mut self, kind: Kind, name: &str, at: &At<'_>) {
        if !self.context.has(kind, name) {
            self.found.push(unknown(self.context, kind, name, at));
        }
    }

    fn expect_all(&mut self, kind: Kind, names: &[String], at: &At<'_>) {
        for (index, name) in names.iter().enumerate() {
            self.expect(kind, name, &at.index(index));
        }
    }

    fn auth(&mut self) {
        let auth = At::root("auth");
        for (name, scheme) in &self.context.service.auth {
            let at = auth.key(name);
            if let Some(secret) = scheme.secret() {
                self.expect(Kind::Secret, secret, &at.key("secret"));
            }
        }
    }

    fn bindings(&mut self) {
        let bindings = At::root("bindings");
        for (name, binding) in &self.context.service.bindings {
            let at = bindings.key(name);
            match binding {
                Binding::Queue { message, .. } | Binding::Room { message, .. } => {
                    self.expect(Kind::Schema, message, &at.key("message"));
                }
                Binding::Vector { ai, rows, table, .. } => {
                    self.expect(Kind::Binding, ai, &at.key("ai"));
                    let here = at.key("rows");
                    self.expect(Kind::Query, &rows.text, &here.key("text"));
                    self.expect(Kind::Query, &rows.pending, &here.key("pending"));
                    self.expect(Kind::Query, &rows.done, &here.key("done"));
                    if let Some(table) = table {
                        let here = at.key("table");
                        self.expect(Kind::Query, &table.put, &here.key("put"));
                        self.expect(Kind::Query, &table.remove, &here.key("remove"));
                        self.expect(Kind::Query, &table.all, &here.key("all"));
                    }
                }
                Binding::Upstream { bearer: Some(secret), .. } => {
                    self.expect(Kind::Secret, secret, &at.key("bearer"));
                }
                _ => {}
            }
        }
    }

    fn defaults_and_limits(&mut self) {
        let service = self.context.service;
        let defaults = At::root("defaults");
        self.expect_all(Kind::Auth, &service.defaults.auth, &defaults.key("auth"));
        self.expect_all(Kind::Limit, &service.defaults.limits, &defaults.key("limits"));
        let limits = At::root("limits");
        for (name, limit) in &service.limits {
            let at = limits.key(name);
            if let Some(schemes) = &limit.schemes {
                self.expect_all(Kind::Auth, schemes, &at.key("schemes"));
            }
            let tiers = at.key("tiers");
            for tier in limit.tiers.iter().flat_map(indexmap::IndexMap::keys) {
                if !self.context.has(Kind::Tier, tier) {
                    let place = self.context.key(&tiers.key(tier));
                    self.found.push(unknown_at(self.context, Kind::Tier, tier, &place));
                }
            }
        }
    }

    fn queries(&mut self) {
        let queries = At::root("queries");
        for (name, query) in &self.context.service.queries {
            let at = queries.key(name);
            let parts = [
                (Kind::Schema, &query.returns, "returns"),
                (Kind::Problem, &query.otherwise, "otherwise"),
                (Kind::Problem, &query.on_conflict, "on_conflict"),
                (Kind::Binding, &query.binding, "binding"),
            ];
            for (kind, name, key) in parts {
                if let Some(name) = name {
                    self.expect(kind, name, &at.key(key));
                }
            }
        }
        for run in self.context.runs() {
            if !self.context.has(Kind::Query, run.query) {
                let path = [run.path.as_slice(), &[run.key.to_owned()]].concat();
                let place = self.context.source.span_of(&path);
                self.found.push(unknown_at(self.context, Kind::Query, run.query, &place));
            }
        }
    }

    fn routes(&mut self) {
        let routes = At::root("routes");
        for (key, _, route) in self.context.routes() {
            let at = routes.key(key);
            if let Some(RouteAuth::Schemes(names)) = &route.auth {
                self.expect_all(Kind::Auth, names, &at.key("auth"));
            }
            if let Some(RouteLimits::Named(names)) = &route.limits {
                self.expect_all(Kind::Limit, names, &at.key("limits"));
            }
            if let Some(roles) = &route.roles {
                self.expect_all(Kind::Role, roles, &at.key("roles"));
            }
            let path = at.key("path");
            for (parameter, schema) in &route.path {
                self.expect(Kind::Schema, schema, &path.key(parameter));
            }
            for (schema, key) in [(&route.query, "query"), (&route.body, "body")] {
                if let Some(schema) = schema {
                    self.expect(Kind::Schema, schema, &at.key(key));
                }
            }
            if let Some(owner) = &route.owner {
                self.expect(Kind::Problem, &owner.otherwise, &at.key("owner").key("otherwise"));
            }
            if let Some(cache) = &route.cache {
                self.expect(Kind::Binding, &cache.binding, &at.key("cache").key("in"));
            }
            if let Some(condition) = &route.when {
                let at = at.key("when");
                self.expect(Kind::Flag, &condition.flag, &at.key("flag"));
                if condition.otherwise != Condition::NOT_FOUND {
                    self.expect(Kind::Problem, &condition.otherwise, &at.key("otherwise"));
                }
            }
            if let Some(flag) = route.watch.as_ref().and_then(|watch| watch.flag.as_ref()) {
                self.expect(Kind::Flag, flag, &at.key("watch").key("flag"));
            }
            self.operation(&route.op, &at.key("op"));
            self.answers(&route.returns, &at.key("returns"));
        }
    }

    fn operation(&mut self, operation: &Operation, at: &At<'_>) {
        match operation {
            Operation::Health(health) => {
                let at = at.key("health");
                self.expect_all(Kind::Binding, &health.required, &at.key("required"));
                self.expect_all(Kind::Binding, &health.optional, &at.key("optional"));
                let names = at.key("names");
                for name in health.names.keys() {
                    if !self.context.has(Kind::Binding, name) {
                        let place = self.context.key(&names.key(name));
                        self.found.push(unknown_at(self.context, Kind::Binding, name, &place));
                    }
                }
            }
            Operation::Login(login) => {
                let at = at.key("login");
                self.expect(Kind::Auth, &login.scheme, &at.key("scheme"));
                self.expect(Kind::Problem, &login.otherwise, &at.key("otherwise"));
            }
            Operation::Enqueue(enqueue) => {
                self.expect(Kind::Binding, &enqueue.queue, &at.key("enqueue").key("queue"));
            }
            Operation::DeadLetters(letters) => {
                self.expect(Kind::Binding, &letters.queue, &at.key("dead_letters").key("queue"));
            }
            Operation::Replay(replay) => {
                let at = at.key("replay");
                self.expect(Kind::Binding, &replay.queue, &at.key("queue"));
                self.expect(Kind::Problem, &replay.otherwise, &at.key("otherwise"));
                self.expect(Kind::Problem, &replay.replayed, &at.key("replayed"));
            }
            Operation::Upload(upload) => {
                self.expect(Kind::Binding, &upload.to, &at.key("upload").key("to"));
            }
            Operation::Room(enter) => {
                self.expect(Kind::Binding, &enter.binding, &at.key("room").key("in"));
            }
            Operation::Download(download) => {
                self.expect(Kind::Binding, &download.from, &at.key("download").key("from"));
            }
            Operation::Search(search) => {
                let at = at.key("search");
                self.expect(Kind::Binding, &search.binding, &at.key("in"));
                self.expect(Kind::Query, &search.run, &at.key("run"));
            }
            Operation::Transaction(transaction) => {
                if let Some(index) = &transaction.index {
                    let at = at.key("transaction");
                    self.expect(Kind::Binding, &index.binding, &at.key("index").key("in"));
                }
            }
            Operation::Query(_)
            | Operation::Flags(_)
            | Operation::Switches(_)
            | Operation::Lti(_)
            | Operation::Asset(_)
            | Operation::Resume(_)
            | Operation::Custom(_) => {}
        }
    }

    fn answers(&mut self, answers: &Map<Answer>, at: &At<'_>) {
        for (status, answer) in answers {
            let at = at.key(status);
            match answer {
                Answer::One(schema) => self.expect(Kind::Schema, schema, &at),
                Answer::List(schema) => self.expect(Kind::Schema, schema, &at.key("list")),
                Answer::Problem(name) => self.expect(Kind::Problem, name, &at.key("problem")),
                Answer::None | Answer::File => {}
            }
        }
    }

    fn rest(&mut self) {
        for (name, checklist) in &self.context.service.checklists {
            let checklists = At::root("checklists");
            let at = checklists.key(name);
            let lines = at.key("lines");
            for (index, line) in checklist.lines.iter().enumerate() {
                self.expect_all(Kind::Claim, &line.claims, &lines.index(index).key("claims"));
            }
        }
        if let Some(overrides) = &self.context.service.overrides {
            let at = At::root("overrides");
            self.expect(Kind::Query, &overrides.read, &at.key("read"));
            self.expect(Kind::Query, &overrides.write, &at.key("write"));
        }
        for (name, flag) in &self.context.service.flags {
            let Some(beta) = &flag.beta else { continue };
            let flags = At::root("flags");
            let at = flags.key(name);
            let at = at.key("beta");
            self.expect_all(Kind::Role, &beta.roles, &at.key("roles"));
            self.expect_all(Kind::Tier, &beta.tiers, &at.key("tiers"));
        }
        if let Some(lti) = &self.context.service.lti {
            let at = At::root("lti");
            self.expect(Kind::Var, &lti.origin, &at.key("origin"));
            self.expect(Kind::Binding, &lti.platforms, &at.key("platforms"));
            self.expect(Kind::Binding, &lti.key_sets, &at.key("key_sets"));
            self.expect_all(Kind::Binding, &lti.keys_from, &at.key("keys_from"));
            self.expect(Kind::Secret, &lti.tool_key, &at.key("tool_key"));
            self.expect(Kind::Auth, &lti.session, &at.key("session"));
            self.expect(Kind::Query, &lti.begin, &at.key("begin"));
            self.expect(Kind::Query, &lti.take, &at.key("take"));
            if let Some(account) = &lti.account {
                self.expect(Kind::Query, account, &at.key("account"));
            }
            if let Some(role) = &lti.default_role {
                self.expect(Kind::Role, role, &at.key("default_role"));
            }
        }
        let tasks = At::root("tasks");
        for (name, task) in &self.context.service.tasks {
            if let TaskOperation::Index(binding) = &task.op {
                let at = tasks.key(name);
                self.expect(Kind::Binding, binding, &at.key("op").key("index"));
            }
        }
        if let Some(metering) = &self.context.service.metering {
            self.expect(Kind::Query, &metering.query, &At::root("metering").key("query"));
        }
        if let Some(records) = &self.context.service.request_records {
            self.expect(Kind::Binding, &records.queue, &At::root("request_records").key("queue"));
        }
    }

    fn references(&mut self, schema: &Schema, at: &At<'_>) {
        if let Some(reference) = &schema.reference {
            let at = at.key("$ref");
            match reference.strip_prefix("#/schemas/") {
                Some(name) => self.expect(Kind::Schema, name, &at),
                None => self.found.push(
                    self.context
                        .at_value(
                            codes::SCHEMA_REFERENCE,
                            &at,
                            format!("`{reference}` does not point at a schema of this spec"),
                        )
                        .because("a reference can only name a schema under `schemas`")
                        .fix("write `#/schemas/<name>`"),
                ),
            }
        }
        let properties = at.key("properties");
        for (name, property) in &schema.properties {
            self.references(property, &properties.key(name));
        }
        if let Some(items) = &schema.items {
            self.references(items, &at.key("items"));
        }
    }
}

fn unknown(context: &Context<'_>, kind: Kind, name: &str, at: &At<'_>) -> Diagnostic {
    unknown_at(context, kind, name, &context.value(at))
}

fn unknown_at(context: &Context<'_>, kind: Kind, name: &str, place: &Location) -> Diagnostic {
    let noun = kind.noun();
    let section = kind.section().join(".");
    let mut known: Vec<&str> = context.names_of(kind).iter().copied().collect();
    known.sort_unstable();
    let diagnostic =
        Diagnostic::new(codes::UNKNOWN_NAME, place.clone(), format!("there is no {noun} `{name}`"))
            .because(listed(&section, &known));
    match context.closest(name, known.iter().copied()) {
        Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
        None => diagnostic
            .fix(format!("define `{name}` under `{section}`, or use a name that is there")),
    }
}

fn listed(section: &str, known: &[&str]) -> String {
    const MOST: usize = 12;
    match known {
        [] => format!("nothing is defined under `{section}`"),
        _ if known.len() > MOST => {
            format!("`{section}` has {} names, and not this one", known.len())
        }
        _ => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("`{section}` has {}", names.join(", "))
        }
    }
}
