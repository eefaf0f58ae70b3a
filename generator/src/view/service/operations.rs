//! What each declared route does, as the body of a function.

use std::collections::BTreeSet;

use proofline_spec::document::{
    Answer, Control, Enqueue, EnterRoom, Expression, FlagControl, Health, HealthKind, LogIn, Map,
    Operation, Replay, Route, RouteKey, Search, Service, Source, Transaction, Upload,
};
use serde::Serialize;

use super::expressions::{self, Scope};
use super::literals;
use super::types::is_optional;
use crate::view::names;
use crate::view::prose::prose;

/// Everything that the module `operations` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Operations {
    pub(crate) operations: Vec<OperationView>,
    /// What is written with the files that routes take.
    pub(crate) records: Vec<RecordView>,
    /// What of `definition` the operations refer to.
    pub(crate) definitions: Vec<String>,
    /// What of `types` they refer to.
    pub(crate) types: Vec<String>,
    /// What of the runtime they use.
    pub(crate) runtime: Vec<&'static str>,
    /// What of the runtime's operations they use.
    pub(crate) operation_types: Vec<&'static str>,
    pub(crate) has_statements: bool,
    pub(crate) has_assets: bool,
}

/// A function.
#[derive(Debug, Serialize)]
pub(crate) struct OperationView {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) body: String,
}

/// A function that says what is written with a file.
#[derive(Debug, Serialize)]
pub(crate) struct RecordView {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// Its parameters' names, with an underscore where it does not use them.
    pub(crate) call: &'static str,
    pub(crate) upload: &'static str,
    pub(crate) body: String,
}

/// Every operation that is not custom, in the order of the spec.
pub(crate) fn operations(service: &Service) -> Operations {
    let mut refers = Refers::default();
    let operations: Vec<OperationView> = service
        .routes
        .iter()
        .filter(|(_, route)| !matches!(route.op, Operation::Custom(_)))
        .map(|(key, route)| OperationView {
            name: names::operation(key),
            doc: doc(key, route),
            body: body(service, key, route, &mut refers),
        })
        .collect();
    let records = records(service);
    let bodies = operations.iter().map(|o| o.body.as_str());
    let all: String = bodies.chain(records.iter().map(|r| r.body.as_str())).collect();
    let runtime =
        ["Answer", "AsJson", "Batch", "Failure", "Received", "hash_token", "search_terms"]
            .into_iter()
            .filter(|name| match *name {
                "Batch" | "Failure" | "Received" => !records.is_empty(),
                name => all.contains(&format!("{name}::")) || all.contains(&format!("{name}(")),
            })
            .collect();
    let operation_types = ["Check", "Login", "Transaction"]
        .into_iter()
        .filter(|name| all.contains(&format!("{name}::")) || all.contains(&format!("{name} {{")))
        .collect();
    Operations {
        definitions: refers.definitions.into_iter().collect(),
        types: refers.types.into_iter().collect(),
        runtime,
        operation_types,
        has_statements: all.contains("statements::"),
        has_assets: all.contains("assets::"),
        operations,
        records,
    }
}

/// One line for a function that answers a route.
pub(crate) fn doc(key: &RouteKey, route: &Route) -> String {
    let summary = route.summary.as_deref().unwrap_or_default();
    let summary = prose(summary);
    if summary.is_empty() { format!("`{key}`") } else { format!("`{key}`: {summary}") }
}

#[derive(Default)]
struct Refers {
    definitions: BTreeSet<String>,
    types: BTreeSet<String>,
}

