//! The configuration of this host, from the process's environment.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::databases::{self, Databases};
use super::requirements;
use super::storage::{self, Storage};
use crate::definition::Definition;
use crate::host::config::{self, ConfigProblem, Reader, on_off};
use crate::secret::Secret;

/// The configuration of the native host.
#[derive(Debug)]
pub struct Config {
    /// Where it listens.
    pub address: SocketAddr,
    /// The databases.
    pub databases: Databases,
    /// Where the Redis is that replicas share.
    pub redis: Option<Secret>,
    /// Where files are kept.
    pub storage: Storage,
    /// Networks of proxies that are believed about who called them.
    pub trusted_proxies: Vec<IpNet>,
    /// How many proxies stand in front, where it is another number than the spec's.
    pub trusted_hops: u8,
    /// How many connections there may be, where it is another number than memory and descriptors permit.
    pub connections: Option<usize>,
    /// Whether there is `GET /metrics`.
    pub metrics: bool,
    /// What `GET /metrics` needs as a bearer token.
    pub metrics_token: Option<Secret>,
    /// What every host has.
    pub common: config::Config,
}

/// Reads the configuration; what the environment requires must be there.
pub fn read(
    definition: &'static Definition,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<ConfigProblem>> {
    let (config, problems) = read_all(definition, variable);
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// Reads what can be read, and says everything that is wrong.
pub fn read_all(
    definition: &'static Definition,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Config, Vec<ConfigProblem>) {
    let mut reader = Reader::new(variable);
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
    let config = Config {
        address: SocketAddr::from((host, port)),
        databases: databases::read(&mut reader, definition),
        redis: redis(&mut reader),
        storage: storage::read(&mut reader),
        trusted_proxies: reader.parsed(
            "TRUSTED_PROXIES",
            Vec::new(),
            networks,
            "give networks such as 10.0.0.0/8, separated by commas",
        ),
        trusted_hops: reader.parsed(
            "TRUSTED_HOPS",
            definition.http.trusted_hops,
            |text| text.parse().ok(),
            "give the number of proxies in front, from 0 to 255",
        ),
        connections: reader.parsed(
            "MAX_CONNECTIONS",
            None,
            |text| text.parse().ok().filter(|most| *most > 0).map(Some),
            "give a number of connections from 1 on, or leave it out",
        ),
        metrics: reader.parsed("METRICS", true, on_off, "write on or off"),
        metrics_token: reader.get("METRICS_TOKEN").map(Secret::new),
        common: config::read(&mut reader, definition),
    };
    let mut problems = reader.problems();
    let missing = requirements::missing(definition, &config).into_iter();
    // One that is there and wrong is not missing as well.
    let known = |name: &str| problems.iter().any(|problem| problem.name == name);
    let missing: Vec<_> = missing.filter(|problem| !known(&problem.name)).collect();
    problems.extend(missing);
    (config, problems)
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| {
        let text = text.trim();
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    };
    text.split(',').map(network).collect()
}

/// Where the Redis is; the URL may hold a password and is never repeated.
fn redis(reader: &mut Reader<'_>) -> Option<Secret> {
    let url = reader.get("REDIS_URL")?;
    if !cfg!(feature = "redis") {
        let fix = "leave it out, or bind a key-value store or a queue in the spec";
        reader.wrong("REDIS_URL", "this service was built without Redis", fix);
        return None;
    }
    let parsed = url.parse::<http::Uri>().ok();
    let is_known = |uri: &http::Uri| matches!(uri.scheme_str(), Some("redis" | "rediss"));
    if parsed.as_ref().is_some_and(is_known) {
        return Some(Secret::new(url));
    }
    let fix = "write redis://HOST:PORT/NUMBER, or rediss:// for TLS";
    reader.wrong("REDIS_URL", "it is not valid", fix);
    None
}
