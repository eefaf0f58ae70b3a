//! Environments: what they name exists, public ones are reached over HTTPS, and permits make sense.

use std::path::Path;

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, Location, codes};
use crate::document::{Auth, Credential, Environment, Service, Start};
use crate::load::{SourceMap, nearest};

/// Looks at one environment; `services` are all that there are, by the names of their folders.
pub(super) fn check(
    environment: &Environment,
    source: &SourceMap,
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    let mut check = Check { environment, source, services: Vec::new(), found };
    check.identity();
    check.services(services);
    check.address();
    check.start();
    check.names();
    check.credentials();
    check.permits();
    super::encryption::check(environment, source, check.found);
    super::edge::check(environment, source, &check.services, check.found);
    super::search::substitutes(environment, source, &check.services, check.found);
}

struct Check<'c> {
    environment: &'c Environment,
    source: &'c SourceMap,
    /// The services that run there, by the names of their folders.
    services: Vec<(&'c str, &'c Service)>,
    found: &'c mut Vec<Diagnostic>,
}

impl<'c> Check<'c> {
    fn value(&self, path: &[&str]) -> Location {
        self.source.span_of(path)
    }

    fn key(&self, path: &[&str]) -> Location {
        self.source.key_of(path)
    }

    fn identity(&mut self) {
        let name = &self.environment.environment;
        let place = self.value(&["environment"]);
        let stem = Path::new(self.source.path()).file_stem().map(|stem| stem.to_string_lossy());
        if let Some(stem) = stem
            && stem != name.as_str()
        {
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_NAME,
                    place.clone(),
                    format!("the environment `{name}` is in a file called `{stem}`"),
                )
                .because("commands find an environment by the name of its file")
                .fix_by(
                    format!("write `environment: {stem}`, or rename the file"),
                    &place,
                    &stem,
                ),
            );
        }
    }

    fn services(&mut self, all: &[(&'c str, &'c Service)]) {
        let target = self.environment.target;
        if self.environment.services.is_empty() {
            self.services = all
                .iter()
                .copied()
                .filter(|(_, service)| service.targets.contains(&target))
                .collect();
            return;
        }
        for (index, name) in self.environment.services.iter().enumerate() {
            let place = self.value(&["services", &index.to_string()]);
            match all.iter().find(|(folder, _)| folder == name) {
                None => {
                    let known: Vec<&str> = all.iter().map(|(folder, _)| *folder).collect();
                    self.found.push(unknown("service", name, &known, &place));
                }
                Some((_, service))
                    if !service.targets.is_empty() && !service.targets.contains(&target) =>
                {
                    self.found.push(
                        Diagnostic::new(
                            codes::ENVIRONMENT_TARGET,
                            self.value(&["target"]),
                            format!("`{name}` does not run on this target"),
                        )
                        .because("its `targets` do not include it, so nothing is generated for it")
                        .fix("choose one of its targets, or add this one to its spec")
                        .label(place, "this service"),
                    );
                }
                Some(found) => self.services.push(*found),
            }
        }
    }

    fn address(&mut self) {
        let Some(url) = &self.environment.url else {
            if self.environment.start.is_none() {
                self.found.push(
                    Diagnostic::new(
                        codes::ENVIRONMENT_URL,
                        self.key(&["environment"]),
                        "nothing says where the environment is",
                    )
                    .because("it is not started here, so it must be reached somewhere")
                    .fix("add `url: https://…`, or `start:`"),
                );
            }
            return;
        };
        let place = self.value(&["url"]);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_local =
            matches!(name, "localhost" | "127.0.0.1" | "[::1]") || name.starts_with("127.");
        let safe = if is_local && !self.environment.public { scheme } else { "https" };
        let fix = format!("write `{safe}://{host}`");
        let problem = if !matches!(scheme, "http" | "https") || name.is_empty() {
            let fix = "write `https://<host>`".to_owned();
            Some((format!("`{url}` is not the address of a service"), fix))
        } else if host.contains('@') {
            let fix = "remove the part before `@`; credentials come from environment variables";
            Some(("the address holds credentials".to_owned(), fix.to_owned()))
        } else if scheme != safe && scheme == "http" {
            Some(("the address is not HTTPS".to_owned(), fix))
        } else if rest.len() > host.len() {
            Some(("the address has a path, and routes have their own".to_owned(), fix))
        } else {
            None
        };
        if let Some((message, fix)) = problem {
            self.found.push(
                Diagnostic::new(codes::ENVIRONMENT_URL, place, message)
                    .because("tokens are sent there; only this machine may be reached without encryption")
                    .fix(fix),
            );
        }
    }

    fn start(&mut self) {
        let Some(start) = &self.environment.start else { return };
        if self.environment.target != start.target() {
            let (target, message) = match start {
                Start::Native(_) => ("native", "only the target `native` is started as a process"),
                Start::Workers(_) => {
                    ("workers", "only the target `workers` is started as a worker")
                }
                Start::Compose(_) => {
                    ("container", "only the target `container` is started with compose")
                }
                Start::Command(_) => ("native", "only the target `native` is started as a program"),
            };
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_TARGET,
                    self.key(&["start", start.key()]),
                    message,
                )
                .fix(format!("write `target: {target}`, or remove `start`"))
                .label(self.value(&["target"]), "another target"),
            );
        }
        if self.environment.public {
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_PERMIT,
                    self.value(&["public"]),
                    "what is started here is not public",
                )
                .because("it listens on this machine only, with secrets made up for the run")
                .fix("remove `public` or `start`"),
            );
        }
        let proxies = match start {
            Start::Native(native) => native.trusted_proxies.as_slice(),
            Start::Workers(_) | Start::Compose(_) | Start::Command(_) => &[],
        };
        for (index, range) in proxies.iter().enumerate() {
            let is_address =
                range.parse::<IpNet>().is_ok() || range.parse::<std::net::IpAddr>().is_ok();
            if !is_address {
                let place = self.value(&["start", "native", "trusted_proxies", &index.to_string()]);
                self.found.push(
                    Diagnostic::new(
                        codes::ENVIRONMENT_URL,
                        place,
                        format!("`{range}` is not a range of addresses"),
                    )
                    .fix("write a range such as `127.0.0.1/32` or `10.0.0.0/8`"),
                );
            }
        }
        self.replicas(start);
        self.command(start);
        let known: Vec<&str> = self.services.iter().map(|(folder, _)| *folder).collect();
        for name in start.seed().keys().filter(|name| !known.contains(&name.as_str())) {
            let place = self.key(&["start", start.key(), "seed", name]);
            self.found.push(unknown("service", name, &known, &place));
        }
    }

    /// A command is there, and starts one service that was not generated: that has no switches for checks.
    fn command(&mut self, start: &Start) {
        let Start::Command(command) = start else { return };
        if command.run.is_empty() {
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_LACKS,
                    self.key(&["start", "command", "run"]),
                    "there is no program to start",
                )
                .fix("write the program and its arguments, such as `[node, server.js]`"),
            );
        }
        let place = self.key(&["start", "command"]);
        if let Some((name, _)) = self.services.iter().find(|(_, s)| !s.targets.is_empty()) {
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_TARGET,
                    place.clone(),
                    format!("`{name}` is generated, and a command starts what was not"),
                )
                .because("evidence would be of another program than the one that is generated")
                .fix("write `start: {native: {}}`, or name a service with `targets: []`"),
            );
        }
        if self.environment.services.len() != 1 {
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_TARGET,
                    place,
                    "a command starts one service, and the environment does not say which",
                )
                .fix("write `services: [<service>]`"),
            );
        }
        let permits = &self.environment.permits;
        let hooks = [("faults", permits.faults), ("restarts", permits.restarts)];
        for (key, _) in hooks.into_iter().filter(|(_, permitted)| *permitted) {
            self.found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_PERMIT,
                    self.value(&["permits", key]),
                    "a program that was not generated cannot be told to do that",
                )
                .because("faults and further instances are made through the generated runtime")
                .fix(format!("write `{key}: false`")),
            );
        }
    }

    /// The proxy finds so many instances, and there is at least one.
    fn replicas(&mut self, start: &Start) {
        let Start::Compose(compose) = start else { return };
        let place = self.value(&["start", "compose", "replicas"]);
        let (code, message) = match compose.replicas {
            0 => (codes::ZERO, "no instance answers nothing"),
            1..=MOST_REPLICAS => return,
            _ => (codes::PLATFORM_RANGE, "these are more instances than the proxy looks for"),
        };
        self.found.push(
            Diagnostic::new(code, place, message)
                .fix(format!("write a number from 1 to {MOST_REPLICAS}")),
        );
    }

    /// Variables, resources and secrets exist in a service that runs there.
    fn names(&mut self) {
        let (mut vars, mut secrets, mut bindings) = (Vec::new(), Vec::new(), Vec::new());
        for (_, service) in &self.services {
            vars.extend(service.config.vars.keys().map(String::as_str));
            secrets.extend(service.config.secrets.keys().map(String::as_str));
            bindings.extend(service.bindings.keys().map(String::as_str));
        }
        for name in self.environment.vars.keys() {
            let place = self.key(&["vars", name]);
            if secrets.contains(&name.as_str()) {
                self.found.push(
                    Diagnostic::new(
                        codes::SECRET_READ,
                        place,
                        format!("`{name}` is a secret, and its value stands in a file"),
                    )
                    .because("files are committed, copied and shown; secrets come from the machine")
                    .fix(format!(
                        "remove it here, and write `secrets: {{{name}: <environment variable>}}`"
                    )),
                );
            } else if !vars.contains(&name.as_str()) {
                self.found.push(unknown("variable", name, &vars, &place));
            }
        }
        self.patterns();
        for (section, noun, known) in
            [("resources", "binding", &bindings), ("secrets", "secret", &secrets)]
        {
            for name in self
                .source
                .node(&[section])
                .and_then(|node| node.mapping())
                .iter()
                .flat_map(|m| m.entries())
            {
                if !known.contains(&name.key.as_str()) {
                    let place = self.key(&[section, &name.key]);
                    self.found.push(unknown(noun, &name.key, known, &place));
                }
            }
        }
        for (secret, variable) in &self.environment.secrets {
            if !is_variable(variable) {
                self.found.push(not_a_variable(variable, self.value(&["secrets", secret])));
            }
        }
    }

    /// Values of variables match their patterns.
    fn patterns(&mut self) {
        for (name, value) in &self.environment.vars {
            let mut patterns =
                self.services.iter().filter_map(|(_, service)| service.config.vars.get(name));
            let pattern = patterns.find_map(|var| var.pattern.as_deref());
            let regex = pattern.and_then(|pattern| regex::Regex::new(pattern).ok());
            if regex.is_some_and(|regex| !regex.is_match(value)) {
                let place = self.value(&["vars", name]);
                self.found.push(
                    Diagnostic::new(
                        codes::CONFIG_VALUE,
                        place,
                        format!("`{value}` does not match the pattern of `{name}`"),
                    )
                    .because(format!(
                        "the pattern is `{}`; the service would not start",
                        pattern.unwrap_or_default()
                    ))
                    .fix("correct the value"),
                );
            }
        }
    }

    fn credentials(&mut self) {
        for (role, credential) in &self.environment.credentials {
            let known: Vec<&str> =
                self.services.iter().flat_map(|(_, s)| &s.roles).map(String::as_str).collect();
            if !known.is_empty() && !known.contains(&role.as_str()) {
                let place = self.key(&["credentials", role]);
                self.found.push(unknown("role", role, &known, &place));
            }
            match credential {
                Credential::Env(variable) if !is_variable(variable) => {
                    self.found
                        .push(not_a_variable(variable, self.value(&["credentials", role, "env"])));
                }
                Credential::Env(_) => {}
                Credential::Mint(token) => {
                    let path = ["credentials", role, "mint"];
                    if self.environment.start.is_none() {
                        self.found.push(
                            Diagnostic::new(
                                codes::ENVIRONMENT_PERMIT,
                                self.key(&path),
                                "a token can only be signed for what is started here",
                            )
                            .because(
                                "checks do not know the secret of a service that runs elsewhere",
                            )
                            .fix(format!("write `{role}: {{env: <environment variable>}}`")),
                        );
                    }
                    let is_jwt = |auth: &Auth| matches!(auth, Auth::Jwt { .. });
                    let schemes: Vec<&str> = self
                        .services
                        .iter()
                        .flat_map(|(_, service)| &service.auth)
                        .filter(|(_, auth)| is_jwt(auth))
                        .map(|(name, _)| name.as_str())
                        .collect();
                    if !schemes.contains(&token.scheme.as_str()) {
                        let place = self.value(&["credentials", role, "mint", "scheme"]);
                        self.found.push(unknown("`jwt` scheme", &token.scheme, &schemes, &place));
                    }
                }
            }
        }
    }

    fn permits(&mut self) {
        let permits = &self.environment.permits;
        let dangerous = [
            ("faults", permits.faults, "cut off what the service depends on"),
            ("restarts", permits.restarts, "start further instances of the service"),
        ];
        for (key, permitted, what) in dangerous.into_iter().filter(|(_, permitted, _)| *permitted) {
            let _ = permitted;
            let place = self.value(&["permits", key]);
            if self.environment.public {
                self.found.push(
                    Diagnostic::new(
                        codes::ENVIRONMENT_PERMIT,
                        place,
                        format!("checks may {what} in a public environment"),
                    )
                    .because("people outside use it")
                    .fix(format!("write `{key}: false`"))
                    .label(self.value(&["public"]), "people outside can reach it"),
                );
            } else if self.environment.start.is_none() {
                self.found.push(
                    Diagnostic::new(
                        codes::ENVIRONMENT_PERMIT,
                        place,
                        format!("checks cannot {what} here"),
                    )
                    .because("only an environment that is started here is theirs")
                    .fix(format!("write `{key}: false`, or add `start:`")),
                );
            }
        }
        let Some(load) = permits.load else { return };
        if load.max_rate.count == 0 || load.max_rate.window.as_millis() == 0 {
            let place = self.value(&["permits", "load", "max_rate"]);
            let message = "a permit for a rate of 0 permits nothing";
            self.found.push(
                Diagnostic::new(codes::ZERO, place, message)
                    .fix("give a rate such as `200/s`, or remove `load`"),
            );
        }
        if load.max_duration.as_millis() == 0 {
            let place = self.value(&["permits", "load", "max_duration"]);
            let message = "a permit for no time permits nothing";
            self.found.push(
                Diagnostic::new(codes::ZERO, place, message)
                    .fix("give a time such as `5min`, or remove `load`"),
            );
        }
    }
}

/// So many instances the generated proxy looks for.
const MOST_REPLICAS: u32 = 10;

pub(super) fn unknown(noun: &str, name: &str, known: &[&str], place: &Location) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(codes::UNKNOWN_NAME, place.clone(), format!("there is no {noun} `{name}`"))
            .because(match known {
                [] => format!("no service of this environment has a {noun}"),
                names => format!("known are {}", names.join(", ")),
            });
    match nearest(name, known.iter().copied()) {
        Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
        None => diagnostic.fix("correct the name, or define it in the service's spec"),
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn not_a_variable(text: &str, place: Location) -> Diagnostic {
    let shown: String = text.chars().take(4).collect();
    Diagnostic::new(
        codes::SECRET_READ,
        place,
        format!("`{shown}…` is not the name of an environment variable"),
    )
    .because(
        "only the name stands in a file; the value comes from the machine that runs the checks",
    )
    .fix("write a name such as `STAGING_USER_TOKEN`, and replace the secret if this was its value")
}