fn body(service: &Service, key: &RouteKey, route: &Route, refers: &mut Refers) -> String {
    let scope = Scope { service, route: Some(route) };
    let mut lines = Vec::new();
    let used = |source: Source| {
        expressions_of(route).iter().any(|e| crate::view::policies::reads(e, source))
    };
    if used(Source::Body)
        && let Some(name) = &route.body
    {
        let ty = names::pascal(name);
        lines.push(format!("let body: {ty} = call.body()?;"));
        refers.types.insert(ty);
    }
    if used(Source::Query)
        && let Some(name) = &route.query
    {
        let ty = names::pascal(name);
        lines.push(format!("let query: {ty} = call.query()?;"));
        refers.types.insert(ty);
    }
    if used(Source::Principal) {
        lines.push("let principal = call.principal()?;".to_owned());
    }
    let status = success_status(route);
    match &route.op {
        Operation::Health(check) => lines.push(health(check)),
        Operation::Query(run) => {
            let with = with(scope, &run.with, &mut lines);
            let statement = names::screaming(&run.run);
            lines.push(format!("let statement = statements::{statement}.with({with});"));
            lines.push(format!("operation::query(call, statement, {status}).await"));
        }
        Operation::Transaction(transaction) => {
            let_values(scope, transaction, &mut lines);
            let code = transaction_of(scope, transaction, status, &mut lines);
            lines.push(code);
        }
        Operation::Login(login) => {
            let code = login_of(scope, login, refers, &mut lines);
            lines.push(code);
        }
        Operation::Search(search) => {
            lines.push(search_of(scope, search, status));
        }
        Operation::Enqueue(enqueue) => {
            let code = enqueue_of(scope, route, enqueue, status, refers);
            lines.push(code);
        }
        Operation::DeadLetters(letters) => {
            let queue = literals::text(&letters.queue);
            lines.push(format!("operation::dead_letters(call, {queue}, {status}).await"));
        }
        Operation::Replay(replay) => {
            let code = replay_of(scope, replay, status, refers);
            lines.push(code);
        }
        Operation::Upload(_) => {
            let record = record_name(&names::operation(key));
            lines.push(format!("operation::upload(call, {record}, {status}).await"));
        }
        Operation::Resume(of) => {
            // The spec's checks refuse what is no route.
            let of = of.parse::<RouteKey>().map(|key| names::operation(&key)).unwrap_or_default();
            lines.push(format!("operation::resume(call, {}).await", record_name(&of)));
        }
        Operation::Download(download) => {
            let with = with(scope, &download.with, &mut lines);
            let statement = names::screaming(&download.run);
            let (from, how) = (literals::text(&download.from), download.disposition.name());
            lines.push(format!("let file = statements::{statement}.with({with});"));
            lines.push(format!(
                "operation::download(call, {from}, file, {}).await",
                literals::text(how)
            ));
        }
        Operation::Room(enter) => {
            let code = room_of(scope, enter, &mut lines);
            lines.push(code);
        }
        Operation::Flags(control) => lines.push(flags_of(*control).to_owned()),
        Operation::Switches(control) => lines.push(switches_of(*control).to_owned()),
        Operation::Lti(step) => {
            lines.push(format!("operation::lti_{}(call).await", step.name()));
        }
        Operation::Asset(_) => {
            let asset = names::screaming(&names::operation(key));
            lines.push(format!("operation::asset(call, &assets::{asset}).await"));
        }
        Operation::Custom(_) => {}
    }
    lines.join("\n")
}

const fn flags_of(control: FlagControl) -> &'static str {
    match control {
        FlagControl::List => "operation::flags(call).await",
        FlagControl::Set => "operation::set_flag(call).await",
        FlagControl::Evaluate => "operation::evaluate_flags(call).await",
    }
}

const fn switches_of(control: Control) -> &'static str {
    match control {
        Control::List => "operation::switches(call).await",
        Control::Set => "operation::set_switch(call).await",
    }
}

fn search_of(scope: Scope<'_>, search: &Search, status: u16) -> String {
    let (index, statement) = (literals::text(&search.binding), names::screaming(&search.run));
    let text = expressions::str_of(scope, &search.text);
    let limit = expressions::parameter(scope, &search.limit);
    format!(
        "operation::search(call, {index}, {text}, {limit}, &statements::{statement}, {status}).await"
    )
}

fn record_name(operation: &str) -> String {
    format!("record_{operation}")
}

/// What is written with the files of each route that takes them.
fn records(service: &Service) -> Vec<RecordView> {
    let uploads = service.routes.iter().filter_map(|(key, route)| match &route.op {
        Operation::Upload(upload) => Some((key, route, upload)),
        _ => None,
    });
    uploads.map(|(key, route, upload)| record(service, key, route, upload)).collect()
}

fn record(service: &Service, key: &RouteKey, route: &Route, upload: &Upload) -> RecordView {
    let scope = Scope { service, route: Some(route) };
    let mut lines = Vec::new();
    let transaction = &upload.record;
    let all = expressions_of_transaction(transaction);
    if all.iter().any(|e| crate::view::policies::reads(e, Source::Principal)) {
        lines.push("let principal = call.principal()?;".to_owned());
    }
    let_values(scope, transaction, &mut lines);
    let mut bound = |query: &str, map: &Map<Expression>| {
        let with = with(scope, map, &mut lines);
        format!("statements::{}.with({with})", names::screaming(query))
    };
    let once = transaction.once.as_ref().map(|once| bound(&once.query, &once.with));
    let once = once.map_or("None".to_owned(), |code| format!("Some({code})"));
    let steps: Vec<String> =
        transaction.steps.iter().map(|step| bound(&step.query, &step.with)).collect();
    lines.push(format!("let once = {once};\nlet steps = [{}].into();", steps.join(", ")));
    lines.push("Ok(Batch { once, steps })".to_owned());
    let body = lines.join("\n");
    RecordView {
        name: record_name(&names::operation(key)),
        doc: format!("What is written with a file of `{key}`."),
        call: if body.contains("call.") { "call" } else { "_call" },
        upload: if body.contains("upload.") { "upload" } else { "_upload" },
        body,
    }
}

