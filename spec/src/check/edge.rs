//! Environments on their platform: addresses that can be routed, names and sizes that it accepts, and no variable
//! forgotten.

use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Binding, Environment, Service, Target, WorkerRoute};
use crate::load::SourceMap;

/// Looks at what only matters on one platform; `services` are those that run in the environment.
pub(super) fn check(
    environment: &Environment,
    source: &SourceMap,
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    if environment.target != Target::Workers {
        only_workers(environment, source, found);
        sizes(environment, source, services, found);
        return;
    }
    for (index, route) in environment.routes.iter().flatten().enumerate() {
        form(route, index, source, found);
    }
    reached(environment, source, found);
    for (_, service) in services {
        required(environment, source, service, found);
        worker(environment, source, service, found);
        for (name, binding) in &service.bindings {
            no_pool(environment, source, name, found);
            resource(environment, source, name, binding, found);
        }
    }
}

fn only_workers(environment: &Environment, source: &SourceMap, found: &mut Vec<Diagnostic>) {
    let keys = [
        ("routes", environment.routes.is_some()),
        ("resources", !environment.resources.is_empty() && environment.target != Target::Container),
        ("differs", !environment.differs.is_empty()),
    ];
    for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_TARGET,
                source.key_of(&[key]),
                format!("only the target `workers` has `{key}`"),
            )
            .fix(format!("write `target: workers`, or remove `{key}`"))
            .label(source.span_of(&["target"]), "another target"),
        );
    }
}

/// In containers a resource is reached by an address, which is a secret: all that is said here is how many
/// connections a database has.
fn sizes(
    environment: &Environment,
    source: &SourceMap,
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    if environment.target != Target::Container {
        return;
    }
    let is_sql = |name: &String| {
        let mut bindings = services.iter().filter_map(|(_, service)| service.bindings.get(name));
        bindings.any(|binding| matches!(binding, Binding::Sql { .. }))
    };
    for (name, resource) in &environment.resources {
        for (key, _) in [("name", &resource.name), ("dead_letter", &resource.dead_letter)]
            .into_iter()
            .filter(|(_, given)| given.is_some())
        {
            let place = source.key_of(&["resources", name, key]);
            let message = format!("only the target `workers` has `{key}` of a resource");
            found.push(
                Diagnostic::new(codes::ENVIRONMENT_TARGET, place, message)
                    .because(
                        "a container is told where a store is by a variable such as `DATABASE_URL`",
                    )
                    .fix(format!("remove `{key}`"))
                    .label(source.span_of(&["target"]), "another target"),
            );
        }
        let Some(pool) = resource.pool else { continue };
        if pool == 0 {
            let place = source.span_of(&["resources", name, "pool"]);
            found.push(
                Diagnostic::new(codes::ZERO, place, "0 connections do nothing".to_owned())
                    .fix("give a number such as `50`"),
            );
        } else if !is_sql(name) {
            let place = source.key_of(&["resources", name, "pool"]);
            let message = format!("`{name}` is no SQL database, and has no connections to share");
            found.push(Diagnostic::new(codes::BINDING_VALUE, place, message).fix("remove `pool`"));
        }
    }
}

/// A custom domain is a host; any other route is a pattern within a zone.
fn form(route: &WorkerRoute, index: usize, source: &SourceMap, found: &mut Vec<Diagnostic>) {
    let index = index.to_string();
    let place = source.span_of(&["routes", &index, "pattern"]);
    let host = route.host();
    let problem = if route.pattern.contains("://") || route.pattern.contains(['?', '#', ' ', '@']) {
        Some(("a pattern is a host and a path", "write `example.com/api/*`, without `https://`"))
    } else if host.is_empty() || !host.contains('.') || host.contains(':') {
        Some(("the pattern has no host of a zone", "begin with a host such as `api.example.com`"))
    } else if route.custom_domain && route.pattern.contains(['/', '*']) {
        Some(("a custom domain is a whole host", "write the host only, or `zone:` instead"))
    } else if route.custom_domain && route.zone.is_some() {
        Some(("a custom domain finds its zone itself", "remove `zone` or `custom_domain`"))
    } else if !route.custom_domain && route.zone.is_none() {
        Some(("a pattern needs its zone", "add `zone: <domain>`, or `custom_domain: true`"))
    } else if host.trim_start_matches('*').contains('*') {
        Some(("a wildcard stands at the beginning of a host", "write `*.example.com/*`"))
    } else {
        None
    };
    if let Some((message, fix)) = problem {
        let because = "wrangler takes most wrong patterns, and the platform refuses the deployment";
        found.push(
            Diagnostic::new(codes::ENVIRONMENT_ROUTE, place, message).because(because).fix(fix),
        );
        return;
    }
    if let Some(zone) = &route.zone
        && host.trim_start_matches("*.").trim_start_matches('*') != zone
        && !host.ends_with(&format!(".{zone}"))
    {
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_ROUTE,
                source.span_of(&["routes", &index, "zone"]),
                format!("`{host}` is not in the zone `{zone}`"),
            )
            .because("a zone has its domain and the hosts below it")
            .fix("correct the zone or the pattern"),
        );
    }
}

