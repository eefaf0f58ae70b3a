//! What a service is in a cluster: names, variables, secrets, and where it must be able to connect to.

use std::collections::{BTreeMap, BTreeSet};

use proofline_spec::document::{
    Binding, Container, Environment, LogLevel, Stores, Target, VarSource,
};
use proofline_spec::evidence::Digest;

use crate::Input;

/// The port that the process listens on.
pub(crate) const PORT: u16 = 8080;
/// The user of the image, who has no name and no rights.
pub(crate) const USER: u32 = 65_532;
/// Seconds in which load balancers learn that an instance goes, before it is told to stop.
pub(crate) const LEAVE: u64 = 5;
/// Seconds after the grace in which the process ends.
pub(crate) const END: u64 = 5;
/// The longest name of an object that others add to.
const LONGEST_NAME: usize = 40;

/// A variable whose value is a secret: only where the value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretKey {
    /// The environment variable, which is also the key.
    pub(crate) variable: String,
    /// Name of the Secret.
    pub(crate) secret: String,
    /// Whether the service starts without it.
    pub(crate) optional: bool,
    /// What it is, for people.
    pub(crate) note: String,
}

/// A destination of outgoing connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Egress {
    /// What is there, for people.
    pub(crate) what: String,
    /// TCP ports.
    pub(crate) ports: BTreeSet<u16>,
    /// Whether it is somewhere on the internet, and not in the cluster.
    pub(crate) outside: bool,
}

/// A service in a cluster.
pub(crate) struct Cluster<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) container: Container,
}

impl<'a> Cluster<'a> {
    pub(crate) fn new(input: &'a Input<'a>) -> Self {
        Self { input, container: input.service.container() }
    }

