//! Routes as a constant table.

use proofline_spec::document::upload::WITHIN;
use proofline_spec::document::watch::{CONNECTIONS, POLL};
use proofline_spec::document::{
    Expression, Method, Operation, Owner, Route, RouteCache, RouteKey, Service, Source, Watch,
};
use proofline_spec::unit::{Bytes, Duration};
use serde::Serialize;

use super::{flags, literals};
use crate::view::{names, policies};

/// Everything that the module `routes` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Routes {
    pub(crate) routes: Vec<RouteView>,
    /// What of `definition` the routes refer to.
    pub(crate) definitions: Vec<String>,
    /// What of the runtime's definitions the module imports.
    pub(crate) imports: Vec<&'static str>,
    pub(crate) has_durations: bool,
    pub(crate) has_schemas: bool,
    pub(crate) has_statements: bool,
}

/// A route: the fields that differ from the default, as `name: value`.
#[derive(Debug, Serialize)]
pub(crate) struct RouteView {
    pub(crate) fields: Vec<String>,
    /// Whether any field is left to the default.
    pub(crate) rest: bool,
}

/// How many fields the runtime's `Route` has.
const FIELDS: usize = 19;

/// What the runtime's `Route::DEFAULT` says.
const DEFAULT_MAX_BODY: Bytes = Bytes::new(64 * 1024);
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(10_000);

/// What of the runtime's definitions the module may import.
const IMPORTS: [&str; 10] = [
    "Cache",
    "Condition",
    "Method",
    "Operand",
    "Owner",
    "PathParameter",
    "Resumable",
    "Route",
    "Upload",
    "Watch",
];

/// Every route, in the order of the spec.
pub(crate) fn routes(service: &Service) -> Routes {
    let mut definitions = Vec::new();
    let routes: Vec<RouteView> = service
        .routes
        .iter()
        .map(|(key, route)| {
            let fields = fields(service, key, route, &mut definitions);
            RouteView { rest: fields.len() < FIELDS, fields }
        })
        .collect();
    definitions.sort_unstable();
    definitions.dedup();
    let all: String = routes.iter().flat_map(|r| r.fields.iter().map(String::as_str)).collect();
    let imports = IMPORTS
        .into_iter()
        .filter(|name| {
            *name == "Route"
                || all.contains(&format!("{name}::"))
                || all.contains(&format!("{name} {{"))
        })
        .collect();
    Routes {
        definitions,
        imports,
        has_durations: all.contains("Duration::"),
        has_schemas: all.contains("schemas::"),
        has_statements: all.contains("statements::"),
        routes,
    }
}