/// What the checks call is what the worker answers.
fn reached(environment: &Environment, source: &SourceMap, found: &mut Vec<Diagnostic>) {
    let (Some(_), Some(host)) = (&environment.routes, environment.host()) else { return };
    if environment.start.is_none() && !environment.worker_routes().iter().any(|r| r.covers(host)) {
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_ROUTE,
                source.span_of(&["url"]),
                format!("no route brings requests for `{host}` to the worker"),
            )
            .because("checks would call something else than what is deployed")
            .fix(format!("add a route for `{host}`, or correct the address"))
            .label(source.key_of(&["routes"]), "these are routed"),
        );
    }
}

/// Every variable has a value: a worker gets none from its machine.
fn required(
    environment: &Environment,
    source: &SourceMap,
    service: &Service,
    found: &mut Vec<Diagnostic>,
) {
    for (name, var) in &service.config.vars {
        let given = environment.vars.contains_key(name);
        if var.default.is_none() && var.from.is_none() && !given {
            found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_LACKS,
                    source.key_of(&["environment"]),
                    format!("the variable `{name}` has no value here"),
                )
                .because(format!(
                    "it has no default, so `{}` would not start",
                    service.service.name
                ))
                .fix(format!("add `vars: {{{name}: <value>}}`, or a default in the spec")),
            );
        }
    }
}

/// The name of the worker is part of host names.
fn worker(
    environment: &Environment,
    source: &SourceMap,
    service: &Service,
    found: &mut Vec<Diagnostic>,
) {
    let name = environment.worker_name(&service.service.name);
    if name.len() > 63 || !name.chars().all(is_plain) {
        found.push(
            Diagnostic::new(
                codes::PLATFORM_NAME,
                source.span_of(&["environment"]),
                format!("the platform does not accept `{name}` as the name of a worker"),
            )
            .because("it has up to 63 lower-case letters, digits and hyphens; the environment's name is its end")
            .fix("give the environment a shorter name of such characters"),
        );
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// A worker's database has no connections to count.
fn no_pool(environment: &Environment, source: &SourceMap, name: &str, found: &mut Vec<Diagnostic>) {
    if environment.resources.get(name).is_some_and(|given| given.pool.is_some()) {
        let message = "only the target `container` has `pool` of a resource".to_owned();
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_TARGET,
                source.key_of(&["resources", name, "pool"]),
                message,
            )
            .because("a worker reaches its database without connections of its own")
            .fix("remove `pool`")
            .label(source.span_of(&["target"]), "another target"),
        );
    }
}

