//! Settings of containers: how many, how large, and how they come and go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Health, HealthKind, Operation, Route, RouteAuth, RouteKey, Service, Target};
use crate::unit::{Bytes, Cpu, Duration, Percent};

/// The least time that an instance gets to finish, where the spec gives none.
const GRACE: u64 = 30_000;
/// What that time has beyond the longest request.
const BEYOND_REQUESTS: u64 = 10_000;
/// How large a volume is where the spec does not say.
const STORAGE: Bytes = Bytes::new(1 << 30);

/// Settings of containers. Each has a default, so that a service without this section can be run safely.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Where the service keeps its data.
    #[serde(default)]
    pub stores: Stores,
    /// How many instances there are where nothing scales them; 2 with shared stores, 1 with embedded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// How the number of instances follows the load; from 2 to 6 without it and without `replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// What stays up while machines are emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption: Option<Disruption>,
    /// What one instance is given, and what it may use.
    #[serde(default)]
    pub resources: Resources,
    /// How long an instance that is told to stop may finish what is under way; 10 s more than the longest route
    /// without it, at least 30 s and what `shutdown` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_grace: Option<Duration>,
    /// How large the volume of embedded stores is; 1 GiB without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Bytes>,
}

/// Where a service in containers keeps its data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stores {
    /// Postgres, Redis and an object store, which all instances share.
    #[default]
    Shared,
    /// `SQLite` and a folder on one volume, for exactly one instance.
    Embedded,
}

/// How the number of instances follows the load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    /// The fewest instances.
    pub min: u32,
    /// The most instances.
    pub max: u32,
    /// The share of the requested processor time above which instances are added.
    #[serde(default = "default_target")]
    pub cpu: Percent,
}

/// What stays up while machines are emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disruption {
    /// How many instances stay up.
    pub min_available: u32,
}

/// What one instance is given, and what it may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processor time.
    #[serde(default)]
    pub cpu: CpuRange,
    /// Memory.
    #[serde(default)]
    pub memory: MemoryRange,
}

/// Processor time of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuRange {
    /// What it is given for sure; 250m without it, and not more than the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Cpu>,
    /// The most that it may use.
    #[serde(default = "default_cpu_limit")]
    pub limit: Cpu,
}

/// Memory of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryRange {
    /// What it is given for sure; 128 MiB without it, and not more than the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Bytes>,
    /// The most that it may use; beyond that it is killed.
    #[serde(default = "default_memory_limit")]
    pub limit: Bytes,
}

impl Default for CpuRange {
    fn default() -> Self {
        Self { request: None, limit: default_cpu_limit() }
    }
}

impl Default for MemoryRange {
    fn default() -> Self {
        Self { request: None, limit: default_memory_limit() }
    }
}

impl CpuRange {
    /// What it is given for sure.
    pub fn requested(self) -> Cpu {
        self.request.unwrap_or_else(|| self.limit.min(Cpu::from_millis(250)))
    }
}

impl MemoryRange {
    /// What it is given for sure.
    pub fn requested(self) -> Bytes {
        self.request.unwrap_or_else(|| self.limit.min(Bytes::new(128 << 20)))
    }
}

const fn default_cpu_limit() -> Cpu {
    Cpu::from_millis(1000)
}

const fn default_memory_limit() -> Bytes {
    Bytes::new(256 << 20)
}

fn default_target() -> Percent {
    Percent::of(70)
}

impl Container {
    /// How large the volume of embedded stores is.
    pub fn volume(&self) -> Bytes {
        self.storage.unwrap_or(STORAGE)
    }

    /// How the number of instances follows the load, if it does.
    pub fn scaling(&self) -> Option<Autoscale> {
        let usual = || Autoscale { min: 2, max: 6, cpu: default_target() };
        let open = self.replicas.is_none() && self.stores == Stores::Shared;
        self.autoscale.or_else(|| open.then(usual))
    }

    /// The fewest instances that there are.
    pub fn least_instances(&self) -> u32 {
        match (self.scaling(), self.replicas, self.stores) {
            (Some(scaling), ..) => scaling.min,
            (None, Some(replicas), _) => replicas,
            (None, None, Stores::Shared) => 2,
            (None, None, Stores::Embedded) => 1,
        }
    }

    /// The most instances that there are, besides those that a roll-out adds.
    pub fn most_instances(&self) -> u32 {
        self.scaling().map_or_else(|| self.least_instances(), |scaling| scaling.max)
    }