fn fields(
    service: &Service,
    key: &RouteKey,
    route: &Route,
    definitions: &mut Vec<String>,
) -> Vec<String> {
    let mut fields = vec![
        format!("method: Method::{}", method(key.method)),
        format!("path: {}", literals::text(&key.path)),
        format!("operation: {}", literals::text(&names::operation(key))),
    ];
    let mut refer = |names: Vec<&str>, suffix: &str| {
        let names: Vec<String> =
            names.into_iter().map(|name| format!("{}{suffix}", names::screaming(name))).collect();
        definitions.extend(names.iter().cloned());
        format!("&[{}]", names.iter().map(|name| format!("&{name}")).collect::<Vec<_>>().join(", "))
    };
    let schemes = policies::schemes(service, route);
    if !schemes.is_empty() {
        fields.push(format!("auth: {}", refer(schemes, "_AUTH")));
    }
    if let Some(roles) = &route.roles {
        fields.push(format!("roles: {}", literals::texts(roles.iter().map(String::as_str))));
    }
    let limits = policies::limits(service, route);
    if !limits.is_empty() {
        fields.push(format!("limits: {}", refer(limits, "_LIMIT")));
    }
    if !route.path.is_empty() {
        let parameters: Vec<String> = route
            .path
            .iter()
            .map(|(name, schema)| {
                let (name, schema) = (literals::text(name), names::screaming(schema));
                format!("PathParameter {{ name: {name}, schema: &schemas::{schema} }}")
            })
            .collect();
        fields.push(format!("path_parameters: &[{}]", parameters.join(", ")));
    }
    let schema = |name: &String| format!("Some(&schemas::{})", names::screaming(name));
    fields.extend(route.query.as_ref().map(|name| format!("query: {}", schema(name))));
    fields.extend(route.body.as_ref().map(|name| format!("body: {}", schema(name))));
    let max_body = route.max_body.unwrap_or(service.defaults.max_body);
    if max_body != DEFAULT_MAX_BODY {
        fields.push(format!("max_body: {}", literals::number(max_body.get())));
    }
    let timeout = route.timeout.unwrap_or(service.defaults.timeout);
    if timeout != DEFAULT_TIMEOUT {
        fields.push(format!("timeout: {}", literals::duration(timeout)));
    }
    if let Some(owner) = &route.owner {
        definitions.push(names::screaming(&owner.otherwise));
        fields.push(format!("owner: Some({})", owner_of(owner)));
    }
    if let Some(cache) = &route.cache {
        let tags = literals::texts(cache.tags.iter().map(String::as_str));
        let (store, ttl) = (literals::text(&cache.binding), literals::duration(cache.ttl));
        let stale = literals::duration(cache.stale_if_error.unwrap_or(Duration::from_millis(0)));
        let vary = vary(!policies::schemes(service, route).is_empty(), cache);
        fields.push(format!(
            "cache: Some(Cache {{ store: {store}, ttl: {ttl}, stale_if_error: {stale}, vary: &[{vary}], tags: {tags} }})"
        ));
    }
    fields.extend(upload(service, key, route).map(|upload| format!("upload: Some(&{upload})")));
    if let Some(watch) = &route.watch {
        let (field, flag) = watch_of(service, watch);
        definitions.extend(flag);
        fields.push(field);
    }
    if let Operation::Room(enter) = &route.op {
        fields.push(format!("room: Some({})", literals::text(&enter.binding)));
    }
    if !route.invalidates.is_empty() {
        let tags = literals::texts(route.invalidates.iter().map(String::as_str));
        fields.push(format!("invalidates: {tags}"));
    }
    if let Some(condition) = &route.when {
        let (field, refers) = flags::condition(condition);
        definitions.extend(refers);
        fields.push(field);
    }
    if matches!(route.op, Operation::Switches(_)) {
        fields.push("switches: true".to_owned());
    }
    if matches!(route.op, Operation::Lti(step) if step.takes_a_form()) {
        fields.push("form: true".to_owned());
    }
    fields
}

/// Which files a route takes: its own, or those of the route with whose uploads it goes on.
fn upload(service: &Service, key: &RouteKey, route: &Route) -> Option<String> {
    let text = key.to_string();
    let (name, upload) = match &route.op {
        Operation::Upload(upload) => (&text, upload),
        Operation::Resume(of) => {
            let of_route = service.routes.iter().find(|(key, _)| key.to_string() == *of);
            match &of_route?.1.op {
                Operation::Upload(upload) => (of, upload),
                _ => return None,
            }
        }
        _ => return None,
    };
    let resumes = |route: &Route| matches!(&route.op, Operation::Resume(of) if of == name);
    let at = service.routes.iter().find(|(_, route)| resumes(route));
    let resumable = at.zip(upload.keep).map(|((key, _), keep)| {
        format!(
            "Resumable {{ at: {}, parameter: {}, keep: {} }}",
            literals::text(&key.path),
            literals::text(key.parameters().next().unwrap_or_default()),
            literals::duration(keep)
        )
    });
    let option = |value: Option<String>| value.map_or("None".to_owned(), |v| format!("Some({v})"));
    Some(format!(
        "Upload {{ to: {}, accept: {}, max_size: {}, max_pixels: {}, within: {}, resumable: {} }}",
        literals::text(&upload.to),
        literals::texts(upload.accept.iter().map(String::as_str)),
        literals::number(upload.max_size.get()),
        option(upload.pixels().map(literals::number)),
        literals::duration(upload.within.unwrap_or(WITHIN)),
        option(resumable)
    ))
}