/// The one status below 300 that the route declares.
pub(crate) fn success_status(route: &Route) -> u16 {
    route.returns.keys().filter_map(|s| s.parse().ok()).find(|s| *s < 300).unwrap_or(200)
}

fn health(health: &Health) -> String {
    let operation = match health.kind {
        HealthKind::Liveness => return "operation::liveness(call).await".to_owned(),
        HealthKind::Readiness => "readiness",
        HealthKind::Detail => "health",
    };
    let check = |kind: &str, binding: &String| {
        let name = health.names.get(binding).cloned().unwrap_or_else(|| binding.to_lowercase());
        format!("Check::{kind}({}, {})", literals::text(binding), literals::text(&name))
    };
    let checks: Vec<String> = health
        .required
        .iter()
        .map(|binding| check("required", binding))
        .chain(health.optional.iter().map(|binding| check("optional", binding)))
        .collect();
    format!("let checks = [{}];\noperation::{operation}(call, &checks).await", checks.join(", "))
}

/// `&[("id", &id), …]`; what takes time is made before.
fn with(scope: Scope<'_>, with: &Map<Expression>, lines: &mut Vec<String>) -> String {
    let pairs: Vec<String> = with
        .iter()
        .map(|(name, expression)| {
            let value = if let Expression::HashPassword(_) = expression {
                let variable = names::field(name);
                let code = expressions::value(scope, expression).text;
                let line = format!("let {variable} = {code};");
                if !lines.contains(&line) {
                    lines.push(line);
                }
                format!("&{variable}")
            } else {
                expressions::parameter(scope, expression)
            };
            format!("({}, {value})", literals::text(name))
        })
        .collect();
    format!("&[{}]", pairs.join(", "))
}

fn let_values(scope: Scope<'_>, transaction: &Transaction, lines: &mut Vec<String>) {
    for (name, expression) in &transaction.values {
        let code = match expression {
            Expression::Read(Source::Path, _) => expressions::value(scope, expression).text,
            Expression::Read(..) => format!("&{}", expressions::value(scope, expression).text),
            _ => expressions::value(scope, expression).text,
        };
        lines.push(format!("let {} = {code};", names::field(name)));
    }
}

fn transaction_of(
    scope: Scope<'_>,
    transaction: &Transaction,
    status: u16,
    lines: &mut Vec<String>,
) -> String {
    let mut bound = |query: &str, map: &Map<Expression>| {
        let with = with(scope, map, lines);
        format!("statements::{}.with({with})", names::screaming(query))
    };
    let once = transaction.once.as_ref().map(|once| bound(&once.query, &once.with));
    let steps: Vec<String> =
        transaction.steps.iter().map(|step| bound(&step.query, &step.with)).collect();
    let (made, given) = match once {
        Some(code) => (format!("let once = Some({code});\n"), "once"),
        None => (String::new(), "once: None"),
    };
    let steps = steps.join(", ");
    let Some(row) = &transaction.index else {
        return format!(
            "{made}let steps = [{steps}];\n\
             operation::transaction(call, Transaction {{ {given}, steps }}, {status}).await"
        );
    };
    let (index, id) = (literals::text(&row.binding), expressions::str_of(scope, &row.id));
    format!(
        "{made}let steps = [{steps}];\n\
         let answer = operation::transaction(call, Transaction {{ {given}, steps }}, {status}).await?;\n\
         operation::index(call, {index}, {id}).await;\nOk(answer)"
    )
}

fn login_of(
    scope: Scope<'_>,
    login: &LogIn,
    refers: &mut Refers,
    lines: &mut Vec<String>,
) -> String {
    let scheme = format!("{}_AUTH", names::screaming(&login.scheme));
    let otherwise = names::screaming(&login.otherwise);
    let account = with(scope, &login.with, lines);
    let code = format!(
        "let login = Login {{ scheme: &{scheme}, account: statements::{}.with({account}), \
         password: {}, otherwise: &{otherwise} }};\noperation::login(call, login).await",
        names::screaming(&login.query),
        expressions::str_of(scope, &login.password)
    );
    refers.definitions.extend([scheme, otherwise]);
    code
}

