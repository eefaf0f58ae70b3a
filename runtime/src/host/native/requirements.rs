//! What an environment requires: stores that must be configured and must answer before the service
//! starts. Everything that is missing is told at once.

use std::time::Duration;

use super::config::Config;
use super::databases;
use super::storage::Storage;
use crate::definition::Definition;
use crate::host::config::ConfigProblem;
use crate::host::log::Log;

/// How long a required store may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The bindings that need this variable in the environment, in the order of the spec.
fn in_need<'a>(
    environment: &str,
    bindings: impl Iterator<Item = (&'static str, &'static [&'static str])> + 'a,
) -> Vec<&'static str> {
    let is_required = |required: &[&str]| required.contains(&environment);
    bindings.filter(|(_, required)| is_required(required)).map(|(name, _)| name).collect()
}

fn redis_users(definition: &'static Definition, environment: &str) -> Vec<&'static str> {
    let stores = definition.stores.iter().map(|store| (store.name, store.required));
    let queues = definition.queues.iter().map(|queue| (queue.name, queue.required));
    in_need(environment, stores.chain(queues))
}

fn storage_users(definition: &'static Definition, environment: &str) -> Vec<&'static str> {
    in_need(environment, definition.blobs.iter().map(|blob| (blob.name, blob.required)))
}

/// The databases that must be on a server here, each with its variable.
fn databases(definition: &'static Definition, environment: &str) -> Vec<(&'static str, String)> {
    let variables = definition
        .databases
        .iter()
        .enumerate()
        .map(|(position, database)| (database, databases::variable(position, database.name)));
    let required = variables.filter(|(database, _)| database.required.contains(&environment));
    required.map(|(database, variable)| (database.name, variable)).collect()
}

/// What must be configured here and is not.
pub fn missing(definition: &'static Definition, config: &Config) -> Vec<ConfigProblem> {
    let environment = &config.common.settings.environment;
    let mut problems = Vec::new();
    let mut need = |variable: &str, users: &[&str], is_there: bool| {
        if !users.is_empty() && !is_there {
            let (users, name) = (users.join(", "), variable.to_owned());
            let problem =
                format!("it names no server, and {users} must not be embedded in {environment}");
            problems.push(ConfigProblem { name, problem, fix: "set it".to_owned() });
        }
    };
    for (name, variable) in databases(definition, environment) {
        need(&variable, &[name], config.databases.is_on_server(name));
    }
    need("REDIS_URL", &redis_users(definition, environment), config.redis.is_some());
    let has_storage = !matches!(config.storage, Storage::BesideDatabase);
    need("STORAGE_URL", &storage_users(definition, environment), has_storage);
    problems
}

/// What is required and configured and does not answer.
pub async fn unreachable(
    definition: &'static Definition,
    config: &Config,
    log: &Log,
) -> Vec<ConfigProblem> {
    let environment = &config.common.settings.environment;
    let redis = async {
        let users = redis_users(definition, environment);
        let result = if users.is_empty() { Ok(()) } else { redis(definition, config, log).await };
        problem("REDIS_URL", &users, environment, result)
    };
    let storage = async {
        let users = storage_users(definition, environment);
        let result = match users.first() {
            Some(user) => storage(definition, config, user).await,
            None => Ok(()),
        };
        problem("STORAGE_URL", &users, environment, result)
    };
    let database = |(name, variable): (&'static str, String)| async move {
        problem(&variable, &[name], environment, config.databases.answers(name, PATIENCE).await)
    };
    let databases = databases(definition, environment).into_iter().map(database);
    let databases = futures::future::join_all(databases);
    let (databases, redis, storage) = futures::future::join3(databases, redis, storage).await;
    databases.into_iter().flatten().chain(redis).chain(storage).collect()
}

fn problem(
    variable: &str,
    users: &[&str],
    environment: &str,
    result: Result<(), String>,
) -> Option<ConfigProblem> {
    let cause = result.err()?;
    let users = users.join(", ");
    Some(ConfigProblem {
        name: variable.to_owned(),
        problem: format!("what it names does not work: {cause}"),
        fix: format!("{users} must be reachable in {environment} before the service starts"),
    })
}

#[cfg(feature = "redis")]
async fn redis(definition: &Definition, config: &Config, log: &Log) -> Result<(), String> {
    let Some(url) = &config.redis else { return Ok(()) };
    let options = super::redis::link::Options::of(definition);
    let link = super::redis::link::Link::new(url, options, log.clone())?;
    link.reach(PATIENCE).await.map_err(|error| error.to_string())
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_async, reason = "as with a Redis")]
async fn redis(_: &Definition, _: &Config, _: &Log) -> Result<(), String> {
    Ok(())
}

#[cfg(feature = "s3")]
async fn storage(definition: &Definition, config: &Config, binding: &str) -> Result<(), String> {
    use crate::binding::blob::BlobStore as _;
    let Storage::Bucket(bucket) = &config.storage else { return Ok(()) };
    let bucket = super::object_store::Bucket::new(bucket, definition.service, binding)?;
    match tokio::time::timeout(PATIENCE, bucket.ping()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("it does not answer in time".to_owned()),
    }
}

#[cfg(not(feature = "s3"))]
#[expect(clippy::unused_async, reason = "as with S3")]
async fn storage(_: &Definition, _: &Config, _: &str) -> Result<(), String> {
    Ok(())
}
