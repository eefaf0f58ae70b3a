//! Values that routes and tasks hand over: what they read exists where they read it.

use std::str::FromStr as _;

use super::at::At;
use super::context::{Context, Kind};
use crate::diagnostic::{Diagnostic, Location, codes};
use crate::document::upload::MEMBERS;
use crate::document::{
    Auth, Expression, LtiStep, Map, Operation, Route, Schema, Source, TaskOperation, Transaction,
};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    auth(context, found);
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let at = routes.key(text.as_str());
        let scope = Scope::of_route(context, route);
        if let Some(owner) = &route.owner {
            let here = at.key("owner");
            scope.all(&owner.with, &here.key("with"), found);
        }
        operation(&scope, &route.op, &at.key("op"), found);
        if let Some(cache) = &route.cache {
            let here = at.key("cache");
            scope.templates(&cache.tags, &here.key("tags"), found);
            let vary = here.key("vary");
            for (index, value) in cache.vary.iter().flatten().enumerate() {
                scope.of_caller(value, &vary.index(index), found);
            }
        }
        let launched = matches!(route.op, Operation::Lti(LtiStep::Launch));
        let scope = Scope { launched, ..scope };
        scope.templates(&route.invalidates, &at.key("invalidates"), found);
    }
    let tasks = At::root("tasks");
    for (name, task) in &context.service.tasks {
        if let TaskOperation::Query(run) = &task.op {
            let task_at = tasks.key(name);
            let op = task_at.key("op");
            let query = op.key("query");
            Scope::bare(context, "a task").all(&run.with, &query.key("with"), found);
        }
    }
}

fn auth(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("auth");
    for (name, scheme) in &context.service.auth {
        let Some(lookup) = scheme.principal() else { continue };
        let mut scope = Scope::bare(context, "the lookup of a principal");
        match scheme {
            Auth::Jwt { .. } => scope.token = true,
            Auth::ApiKey { .. } => scope.key = true,
            Auth::Webhook { .. } => {}
        }
        let at = section.key(name);
        let principal = at.key("principal");
        scope.all(&lookup.with, &principal.key("with"), found);
    }
}

fn operation<'a>(
    scope: &Scope<'_, 'a>,
    operation: &'a Operation,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    match operation {
        Operation::Query(run) => scope.all(&run.with, &at.key("query").key("with"), found),
        Operation::Login(login) => {
            let here = at.key("login");
            scope.all(&login.with, &here.key("with"), found);
            scope.one(&login.password, &here.key("password"), found);
        }
        Operation::Enqueue(enqueue) => {
            scope.all(&enqueue.message, &at.key("enqueue").key("message"), found);
        }
        Operation::Transaction(transaction) => {
            transaction_values(scope, transaction, &at.key("transaction"), found);
        }
        Operation::Replay(replay) => {
            scope.one(&replay.id, &at.key("replay").key("id"), found);
        }
        Operation::Upload(upload) => {
            let scope = Scope { upload: true, ..scope.clone() };
            transaction_values(&scope, &upload.record, &at.key("upload").key("record"), found);
        }
        Operation::Room(enter) => {
            let here = at.key("room");
            scope.one(&enter.id, &here.key("id"), found);
            scope.all(&enter.with, &here.key("with"), found);
        }
        Operation::Download(download) => {
            scope.all(&download.with, &at.key("download").key("with"), found);
        }
        Operation::Search(search) => {
            let here = at.key("search");
            scope.one(&search.text, &here.key("text"), found);
            scope.one(&search.limit, &here.key("limit"), found);
        }
        Operation::Health(_)
        | Operation::DeadLetters(_)
        | Operation::Flags(_)
        | Operation::Switches(_)
        | Operation::Lti(_)
        | Operation::Asset(_)
        | Operation::Resume(_)
        | Operation::Custom(_) => {}
    }
}

fn transaction_values<'a>(
    scope: &Scope<'_, 'a>,
    transaction: &'a Transaction,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let mut scope = scope.clone();
    let values = at.key("let");
    for (name, value) in &transaction.values {
        scope.one(value, &values.key(name), found);
        scope.values.push(name);
    }
    if let Some(once) = &transaction.once {
        let here = at.key("once");
        scope.all(&once.with, &here.key("with"), found);
    }
    let steps = at.key("steps");
    for (index, step) in transaction.steps.iter().enumerate() {
        let here = steps.index(index);
        scope.all(&step.with, &here.key("with"), found);
    }
    if let Some(row) = &transaction.index {
        scope.one(&row.id, &at.key("index").key("id"), found);
    }
}

/// What can be read at a place.
#[derive(Clone)]
struct Scope<'c, 'a> {
    context: &'c Context<'a>,
    /// Where it is, for people.
    place: &'static str,
    route: Option<&'a Route>,
    values: Vec<&'a str>,
    token: bool,
    key: bool,
    upload: bool,
    /// Whether it is filled in once it is known who was launched.
    launched: bool,
}

