//! Databases, stores, buckets and queues: which exist, and how those that do not are made.

use anyhow::{Context as _, Result};
use proofline_generator::emit::wrangler::{Resource, ResourceKind, resources};
use proofline_generator::tree::write_atomically;
use proofline_spec::document::{Environment, LockedIds};
use proofline_spec::load;
use serde_json::Value;

use crate::context::Context;
use crate::run::workspace::LoadedService;
use crate::workers::wrangler::Call;

/// Asks the platform for what wrangler has no command for.
const REPLICATE: &str = include_str!("../../../tools/replicate.mjs");

/// What a service needs, and what is there of it.
#[derive(Debug)]
pub(super) struct Known {
    /// The resource; its id where the platform gives one; whether it is there.
    resources: Vec<(Resource, Option<String>, bool)>,
}

/// What a kind is called.
pub(super) const fn name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Kv => "KV namespace",
        ResourceKind::D1 => "D1 database",
        ResourceKind::R2 => "R2 bucket",
        ResourceKind::Queue => "queue",
        ResourceKind::Vectorize { .. } => "vector index",
    }
}

impl Known {
    /// Asks the platform what is there.
    pub(super) fn look(
        call: &Call<'_>,
        service: &LoadedService,
        environment: &Environment,
    ) -> Result<Self> {
        let wanted = resources(&service.service, environment);
        let has = |kind| wanted.iter().any(|resource| resource.kind == kind);
        let databases = if has(ResourceKind::D1) {
            list(call, &["d1", "list", "--json"], "list the databases")?
        } else {
            Vec::new()
        };
        let stores = if has(ResourceKind::Kv) {
            list(call, &["kv", "namespace", "list"], "list the KV namespaces")?
        } else {
            Vec::new()
        };
        let indexes = if wanted.iter().any(|r| matches!(r.kind, ResourceKind::Vectorize { .. })) {
            list(call, &["vectorize", "list", "--json"], "list the vector indexes")?
        } else {
            Vec::new()
        };
        let mut found = Vec::new();
        for resource in wanted {
            let (id, there) = match resource.kind {
                ResourceKind::D1 => with_id(&databases, "name", "uuid", &resource.name),
                ResourceKind::Kv => with_id(&stores, "title", "id", &resource.name),
                ResourceKind::R2 => {
                    let arguments = ["r2", "bucket", "info", &resource.name, "--json"];
                    (None, exists(call, &arguments, &resource.name)?)
                }
                ResourceKind::Vectorize { .. } => {
                    let there = indexes.iter().any(|index| index["name"] == *resource.name);
                    (None, there)
                }
                ResourceKind::Queue => {
                    (None, exists(call, &["queues", "info", &resource.name], &resource.name)?)
                }
            };
            found.push((resource, id, there));
        }
        Ok(Self { resources: found })
    }

    /// What is not there.
    pub(super) fn missing(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(|(_, _, there)| !there).map(|(resource, _, _)| resource)
    }

    /// The queues that are there and keep messages for a time that the spec gives.
    pub(super) fn to_settle(&self) -> impl Iterator<Item = &Resource> {
        let there = self.resources.iter().filter(|(_, _, there)| *there);
        there.map(|(resource, _, _)| resource).filter(|resource| resource.keep.is_some())
    }

    /// The databases that are to have copies for reading, each with its id.
    pub(super) fn to_replicate(&self) -> impl Iterator<Item = (&Resource, &str)> {
        let copied = self.resources.iter().filter(|(resource, _, _)| resource.replicas);
        copied.filter_map(|(resource, id, _)| Some((resource, id.as_deref()?)))
    }

    /// The ids by binding.
    pub(super) fn ids(&self) -> Result<LockedIds> {
        let mut ids = LockedIds::default();
        for (resource, id, there) in &self.resources {
            if !there {
                let what = name(resource.kind);
                anyhow::bail!(
                    "the {what} `{}` was made, but the platform does not list it",
                    resource.name
                );
            }
            ids.extend(id.clone().map(|id| (resource.binding.clone(), id)));
        }
        Ok(ids)
    }
}