    /// How many instances stay up while machines are emptied; `None` when the only one must be able to go.
    pub fn min_available(&self) -> Option<u32> {
        let given = self.disruption.map(|disruption| disruption.min_available);
        given.or_else(|| (self.least_instances() > 1).then_some(1))
    }
}

impl Service {
    /// The settings of its containers, with the defaults where the spec gives none.
    pub fn container(&self) -> Container {
        self.container.clone().unwrap_or_default()
    }

    /// Whether it runs in containers whose stores are shared.
    pub fn shares_stores(&self) -> bool {
        self.targets.contains(&Target::Container) && self.container().stores == Stores::Shared
    }

    /// The longest time that a request may take.
    pub fn longest_timeout(&self) -> Duration {
        let given =
            self.routes.values().map(|route| route.timeout.unwrap_or(self.defaults.timeout));
        given.max().unwrap_or(self.defaults.timeout)
    }

    /// How long an instance that is told to stop may finish what is under way.
    pub fn shutdown_grace(&self) -> Duration {
        let given = self.container.as_ref().and_then(|container| container.shutdown_grace);
        given.unwrap_or_else(|| {
            let longest = self.longest_timeout().as_millis() + BEYOND_REQUESTS;
            Duration::from_millis(longest.max(GRACE).max(self.shutdown.longest().as_millis()))
        })
    }
}

/// The routes by which a platform asks an instance how it is; a connection is all that it can try where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probes<'a> {
    /// Whether the process works; looks at nothing that a restart would not mend.
    pub liveness: Option<&'a RouteKey>,
    /// Whether requests should come here.
    pub readiness: Option<&'a RouteKey>,
}

impl Probes<'_> {
    /// Seconds between two questions whether requests should come.
    pub const READINESS_PERIOD: u32 = 10;
    /// Seconds between two questions whether the process works.
    pub const LIVENESS_PERIOD: u32 = 20;
    /// How often an instance is asked in a minute, both together.
    pub const A_MINUTE: u32 = 60 / Self::READINESS_PERIOD + 60 / Self::LIVENESS_PERIOD;
}

impl Service {
    /// The routes that a platform probes: health checks that anybody may ask.
    pub fn probes(&self) -> Probes<'_> {
        let open = |route: &Route| match &route.auth {
            Some(RouteAuth::None) => true,
            Some(RouteAuth::Schemes(schemes)) => schemes.is_empty(),
            None => self.defaults.auth.is_empty(),
        };
        let routes: Vec<(&RouteKey, &Health)> = self
            .routes
            .iter()
            .filter(|(key, route)| key.method.as_str() == "GET" && open(route))
            .filter_map(|(key, route)| match &route.op {
                Operation::Health(health) => Some((key, health)),
                _ => None,
            })
            .collect();
        let of = |kind| routes.iter().find(|(_, health)| health.kind == kind);
        // Where no route says that it is the one, what looks at nothing will do for liveness.
        let idle = || routes.iter().find(|(_, health)| health.required.is_empty());
        let looking = || routes.iter().find(|(_, health)| !health.required.is_empty());
        let alive = of(HealthKind::Liveness).or_else(idle);
        let ready = of(HealthKind::Readiness).or_else(looking).or(alive);
        Probes { liveness: alive.map(|(key, _)| *key), readiness: ready.map(|(key, _)| *key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(text: &str) -> Container {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn without_a_word_shared_stores_scale_and_one_instance_stays_up() {
        let usual = container("{}");
        assert_eq!((usual.least_instances(), usual.most_instances()), (2, 6));
        assert_eq!(usual.min_available(), Some(1));
        assert_eq!(usual, Container::default());
    }

    #[test]
    fn embedded_stores_mean_one_instance_that_may_go() {
        let embedded = container(r#"{"stores": "embedded"}"#);
        assert_eq!((embedded.least_instances(), embedded.most_instances()), (1, 1));
        assert_eq!((embedded.scaling(), embedded.min_available()), (None, None));
    }

    #[test]
    fn what_is_requested_is_never_more_than_the_limit() {
        let small = container(r#"{"resources": {"memory": {"limit": "64MiB"}}}"#).resources.memory;
        assert_eq!(small.requested(), small.limit);
        assert_eq!(MemoryRange::default().requested().to_string(), "128MiB");
        assert_eq!(CpuRange::default().requested().to_string(), "250m");
    }

    #[test]
    fn a_fixed_number_is_not_scaled() {
        let fixed = container(r#"{"replicas": 3}"#);
        assert_eq!(
            (fixed.scaling(), fixed.least_instances(), fixed.most_instances()),
            (None, 3, 3)
        );
    }
}
