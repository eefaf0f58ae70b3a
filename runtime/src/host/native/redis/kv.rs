//! Redis as the key-value store. Keys that are over are dropped by Redis itself.

use std::time::Duration;

use bytes::Bytes;
use redis::RedisError;

use super::link::Link;
use super::{explain, millis};
use crate::binding::kv::{KeyValueStore, StoreError};
use crate::binding::{Reply, later, ready};

/// A key-value store in Redis.
#[derive(Debug)]
pub struct RedisStore {
    link: Link,
    prefix: String,
}

impl RedisStore {
    /// The store of this binding of a service.
    pub fn new(link: Link, service: &str, binding: &str) -> Self {
        Self { link, prefix: format!("{service}:{binding}:") }
    }

    /// A command about a key.
    fn command(&self, name: &str, key: &str) -> redis::Cmd {
        let mut command = redis::cmd(name);
        command.arg(format!("{}{key}", self.prefix));
        command
    }

    fn set(&self, key: &str, value: &[u8], ttl: Duration) -> redis::Cmd {
        // Redis refuses a life of nothing.
        let life = millis(ttl).clamp(1, i64::MAX as u64);
        let mut command = self.command("SET", key);
        command.arg(value).arg("PX").arg(life);
        command
    }
}

fn failed(error: &RedisError) -> StoreError {
    StoreError(explain(error))
}

impl KeyValueStore for RedisStore {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Bytes>, StoreError>> {
        later(async move {
            let command = self.command("GET", key);
            let value: Option<Vec<u8>> = command
                .query_async(&mut self.link.clone())
                .await
                .map_err(|error| failed(&error))?;
            Ok(value.map(Bytes::from))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<(), StoreError>> {
        later(async move {
            let command = self.set(key, &value, ttl);
            command.query_async(&mut self.link.clone()).await.map_err(|error| failed(&error))
        })
    }

    fn put_new<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<Bytes, StoreError>> {
        later(async move {
            let mut command = self.set(key, &value, ttl);
            command.arg("NX");
            // Nothing comes back when there is a value. One command with GET would ask for a newer Redis.
            let done: Option<String> = command
                .query_async(&mut self.link.clone())
                .await
                .map_err(|error| failed(&error))?;
            if done.is_some() {
                return Ok(value);
            }
            let there = self.get(key).await?;
            there.ok_or_else(|| StoreError("a value that was there has just ended".to_owned()))
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), StoreError>> {
        later(async move {
            let command = self.command("DEL", key);
            command.query_async(&mut self.link.clone()).await.map_err(|error| failed(&error))
        })
    }

    fn sweep(&self) -> Reply<'_, Result<u64, StoreError>> {
        ready(Ok(0))
    }

    fn ping(&self) -> Reply<'_, Result<(), StoreError>> {
        later(async { self.link.ping().await.map_err(|error| failed(&error)) })
    }
}