fn list(call: &Call<'_>, arguments: &[&str], doing: &str) -> Result<Vec<Value>> {
    let said = call.run(call.bare(arguments), None, doing)?;
    let start = said.stdout.find('[').unwrap_or_default();
    serde_json::from_str(&said.stdout[start..])
        .with_context(|| format!("wrangler printed no list when it should {doing}"))
}

fn with_id(list: &[Value], key: &str, id: &str, name: &str) -> (Option<String>, bool) {
    let found = list.iter().find(|item| item[key] == name);
    (found.and_then(|item| item[id].as_str()).map(str::to_owned), found.is_some())
}

fn exists(call: &Call<'_>, arguments: &[&str], name: &str) -> Result<bool> {
    let absent = ["does not exist", "[code: 10006]"];
    call.ask(call.bare(arguments), &absent, &format!("look for `{name}`"))
        .map(|said| said.is_some())
}

/// Makes a resource.
pub(super) fn create(call: &Call<'_>, resource: &Resource) -> Result<()> {
    let name = resource.name.as_str();
    let mut options: Vec<String> = retention(resource).into_iter().collect();
    let arguments: &[&str] = match resource.kind {
        ResourceKind::Vectorize { dimensions, metric } => {
            options.push(format!("--dimensions={dimensions}"));
            options.push(format!("--metric={}", metric.name()));
            &["vectorize", "create", name]
        }
        ResourceKind::Kv => &["kv", "namespace", "create", name],
        ResourceKind::D1 => &["d1", "create", name],
        ResourceKind::R2 => &["r2", "bucket", "create", name],
        ResourceKind::Queue => &["queues", "create", name],
    };
    let arguments: Vec<&str> =
        arguments.iter().copied().chain(options.iter().map(String::as_str)).collect();
    let doing = format!("make the {} `{name}`", self::name(resource.kind));
    call.run(call.bare(&arguments), None, &doing)?;
    Ok(())
}

/// How long a queue keeps its messages, where the spec says so.
fn retention(resource: &Resource) -> Option<String> {
    let keep = resource.keep?.as_millis() / 1000;
    Some(format!("--message-retention-period-secs={keep}"))
}

/// Lets a queue that was there before keep its messages as long as the spec says.
pub(super) fn settle(call: &Call<'_>, resource: &Resource) -> Result<()> {
    let Some(retention) = retention(resource) else { return Ok(()) };
    let doing = format!("set how long the queue `{}` keeps messages", resource.name);
    call.run(call.bare(&["queues", "update", &resource.name, &retention]), None, &doing)?;
    Ok(())
}

/// Lets the platform keep copies of a database for reading in its regions; it chooses where.
pub(super) fn replicate(call: &Call<'_>, database: &Resource, id: &str) -> Result<()> {
    let doing = format!("have copies of the database `{}` for reading", database.name);
    call.run(call.script("replicate.mjs", REPLICATE, &[id])?, None, &doing)?;
    Ok(())
}

/// Writes the environment's lock file when an id is new.
pub(super) fn keep(
    context: &Context,
    environment: &Environment,
    folder: &str,
    old: &LockedIds,
    new: &LockedIds,
) -> Result<()> {
    if old == new {
        return Ok(());
    }
    let path = load::lock_path(&context.root, &environment.environment);
    let mut services =
        load::load_lock(&path).document.map(|lock| lock.services).unwrap_or_default();
    services.insert(folder.to_owned(), new.clone());
    let mut text = format!(
        "# yaml-language-server: $schema=../spec/schema/lock.schema.json\n\
         # Ids that the platform gave out. Written by `cargo xtask deploy`; commit it.\n\
         proofline: v1\nenvironment: {}\nservices:\n",
        environment.environment
    );
    for (service, ids) in &services {
        text.push_str(&format!("  {service}:\n"));
        for (binding, id) in ids {
            text.push_str(&format!("    {binding}: {}\n", serde_json::to_string(id)?));
        }
    }
    write_atomically(&path, text.as_bytes())?;
    Ok(())
}