/// How a route is followed, and the flag that it refers to.
fn watch_of(service: &Service, watch: &Watch) -> (String, Option<String>) {
    let machine = service.machines.get(&watch.machine);
    let states = machine.and_then(|machine| service.schemas.get(&machine.states));
    let states = states.and_then(|schema| schema.variants.as_deref()).unwrap_or_default();
    let ends = machine.map(|machine| machine.ends(states).map(String::as_str));
    let flag = watch.flag.as_deref().map(flags::constant);
    let text = format!(
        "watch: Some(&Watch {{ state: {}, ends: {}, poll: {}, connections: {}, flag: {} }})",
        literals::text(machine.map_or("", |machine| &machine.read.at)),
        literals::texts(ends.into_iter().flatten()),
        literals::duration(watch.poll.unwrap_or(POLL)),
        literals::number(watch.connections.unwrap_or(CONNECTIONS).into()),
        flag.as_ref().map_or_else(|| "None".to_owned(), |flag| format!("Some(&{flag})"))
    );
    (text, flag)
}

/// What of the caller a cached answer depends on: everything that an operation can see of it, unless the spec says less.
fn vary(is_authenticated: bool, cache: &RouteCache) -> String {
    let operands: Vec<String> = match &cache.vary {
        Some(vary) => vary.iter().map(operand).collect(),
        None if is_authenticated => ["Id", "Role", "Tier", "KeyId"]
            .map(|member| format!("Operand::Principal{member}"))
            .to_vec(),
        None => Vec::new(),
    };
    operands.join(", ")
}

pub(super) const fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "Get",
        Method::Post => "Post",
        Method::Put => "Put",
        Method::Patch => "Patch",
        Method::Delete => "Delete",
    }
}

fn owner_of(owner: &Owner) -> String {
    let with: Vec<String> = owner
        .with
        .iter()
        .map(|(name, value)| format!("({}, {})", literals::text(name), operand(value)))
        .collect();
    format!(
        "Owner {{ statement: &statements::{}, with: &[{}], otherwise: &{} }}",
        names::screaming(&owner.query),
        with.join(", "),
        names::screaming(&owner.otherwise)
    )
}

/// What a policy can read before the operation runs; others are refused by the spec's checks.
fn operand(expression: &Expression) -> String {
    match expression {
        Expression::Read(Source::Path, path) => {
            format!("Operand::Path({})", literals::text(&path.join(".")))
        }
        Expression::Read(Source::Query, path) => {
            format!("Operand::Query({})", literals::text(&path.join(".")))
        }
        Expression::Read(Source::Body, path) => {
            format!("Operand::Body({})", literals::text(&format!("/{}", path.join("/"))))
        }
        Expression::Read(Source::Principal, path) => match path.first().map(String::as_str) {
            Some("role") => "Operand::PrincipalRole".to_owned(),
            Some("tier") => "Operand::PrincipalTier".to_owned(),
            Some("key_id") => "Operand::PrincipalKeyId".to_owned(),
            _ => "Operand::PrincipalId".to_owned(),
        },
        Expression::Text(text) => format!(
            "Operand::Literal(proofline_runtime::schema::Constant::Text({}))",
            literals::text(text)
        ),
        Expression::Integer(number) => {
            format!("Operand::Literal(proofline_runtime::schema::Constant::Integer({number}))")
        }
        Expression::Number(number) => {
            format!("Operand::Literal(proofline_runtime::schema::Constant::Number({number:?}))")
        }
        Expression::Boolean(value) => {
            format!("Operand::Literal(proofline_runtime::schema::Constant::Boolean({value}))")
        }
        _ => "Operand::Literal(proofline_runtime::schema::Constant::Null)".to_owned(),
    }
}