/// Whether it is read as it is, from something that a request has.
const fn is_plain(value: &Expression) -> bool {
    matches!(
        value,
        Expression::Read(
            Source::Path | Source::Query | Source::Body | Source::Principal | Source::Config,
            _
        )
    )
}

/// Why something cannot be read: what is wrong, why, and what helps.
struct Unreadable {
    code: crate::diagnostic::Code,
    message: String,
    cause: Option<String>,
    fix: Option<String>,
}

impl<'c, 'a> Scope<'c, 'a> {
    const fn bare(context: &'c Context<'a>, place: &'static str) -> Self {
        Self {
            context,
            place,
            route: None,
            values: Vec::new(),
            token: false,
            key: false,
            upload: false,
            launched: false,
        }
    }

    const fn of_route(context: &'c Context<'a>, route: &'a Route) -> Self {
        Self {
            context,
            place: "a route",
            route: Some(route),
            values: Vec::new(),
            token: false,
            key: false,
            upload: false,
            launched: false,
        }
    }

    fn all(&self, values: &Map<Expression>, at: &At<'_>, found: &mut Vec<Diagnostic>) {
        for (name, value) in values {
            self.one(value, &at.key(name), found);
        }
    }

    fn one(&self, value: &Expression, at: &At<'_>, found: &mut Vec<Diagnostic>) {
        let Some(wrong) = self.unreadable(value) else { return };
        found.push(wrong.at(self.context.value(at)));
    }

    /// Texts with expressions in braces, such as `user:{principal.id}`.
    fn templates(&self, templates: &[String], at: &At<'_>, found: &mut Vec<Diagnostic>) {
        for (index, template) in templates.iter().enumerate() {
            let here = at.index(index);
            let mut offset = 0;
            while let Some(open) = template[offset..].find('{').map(|o| offset + o) {
                let Some(close) = template[open..].find('}').map(|c| open + c) else {
                    found.push(
                        self.context
                            .at_value(
                                codes::TEMPLATE,
                                &here,
                                format!("`{template}` has a `{{` without its `}}`"),
                            )
                            .fix("write a value in braces, such as `user:{principal.id}`"),
                    );
                    break;
                };
                let inner = &template[open + 1..close];
                let place = self.context.source.locate_in_string(
                    &here.path(),
                    open + 1,
                    inner.len().max(1),
                );
                match Expression::from_str(inner) {
                    Err(reason) => found.push(
                        Diagnostic::new(codes::TEMPLATE, place, reason)
                            .fix("write a value in braces, such as `user:{principal.id}`"),
                    ),
                    Ok(value) if !is_plain(&value) => found.push(
                        Diagnostic::new(
                            codes::TEMPLATE,
                            place,
                            format!("`{inner}` is not what the request says"),
                        )
                        .because("a tag must be the same for who reads and for who changes")
                        .fix("read `path`, `query`, `body`, `principal` or `config`"),
                    ),
                    Ok(value) => {
                        if let Some(wrong) = self.unreadable(&value) {
                            found.push(wrong.at(place));
                        }
                    }
                }
                offset = close + 1;
            }
        }
    }

    /// What an answer depends on besides the request's parameters, which always count.
    fn of_caller(&self, value: &Expression, at: &At<'_>, found: &mut Vec<Diagnostic>) {
        if matches!(value, Expression::Read(Source::Principal, _)) {
            return self.one(value, at, found);
        }
        found.push(
            self.context
                .at_value(codes::CACHE, at, format!("`{value}` does not say who calls"))
                .because("answers are kept apart by their parameters in any case")
                .fix("write `principal.id`, `principal.role` or `principal.tier`"),
        );
    }

    fn unreadable(&self, value: &Expression) -> Option<Unreadable> {
        let Expression::Read(source, path) = value.innermost() else { return None };
        let name = path.first().map(String::as_str).unwrap_or_default();
        match source {
            Source::Body => self.body(path),
            Source::Path => self.path(name),
            Source::Query => self.query(name),
            Source::Principal => self.principal(name),
            Source::Token if self.token => None,
            Source::Token => Some(Unreadable::not_here(
                "token",
                self.place,
                "it is there in the `principal` of a `jwt` scheme",
            )),
            Source::Key if self.key && name == "hash" => None,
            Source::Key if self.key => {
                Some(Unreadable::member("key", name, &["hash"], Some("hash")))
            }
            Source::Key => Some(Unreadable::not_here(
                "key",
                self.place,
                "it is there in the `principal` of an `api_key` scheme",
            )),
            Source::Let => self.value_of_let(name),
            Source::Config => self.config(name),
            Source::Upload => self.upload(name),
        }
    }

    fn body(&self, path: &[String]) -> Option<Unreadable> {
        let Some(route) = self.route else {
            return Some(Unreadable::not_here(
                "body",
                self.place,
                "read something that is there, such as `config.NAME`, `now` or a fixed value",
            ));
        };
        let Some(body) = &route.body else {
            return Some(Unreadable::not_here(
                "body",
                "a route without one",
                "add `body: <schema>` to the route",
            ));
        };
        let mut schema = self.context.schema(body)?;
        let mut so_far = "body".to_owned();
        for name in path {
            let Some(property) = schema.properties.get(name) else {
                return Some(self.no_property(&so_far, name, schema));
            };
            so_far = format!("{so_far}.{name}");
            schema = self.context.resolve(property)?;
        }
        None
    }