    /// The name of the service and of most objects.
    pub(crate) fn name(&self) -> &'a str {
        &self.input.service.service.name
    }

    /// The version, fit for a label and a tag.
    pub(crate) fn version(&self) -> String {
        self.input.service.service.version.replace('+', "_")
    }

    /// The image, which a registry is put in front of.
    pub(crate) fn image(&self) -> String {
        format!("{}:{}", self.name(), self.version())
    }

    /// The name of an object of this service; at most 63 characters, whatever the service is called.
    pub(crate) fn named(&self, what: &str) -> String {
        let name: String = self.name().chars().take(LONGEST_NAME).collect();
        format!("{}-{what}", name.trim_end_matches('-'))
    }

    /// The migration Job: another one for each spec, because a Job cannot be changed.
    pub(crate) fn migration(&self) -> String {
        self.named(&format!("migrate-{}", self.input.digest.short()))
    }

    /// Whether its stores are in the container.
    pub(crate) fn is_embedded(&self) -> bool {
        self.container.stores == Stores::Embedded
    }

    /// Whether a Job migrates a database that all instances share.
    pub(crate) fn migrates(&self) -> bool {
        !self.is_embedded() && self.databases().next().is_some()
    }

    fn bindings(&self) -> impl Iterator<Item = (&'a str, &'a Binding)> {
        self.input.service.bindings.iter().map(|(name, binding)| (name.as_str(), binding))
    }

    fn databases(&self) -> impl Iterator<Item = &'a str> {
        let sql = self.bindings().filter(|(_, binding)| matches!(binding, Binding::Sql { .. }));
        sql.map(|(name, _)| name)
    }

    fn has_blobs(&self) -> bool {
        self.bindings().any(|(_, binding)| matches!(binding, Binding::Blob { .. }))
    }

    /// Whether instances need a store for what they count, cache, queue or take turns at.
    fn shares_memory(&self) -> bool {
        let service = self.input.service;
        let store = |(_, binding): (_, &Binding)| {
            matches!(binding, Binding::Kv { .. } | Binding::Queue { .. })
        };
        !service.limits.is_empty() || !service.tasks.is_empty() || self.bindings().any(store)
    }

    /// The secrets of the spec, and the host's token.
    pub(crate) fn secrets(&self) -> Vec<SecretKey> {
        let secret = self.named("secrets");
        let of_spec = self.input.service.config.secrets.iter().map(|(name, declared)| {
            let least = declared.min_bytes.map(|bytes| format!("At least {bytes} bytes."));
            let notes: Vec<String> = declared.description.iter().cloned().chain(least).collect();
            SecretKey {
                variable: name.clone(),
                secret: secret.clone(),
                optional: declared.optional,
                note: notes.join(" "),
            }
        });
        let token = SecretKey {
            variable: "METRICS_TOKEN".to_owned(),
            secret: secret.clone(),
            optional: true,
            note: "Bearer token for `/metrics`, which nobody else can read without it.".to_owned(),
        };
        of_spec.chain([token]).collect()
    }

    /// Addresses of databases, with their passwords.
    pub(crate) fn database_secrets(&self) -> Vec<SecretKey> {
        if self.is_embedded() {
            return Vec::new();
        }
        let urls = self.databases().enumerate().map(|(position, binding)| {
            let variable = match position {
                0 => "DATABASE_URL".to_owned(),
                _ => format!("{binding}_URL"),
            };
            let note =
                format!("`{binding}`: `postgres://user:password@host:5432/name?sslmode=require`");
            self.store(&variable, note)
        });
        urls.collect()
    }

    /// Addresses of every store that instances share.
    pub(crate) fn store_secrets(&self) -> Vec<SecretKey> {
        let mut secrets = self.database_secrets();
        if self.is_embedded() {
            return secrets;
        }
        let mut add = |variable: &str, note: &str| {
            secrets.push(self.store(variable, note.to_owned()));
        };
        if self.shares_memory() {
            add(
                "REDIS_URL",
                "`rediss://:password@host:6379`; it keeps its data (`appendonly yes`) and drops only what has an end (`maxmemory-policy volatile-lru`).",
            );
        }
        if self.has_blobs() {
            add("STORAGE_URL", "`s3://bucket/prefix?endpoint=https://host&region=name`");
            add("AWS_ACCESS_KEY_ID", "Of a user who may use that bucket and nothing else.");
            add("AWS_SECRET_ACCESS_KEY", "Of the same user.");
        }
        secrets
    }

    fn store(&self, variable: &str, note: String) -> SecretKey {
        let variable = variable.to_owned();
        SecretKey { variable, secret: self.named("stores"), optional: false, note }
    }

    /// Variables that are no secrets, with their values; `environment` is where they are deployed to.
    pub(crate) fn variables(&self, environment: Option<&Environment>) -> BTreeMap<String, String> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: &str| {
            values.insert(name.to_owned(), value.to_owned());
        };
        set("ENVIRONMENT", environment_name(environment));
        set("HOST", "0.0.0.0");
        let level = environment.and_then(|environment| environment.log_level);
        set("LOG_LEVEL", level.map_or("info", LogLevel::name));
        set("PORT", &PORT.to_string());
        set("TRUSTED_PROXIES", "");
        if self.is_embedded() {
            set("DATABASE_URL", "sqlite:/data/service.db");
            if self.has_blobs() {
                set("STORAGE_URL", "file:/data/files");
            }
        } else if self.migrates() {
            set("MIGRATE", "off");
        }
        for (binding, resource) in environment.iter().flat_map(|here| &here.resources) {
            let known = self.databases().any(|name| name == binding) && !self.is_embedded();
            if let Some(pool) = resource.pool.filter(|_| known) {
                values.insert(format!("{binding}_POOL"), pool.to_string());
            }
        }
        for (name, var) in &self.input.service.config.vars {
            let given = environment.and_then(|environment| environment.vars.get(name));
            let value = match (given, &var.default, var.from) {
                (Some(value), ..) | (None, Some(value), None) => Some(value.clone()),
                (None, _, Some(VarSource::EnvironmentName)) => {
                    Some(environment_name(environment).to_owned())
                }
                (None, _, Some(VarSource::ServiceVersion)) => {
                    Some(self.input.service.service.version.clone())
                }
                (None, None, None) => None,
            };
            if let Some(value) = value {
                values.insert(name.clone(), value);
            }
        }
        values
    }

    /// Variables that only an environment can give.
    pub(crate) fn variables_without_value(&self) -> Vec<&'a str> {
        let vars = self.input.service.config.vars.iter();
        let open = vars.filter(|(_, var)| var.default.is_none() && var.from.is_none());
        open.map(|(name, _)| name.as_str()).collect()
    }

    /// What changes when a variable does, so that instances are replaced then.
    pub(crate) fn config_digest(&self, environment: Option<&Environment>) -> String {
        let variables = self.variables(environment);
        let parts = variables.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        Digest::of_parts(parts).short()
    }

    /// Where an instance must be able to connect to, besides name servers.
    pub(crate) fn egress(&self) -> Vec<Egress> {
        let mut all = self.database_egress();
        let mut add = |what: &str, ports: &[u16], outside: bool| {
            let ports: BTreeSet<u16> = ports.iter().copied().collect();
            if !ports.is_empty() {
                all.push(Egress { what: what.to_owned(), ports, outside });
            }
        };
        if !self.is_embedded() && self.shares_memory() {
            add("Redis", &[6379], false);
        }
        if !self.is_embedded() && self.has_blobs() {
            add("an object store in the cluster", &[9000], false);
        }
        let mut ports = [Vec::new(), Vec::new()];
        for (_, binding) in self.bindings() {
            if let Binding::Upstream { base_url, .. } = binding
                && let Some((port, outside)) = destination(base_url)
            {
                ports[usize::from(outside)].push(port);
            }
        }
        if !self.is_embedded() && self.has_blobs() {
            ports[1].push(443);
        }
        add("upstreams", &ports[0], false);
        add("upstreams and object stores", &ports[1], true);
        all
    }

    /// Where migrations connect to.
    pub(crate) fn database_egress(&self) -> Vec<Egress> {
        if !self.migrates() {
            return Vec::new();
        }
        vec![Egress { what: "Postgres".to_owned(), ports: [5432].into(), outside: false }]
    }

    /// Environments in clusters: those for containers that are not started here.
    pub(crate) fn environments(&self) -> impl Iterator<Item = &'a Environment> {
        self.input.environments_of_service().filter(|environment| {
            environment.target == Target::Container && environment.start.is_none()
        })
    }
}

/// Without an environment the strictest one is meant.
fn environment_name(environment: Option<&Environment>) -> &str {
    environment.map_or("production", |environment| environment.environment.as_str())
}

/// The port of an address, and whether its host is one of the internet.
fn destination(url: &str) -> Option<(u16, bool)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if scheme == "http" { 80 } else { 443 }),
    };
    let inside = !host.contains('.')
        || [".svc", ".local", ".internal"].iter().any(|end| host.ends_with(end));
    Some((port, !inside))
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn hosts_of_the_cluster_are_told_from_those_of_the_internet() {
        assert_eq!(destination("https://api.example.com/v1"), Some((443, true)));
        assert_eq!(destination("https://api.example.com:8443"), Some((8443, true)));
        assert_eq!(destination("http://comfyui:8188"), Some((8188, false)));
        assert_eq!(destination("http://models.media.svc.cluster.local"), Some((80, false)));
        assert_eq!(destination("not an address"), None);
    }
}
