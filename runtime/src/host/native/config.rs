//! The configuration from the process's environment; everything that is wrong is told at once.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use regex::Regex;

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

/// The configuration of the native host.
#[derive(Debug)]
pub struct Config {
    /// Where it listens.
    pub address: SocketAddr,
    /// The database's file.
    pub database: PathBuf,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The least important lines that are logged.
    pub log_level: Level,
    /// Whether there is `GET /metrics`.
    pub metrics: bool,
    /// What `GET /metrics` needs as a bearer token.
    pub metrics_token: Option<Secret>,
    /// Whether faults can be made.
    pub faults: bool,
    /// Where upstreams are instead.
    pub base_urls: HashMap<&'static str, String>,
    /// What the service itself is told.
    pub settings: Settings,
}

/// Reads variables and collects what is wrong with them.
struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    /// A variable's value; one that is empty counts as missing.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn wrong(&mut self, name: &str, problem: impl Into<String>, fix: impl Into<String>) {
        let (name, problem, fix) = (name.to_owned(), problem.into(), fix.into());
        self.problems.push(ConfigProblem { name, problem, fix });
    }

    fn parsed<T>(
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

/// Reads the configuration.
pub fn read(
    definition: &'static Definition,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<ConfigProblem>> {
    let mut reader = Reader { variable, problems: Vec::new() };
    let host = reader.parsed(
        "HOST",
        IpAddr::from([127, 0, 0, 1]),
        |text| text.parse().ok(),
        "give an IP address such as 127.0.0.1 or 0.0.0.0",
    );
    let port = reader.parsed(
        "PORT",
        8080,
        |text| text.parse().ok(),
        "give a number from 0 to 65535; 0 is any free port",
    );
    let environment = reader.get("ENVIRONMENT").unwrap_or_else(|| "development".to_owned());
    let on_off = |text: &str| match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    let faults = reader.parsed("FAULTS", false, on_off, "write on or off");
    if faults && environment == "production" {
        reader.wrong("FAULTS", "faults cannot be made in production", "leave it out");
    }
    let config = Config {
        address: SocketAddr::from((host, port)),
        database: database(&mut reader, definition),
        trusted_proxies: reader.parsed(
            "TRUSTED_PROXIES",
            Vec::new(),
            networks,
            "give networks such as 10.0.0.0/8, separated by commas",
        ),
        log_level: reader.parsed(
            "LOG_LEVEL",
            Level::Info,
            Level::named,
            "write debug, info, warn or error",
        ),
        metrics: reader.parsed("METRICS", true, on_off, "write on or off"),
        metrics_token: reader.get("METRICS_TOKEN").map(Secret::new),
        faults,
        base_urls: base_urls(&mut reader, definition),
        settings: settings(&mut reader, definition, environment),
    };
    if reader.problems.is_empty() { Ok(config) } else { Err(reader.problems) }
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| {
        let text = text.trim();
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    };
    text.split(',').map(network).collect()
}

fn database(reader: &mut Reader<'_>, definition: &Definition) -> PathBuf {
    let default = PathBuf::from(format!("data/{}.db", definition.service));
    let Some(url) = reader.get("DATABASE_URL") else { return default };
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if let Some(path) = path.filter(|path| !path.is_empty() && *path != ":memory:") {
        PathBuf::from(path)
    } else {
        let fix = "write sqlite:PATH, such as sqlite:data/service.db";
        reader.wrong("DATABASE_URL", "it is not valid", fix);
        default
    }
}

fn base_urls(
    reader: &mut Reader<'_>,
    definition: &'static Definition,
) -> HashMap<&'static str, String> {
    let mut urls = HashMap::new();
    for Upstream { name, .. } in definition.upstreams {
        let variable = format!("{name}_BASE_URL");
        let Some(url) = reader.get(&variable) else { continue };
        if is_acceptable(&url) {
            urls.insert(*name, url);
        } else {
            let fix = "give a URL with https, or with http to a loopback address";
            reader.wrong(&variable, "it is not valid", fix);
        }
    }
    urls
}

/// `https`, or `http` to this machine.
fn is_acceptable(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let loopback = url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    url.has_host() && bare && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

fn settings(
    reader: &mut Reader<'_>,
    definition: &'static Definition,
    environment: String,
) -> Settings {
    let mut settings = Settings { environment, ..Settings::default() };
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
            Some(pattern) if !Regex::new(pattern).is_ok_and(|regex| regex.is_match(&value)) => {
                reader.wrong(var.name, "it is not valid", format!("it must match {pattern}"));
            }
            _ => {
                settings.vars.insert(var.name, value);
            }
        }
    }
    settings
}
