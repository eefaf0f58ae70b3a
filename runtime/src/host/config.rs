//! The configuration that every host reads; everything that is wrong is told at once.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use super::log::Level;
use crate::context::Settings;
use crate::definition::{Definition, Upstream, VarDefault};
use crate::secret::Secret;

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The environment variable.
    pub name: String,
    /// What is wrong with it; never its value.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}: {}; {}", self.name, self.problem, self.fix)
    }
}

/// A token with fewer characters can be guessed.
const SHORTEST_TOKEN: usize = 32;

/// The configuration that every host has.
#[derive(Debug)]
pub struct Config {
    /// The least important lines that are logged.
    pub log_level: Level,
    /// Whether faults can be made.
    pub faults: bool,
    /// What who is not on this machine needs to make them; without it nobody else can.
    pub faults_token: Option<Secret>,
    /// Where upstreams are instead.
    pub base_urls: HashMap<&'static str, String>,
    /// What the service itself is told.
    pub settings: Settings,
}

/// Reads variables and collects what is wrong with them.
pub struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<ConfigProblem>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// Reads variables with this function.
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable, problems: Vec::new() }
    }

    /// What was read, if nothing was wrong.
    pub fn finish<T>(self, config: T) -> Result<T, Vec<ConfigProblem>> {
        if self.problems.is_empty() { Ok(config) } else { Err(self.problems) }
    }

    /// Everything that was wrong.
    pub fn problems(self) -> Vec<ConfigProblem> {
        self.problems
    }

    /// A variable's value; one that is empty counts as missing.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Something is wrong with a variable.
    pub fn wrong(&mut self, name: &str, problem: impl Into<String>, fix: impl Into<String>) {
        let (name, problem, fix) = (name.to_owned(), problem.into(), fix.into());
        self.problems.push(ConfigProblem { name, problem, fix });
    }

    /// A variable's value in its own form, or this default.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
        fix: &str,
    ) -> T {
        let Some(text) = self.get(name) else { return default };
        parse(&text).unwrap_or_else(|| {
            self.wrong(name, "it is not valid", fix);
            default
        })
    }
}

/// `on` or `off`.
pub fn on_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// Whether an environment is a production one, by its name: `production`, or `luna-production`.
fn is_production(environment: &str) -> bool {
    environment.rsplit('-').next() == Some("production")
}

/// Reads what every host has.
pub fn read(reader: &mut Reader<'_>, definition: &'static Definition) -> Config {
    let environment = reader.get("ENVIRONMENT").unwrap_or_else(|| "development".to_owned());
    let faults = reader.parsed("FAULTS", false, on_off, "write on or off");
    if faults && is_production(&environment) {
        reader.wrong("FAULTS", "faults cannot be made in production", "leave it out");
    }
    let faults_token = reader.get("FAULTS_TOKEN").map(Secret::new);
    if let Some(token) = &faults_token {
        if is_production(&environment) {
            reader.wrong("FAULTS_TOKEN", "faults cannot be made in production", "leave it out");
        }
        if token.expose().len() < SHORTEST_TOKEN {
            reader.wrong("FAULTS_TOKEN", "it is too short", "give at least 32 random characters");
        }
    }
    Config {
        log_level: reader.parsed(
            "LOG_LEVEL",
            Level::Info,
            Level::named,
            "write debug, info, warn or error",
        ),
        faults,
        faults_token,
        base_urls: base_urls(reader, definition, faults),
        settings: settings(reader, definition, environment),
    }
}

fn base_urls(
    reader: &mut Reader<'_>,
    definition: &'static Definition,
    faults: bool,
) -> HashMap<&'static str, String> {
    let mut urls = HashMap::new();
    for Upstream { name, .. } in definition.upstreams {
        let variable = format!("{name}_BASE_URL");
        let Some(url) = reader.get(&variable) else { continue };
        if is_acceptable(&url, faults) {
            urls.insert(*name, url);
        } else {
            let fix = "give a URL with https, or with http to a loopback address";
            reader.wrong(&variable, "it is not valid", fix);
        }
    }
    urls
}

/// `https`, or `http` to this machine. Where faults are permitted, which is never in production, also `http` to a private
/// address: from within a container, what stands in for a provider is not on this machine.
fn is_acceptable(url: &str, faults: bool) -> bool {
    let Ok(url) = url.parse::<http::Uri>() else { return false };
    let Some(authority) = url.authority() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    let near = |address: IpAddr| {
        let private = matches!(address, IpAddr::V4(address) if address.is_private());
        address.is_loopback() || (faults && private)
    };
    let is_near = host == "localhost" || host.parse().is_ok_and(near);
    let bare = !authority.as_str().contains('@') && url.query().is_none() && !host.is_empty();
    let scheme = url.scheme_str();
    bare && (scheme == Some("https") || (scheme == Some("http") && is_near))
}

fn settings(
    reader: &mut Reader<'_>,
    definition: &'static Definition,
    environment: String,
) -> Settings {
    let mut settings = Settings { environment, ..Settings::default() };
    let switches = &definition.switches;
    for (name, switch, forced) in [
        ("READ_ONLY", &switches.read_only, &mut settings.forced.read_only),
        ("MAINTENANCE", &switches.maintenance, &mut settings.forced.maintenance),
    ] {
        if switch.is_some() {
            *forced = reader.parsed(name, false, on_off, "write on or off");
        }
    }
    for secret in definition.secrets {
        match reader.get(secret.name) {
            Some(value) if value.len() < secret.min_bytes => {
                let (length, least) = (value.len(), secret.min_bytes);
                let problem = format!("it has {length} bytes");
                reader.wrong(secret.name, problem, format!("give at least {least}"));
            }
            Some(value) => {
                settings.secrets.insert(secret.name, Secret::new(value));
            }
            None if secret.optional => {}
            None => reader.wrong(secret.name, "it is missing", "set this secret"),
        }
    }
    for var in definition.vars {
        let default = match var.default {
            VarDefault::Required => None,
            VarDefault::Text(text) => Some(text.to_owned()),
            VarDefault::EnvironmentName => Some(settings.environment.clone()),
            VarDefault::ServiceVersion => Some(definition.version.to_owned()),
        };
        let Some(value) = reader.get(var.name).or(default) else {
            reader.wrong(var.name, "it is missing", "set this variable");
            continue;
        };
        match var.pattern {
            Some(pattern) if !pattern.matches(&value) => {
                let fix = format!("it must match {}", pattern.source());
                reader.wrong(var.name, "it is not valid", fix);
            }
            _ => {
                settings.vars.insert(var.name, value);
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_leads_to_this_machine_and_to_a_private_network_only_where_faults_are_permitted() {
        for url in [
            "https://mail.example",
            "http://127.0.0.1:1/MAIL",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(is_acceptable(url, false) && is_acceptable(url, true), "{url}");
        }
        for url in ["http://172.17.0.1:1/MAIL", "http://10.0.0.1", "http://192.168.1.1"] {
            assert!(!is_acceptable(url, false) && is_acceptable(url, true), "{url}");
        }
        for url in [
            "http://93.184.215.14",
            "http://169.254.169.254",
            "http://mail.example",
            "http://a@10.0.0.1",
        ] {
            assert!(!is_acceptable(url, false) && !is_acceptable(url, true), "{url}");
        }
    }
}
