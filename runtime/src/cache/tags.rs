//! The versions of tags: an answer holds as long as all of its tags have the versions that they had before it was made.
//!
//! A change announces itself first: the version says until when it may last. Nobody stores an answer meanwhile. If the
//! process ends in the middle, the announcement stays as a version that no stored answer has.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use super::stock::Stock;
use crate::binding::kv::StoreError;
use crate::context::{Context, hex};

/// Begins a version that announces a change.
const ANNOUNCED: char = '!';
/// How far the clocks of replicas may be apart.
const SKEW: Duration = Duration::from_secs(5);

/// The versions of an answer's tags, in the order of the tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Versions(Vec<String>);

impl Versions {
    #[cfg(test)]
    pub(super) const fn of(versions: Vec<String>) -> Self {
        Self(versions)
    }

    /// The versions, unless something of it is being changed at this time (milliseconds since 1970).
    pub(super) fn settled(self, now: u64) -> Option<Self> {
        let changing = |version: &String| {
            let until = version.strip_prefix(ANNOUNCED)?.split('.').next()?.parse::<u64>().ok()?;
            Some(until > now)
        };
        let is_changing = self.0.iter().any(|version| changing(version) == Some(true));
        (!is_changing).then_some(self)
    }
}

fn key(tag: &str) -> String {
    format!("tag:{tag}")
}

/// A version that nothing had before.
fn fresh(context: &Context) -> Result<String, StoreError> {
    let mut random = [0; 12];
    context.fill(&mut random).map_err(|failure| StoreError(failure.to_string()))?;
    Ok(hex(&random))
}

/// The versions of these tags; a tag without one gets one, as no version at all would hold for answers of long ago.
pub(super) async fn read(
    context: &Context,
    stock: &Stock,
    tags: &[String],
) -> Result<Versions, StoreError> {
    let versions = join_all(tags.iter().map(|tag| version(context, stock, tag))).await;
    versions.into_iter().collect::<Result<_, _>>().map(Versions)
}

async fn version(context: &Context, stock: &Stock, tag: &str) -> Result<String, StoreError> {
    let version = if let Some(known) = stock.get(context, &key(tag)).await? {
        known
    } else {
        // All who come at the same time must take the same one: they wait for the same answer.
        let fresh = fresh(context)?.into();
        stock.put_new(context, &key(tag), fresh, stock.keeps_versions()).await?
    };
    String::from_utf8(version.to_vec()).map_err(|_| StoreError("a tag's version is no text".into()))
}

/// Gives these tags new versions.
pub(super) async fn renew(
    context: &Context,
    stock: &Stock,
    tags: &[String],
) -> Result<(), StoreError> {
    let version = fresh(context)?;
    write_all(context, stock, tags, &version).await
}

/// Says that what these tags stand for may change within this time. A store that shows it to others only later would
/// not gain by it.
pub(super) async fn announce(
    context: &Context,
    stock: &Stock,
    tags: &[String],
    within: Duration,
) -> Result<(), StoreError> {
    if within.is_zero() || !stock.is_consistent(context) {
        return Ok(());
    }
    let lasts = u64::try_from((within + SKEW).as_millis()).unwrap_or(u64::MAX);
    let until = context.clock().unix_millis().saturating_add(lasts);
    let version = format!("{ANNOUNCED}{until}.{}", fresh(context)?);
    write_all(context, stock, tags, &version).await
}

async fn write_all(
    context: &Context,
    stock: &Stock,
    tags: &[String],
    version: &str,
) -> Result<(), StoreError> {
    let written = join_all(tags.iter().map(|tag| write(context, stock, tag, version))).await;
    written.into_iter().collect()
}

async fn write(
    context: &Context,
    stock: &Stock,
    tag: &str,
    version: &str,
) -> Result<(), StoreError> {
    let version = Bytes::copy_from_slice(version.as_bytes());
    stock.put(context, &key(tag), version, stock.keeps_versions()).await
}