    fn no_property(&self, so_far: &str, name: &str, schema: &Schema) -> Unreadable {
        let known: Vec<&str> = schema.properties.keys().map(String::as_str).collect();
        let close = self.context.closest(name, known.iter().copied());
        Unreadable::member(so_far, name, &known, close)
    }

    fn path(&self, name: &str) -> Option<Unreadable> {
        let Some(route) = self.route else {
            return Some(Unreadable::not_here(
                "path",
                self.place,
                "read something that is there, such as `config.NAME`, `now` or a fixed value",
            ));
        };
        if route.path.contains_key(name) {
            return None;
        }
        let known: Vec<&str> = route.path.keys().map(String::as_str).collect();
        let close = self.context.closest(name, known.iter().copied());
        Some(Unreadable::member("path", name, &known, close))
    }

    fn query(&self, name: &str) -> Option<Unreadable> {
        let Some(route) = self.route else {
            return Some(Unreadable::not_here(
                "query",
                self.place,
                "read something that is there, such as `config.NAME`, `now` or a fixed value",
            ));
        };
        let Some(query) = &route.query else {
            return Some(Unreadable::not_here(
                "query",
                "a route without one",
                "add `query: <schema>` to the route",
            ));
        };
        let schema = self.context.schema(query)?;
        (!schema.properties.contains_key(name)).then(|| self.no_property("query", name, schema))
    }

    fn principal(&self, name: &str) -> Option<Unreadable> {
        const MEMBERS: [&str; 4] = ["id", "role", "tier", "key_id"];
        const LAUNCHED: [&str; 2] = ["id", "role"];
        let Some(route) = self.route else {
            return Some(Unreadable::not_here(
                "principal",
                self.place,
                "read something that is there, such as `config.NAME`, `now` or a fixed value",
            ));
        };
        if self.launched && LAUNCHED.contains(&name) {
            return None;
        }
        if !self.context.has_principal(route) {
            let place = "a route that does not know who calls";
            return Some(Unreadable::not_here(
                "principal",
                place,
                "let callers authenticate by a `jwt` or `api_key` scheme",
            ));
        }
        if MEMBERS.contains(&name) {
            return None;
        }
        let close = self.context.closest(name, MEMBERS.into_iter());
        Some(Unreadable::member("principal", name, &MEMBERS, close))
    }

    fn value_of_let(&self, name: &str) -> Option<Unreadable> {
        if self.values.contains(&name) {
            return None;
        }
        let close = self.context.closest(name, self.values.iter().copied());
        Some(Unreadable::member("let", name, &self.values, close))
    }

    fn upload(&self, name: &str) -> Option<Unreadable> {
        if !self.upload {
            let fix = "it is there in the `record` of an `upload`";
            return Some(Unreadable::not_here("upload", self.place, fix));
        }
        if MEMBERS.contains(&name) {
            return None;
        }
        let close = self.context.closest(name, MEMBERS.into_iter());
        Some(Unreadable::member("upload", name, &MEMBERS, close))
    }

    fn config(&self, name: &str) -> Option<Unreadable> {
        if self.context.has(Kind::Var, name) {
            return None;
        }
        if self.context.has(Kind::Secret, name) {
            return Some(Unreadable {
                code: codes::SECRET_READ,
                message: format!("`{name}` is a secret, and secrets are not values"),
                cause: Some(
                    "a secret that is handed to a query ends in a database or a log".to_owned(),
                ),
                fix: Some("use a variable, or handle it in a custom operation".to_owned()),
            });
        }
        let known: Vec<&str> =
            self.context.service.config.vars.keys().map(String::as_str).collect();
        let close = self.context.closest(name, known.iter().copied());
        Some(Unreadable::member("config", name, &known, close))
    }
}

impl Unreadable {
    fn not_here(source: &str, place: &str, fix: &str) -> Self {
        Self {
            code: codes::NOT_HERE,
            message: format!("`{source}` cannot be read in {place}"),
            cause: None,
            fix: Some(fix.to_owned()),
        }
    }

    fn member(of: &str, name: &str, known: &[&str], close: Option<&str>) -> Self {
        let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let cause = match listed.as_slice() {
            [] => format!("`{of}` has no members here"),
            names => format!("`{of}` has {}", names.join(", ")),
        };
        let fix = close.map(|close| format!("did you mean `{of}.{close}`?"));
        Self {
            code: codes::NO_MEMBER,
            message: format!("`{of}` has no member `{name}`"),
            cause: Some(cause),
            fix: fix.or_else(|| Some("use a member that is there, or declare this one".to_owned())),
        }
    }

    fn at(self, place: Location) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(self.code, place, self.message);
        diagnostic.cause = self.cause;
        match self.fix {
            Some(fix) => diagnostic.fix(fix),
            None => diagnostic,
        }
    }
}