fn enqueue_of(
    scope: Scope<'_>,
    route: &Route,
    enqueue: &Enqueue,
    status: u16,
    refers: &mut Refers,
) -> String {
    let service = scope.service;
    let schema_name = match service.bindings.get(&enqueue.queue) {
        Some(proofline_spec::document::Binding::Queue { message, .. }) => message.clone(),
        _ => String::new(),
    };
    let ty = names::pascal(&schema_name);
    refers.types.insert(ty.clone());
    let schema = service.schemas.get(&schema_name);
    let fields: Vec<String> = schema
        .iter()
        .flat_map(|schema| {
            schema.properties.iter().map(move |(name, property)| (schema, name, property))
        })
        .map(|(schema, name, property)| {
            let optional = is_optional(schema, name, property) || property.is_nullable();
            let value = match enqueue.message.get(name) {
                Some(expression) => expressions::owned(scope, expression, optional),
                None => "None".to_owned(),
            };
            format!("{}: {value}", names::field(name))
        })
        .collect();
    let mut code = format!("let message = {ty} {{ {} }};\n", fields.join(", "));
    code.push_str(&format!(
        "operation::enqueue(call, {}, &message).await?;\n",
        literals::text(&enqueue.queue)
    ));
    let answer =
        route.returns.iter().find(|(s, _)| s.parse() == Ok(status)).map(|(_, answer)| answer);
    match answer {
        Some(Answer::One(name)) => {
            let ty = names::pascal(name);
            let fields: Vec<String> = service
                .schemas
                .get(name)
                .iter()
                .flat_map(|schema| schema.properties.keys())
                .map(|property| format!("{0}: message.{0}", names::field(property)))
                .collect();
            code.push_str(&format!("Answer::json({status}, &{ty} {{ {} }})", fields.join(", ")));
            refers.types.insert(ty);
        }
        _ => code.push_str(&format!("Ok(Answer::empty({status}))")),
    }
    code
}

fn replay_of(scope: Scope<'_>, replay: &Replay, status: u16, refers: &mut Refers) -> String {
    let problems = [&replay.otherwise, &replay.replayed].map(|problem| names::screaming(problem));
    let code = format!(
        "operation::replay(call, {}, {}, &{}, &{}, {status}).await",
        literals::text(&replay.queue),
        expressions::str_of(scope, &replay.id),
        problems[0],
        problems[1],
    );
    refers.definitions.extend(problems);
    code
}

fn room_of(scope: Scope<'_>, enter: &EnterRoom, lines: &mut Vec<String>) -> String {
    let with = with(scope, &enter.with, lines);
    format!(
        "let member = statements::{}.with({with});\noperation::room(call, {}, {}, member).await",
        names::screaming(&enter.run),
        literals::text(&enter.binding),
        expressions::str_of(scope, &enter.id)
    )
}

/// Every expression of a route's operation.
fn expressions_of(route: &Route) -> Vec<&Expression> {
    match &route.op {
        Operation::Query(run) => run.with.values().collect(),
        Operation::Transaction(transaction) => expressions_of_transaction(transaction),
        Operation::Download(download) => download.with.values().collect(),
        Operation::Room(enter) => enter.with.values().chain([&enter.id]).collect(),
        Operation::Search(search) => vec![&search.text, &search.limit],
        Operation::Login(login) => login.with.values().chain([&login.password]).collect(),
        Operation::Enqueue(enqueue) => enqueue.message.values().collect(),
        Operation::Replay(replay) => vec![&replay.id],
        // What a file is recorded with is another function's.
        Operation::Health(_)
        | Operation::DeadLetters(_)
        | Operation::Flags(_)
        | Operation::Switches(_)
        | Operation::Lti(_)
        | Operation::Asset(_)
        | Operation::Upload(_)
        | Operation::Resume(_)
        | Operation::Custom(_) => Vec::new(),
    }
}

fn expressions_of_transaction(transaction: &Transaction) -> Vec<&Expression> {
    transaction
        .values
        .values()
        .chain(transaction.once.iter().flat_map(|once| once.with.values()))
        .chain(transaction.steps.iter().flat_map(|step| step.with.values()))
        .chain(transaction.index.iter().map(|row| &row.id))
        .collect()
}