/// What a resource is called in this environment.
fn resource(
    environment: &Environment,
    source: &SourceMap,
    name: &str,
    binding: &Binding,
    found: &mut Vec<Diagnostic>,
) {
    let mut look = |key: &str, own: &str, called: &str, rule: &NameRule| {
        let given = source.has(&["resources", name, key]);
        // What is wrong with a name in the spec is said there, once.
        if rule.fits(called) || (!given && !rule.fits(own)) {
            return;
        }
        let place = if given {
            source.span_of(&["resources", name, key])
        } else {
            source.span_of(&["environment"])
        };
        found.push(
            Diagnostic::new(
                codes::PLATFORM_NAME,
                place,
                format!("the platform does not accept the name `{called}`, of `{name}`"),
            )
            .because(rule.says)
            .fix(format!("write `resources: {{{name}: {{{key}: <name>}}}}` with a name that fits")),
        );
    };
    match binding {
        Binding::Queue { queue, dead_letter, .. } => {
            look("name", queue, &environment.resource_name(name, queue), &NameRule::QUEUE);
            if let Some(dead) = dead_letter {
                let called = environment.dead_letter_name(name, &dead.queue);
                look("dead_letter", &dead.queue, &called, &NameRule::QUEUE);
            }
            queue_ends(environment, source, name, binding, found);
        }
        Binding::Blob { bucket, .. } => {
            look("name", bucket, &environment.resource_name(name, bucket), &NameRule::BUCKET);
        }
        Binding::Sql { database: Some(database), .. } => {
            look("name", database, &environment.resource_name(name, database), &NameRule::DATABASE);
        }
        Binding::Analytics { dataset } => {
            look("name", dataset, &environment.dataset_name(name, dataset), &NameRule::DATASET);
        }
        Binding::Vector { index, .. } => {
            look("name", index, &environment.resource_name(name, index), &NameRule::QUEUE);
        }
        Binding::Sql { .. }
        | Binding::Kv { .. }
        | Binding::Ai { .. }
        | Binding::Room { .. }
        | Binding::Upstream { .. } => {}
    }
}

/// The worker is told a batch's queue by its name in the environment, and has to know it again.
fn queue_ends(
    environment: &Environment,
    source: &SourceMap,
    name: &str,
    binding: &Binding,
    found: &mut Vec<Diagnostic>,
) {
    let Binding::Queue { queue, dead_letter, .. } = binding else { return };
    let dead = dead_letter.as_ref().map_or("", |dead| dead.queue.as_str());
    let given = environment.resources.get(name);
    let parts = [
        ("name", queue.as_str(), given.and_then(|given| given.name.as_deref())),
        ("dead_letter", dead, given.and_then(|given| given.dead_letter.as_deref())),
    ];
    for (key, own, given) in parts {
        let Some(given) = given else { continue };
        if own.is_empty() || (given != own && !given.starts_with(&format!("{own}-"))) {
            let (message, fix) = if own.is_empty() {
                (format!("`{name}` has no dead-letter queue"), "remove the name".to_owned())
            } else {
                let fix = format!("write `{own}`, or `{own}-` and an end; or remove the name");
                (format!("`{given}` is not known as the queue `{own}`"), fix)
            };
            found.push(
                Diagnostic::new(
                    codes::PLATFORM_NAME,
                    source.span_of(&["resources", name, key]),
                    message,
                )
                .because("a worker is told only the name of the queue that a batch comes from")
                .fix(fix),
            );
        }
    }
}

/// What a kind of resource can be called.
pub(super) struct NameRule {
    shortest: usize,
    longest: usize,
    lower: bool,
    between: &'static str,
    /// The same for people.
    pub(super) says: &'static str,
}

impl NameRule {
    /// A queue, and a worker.
    pub(super) const QUEUE: Self = Self {
        shortest: 1,
        longest: 63,
        lower: true,
        between: "-",
        says: "names have up to 63 lower-case letters, digits and hyphens, and no hyphen at an end",
    };
    /// An R2 bucket.
    pub(super) const BUCKET: Self = Self {
        shortest: 3,
        longest: 63,
        lower: true,
        between: "-",
        says: "a bucket's name has 3 to 63 lower-case letters, digits and hyphens, and no hyphen at an end",
    };
    /// A D1 database.
    pub(super) const DATABASE: Self = Self {
        shortest: 1,
        longest: 63,
        lower: false,
        between: "-_",
        says: "a database's name has up to 63 letters, digits, hyphens and underscores, and begins and ends with neither of these",
    };
    /// An Analytics Engine dataset, which is the name of a table in SQL.
    pub(super) const DATASET: Self = Self {
        shortest: 1,
        longest: 63,
        lower: false,
        between: "_",
        says: "a dataset's name has up to 63 letters, digits and underscores, and no underscore at an end: it is a table in queries",
    };

    /// Whether it can be called this.
    pub(super) fn fits(&self, name: &str) -> bool {
        let letter = |c: char| {
            c.is_ascii_digit() || c.is_ascii_lowercase() || (!self.lower && c.is_ascii_uppercase())
        };
        (self.shortest..=self.longest).contains(&name.len())
            && name.chars().all(|c| letter(c) || self.between.contains(c))
            && name.starts_with(letter)
            && name.ends_with(letter)
    }
}
