//! Uploads that come in several requests: their parts, kept in the store beside the files, and their state.
//!
//! What has arrived is in the store, and how far an upload is where all replicas see it, so that it goes on after a
//! restart, and with any replica. A part is kept before the state says so: what the state says has arrived is there.
//! When all has arrived, the parts are read as one file and go the way of every file.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use crate::binding::blob::{BlobError, BlobStore, UNFINISHED};
use crate::context::Context;
use crate::definition::{Resumable, Upload};
use crate::problem::{Failure, NOT_FOUND, UPLOAD_BUSY};
use crate::upload::state::{Part, State, States};

/// The most parts of an upload: who sends it byte by byte begins anew.
const MOST_PARTS: usize = 10_000;

/// When an upload that was heard of now is removed.
pub(crate) fn expiry(context: &Context, resumable: &Resumable) -> u64 {
    let keep = u64::try_from(resumable.keep.as_millis()).unwrap_or(u64::MAX);
    context.clock().unix_millis().saturating_add(keep)
}

/// The uploads whose parts this process is taking: two requests must not write the same part.
#[derive(Debug, Default)]
pub(crate) struct Busy(Mutex<HashSet<String>>);

/// One upload, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    busy: &'a Busy,
    id: String,
}

impl Busy {
    /// Holds an upload, unless somebody does.
    pub(crate) fn hold(&self, id: &str) -> Result<Held<'_>, Failure> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.insert(id.to_owned()) {
            Ok(Held { busy: self, id: id.to_owned() })
        } else {
            Err(Failure::of(&UPLOAD_BUSY).retry_after(Duration::from_secs(1)))
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.busy.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The state of somebody's upload; whose it is not is told that there is none.
pub(crate) async fn load(
    context: &Context,
    store: &dyn BlobStore,
    resumable: &Resumable,
    id: &str,
    owner: Option<&str>,
) -> Result<State, Failure> {
    let none = || Failure::of(&NOT_FOUND);
    // Only what this made is an id.
    let id = Uuid::try_parse(id).map_err(|_| none())?.to_string();
    let state = States::of(context, store).read(&id).await?.ok_or_else(none)?;
    let known = state.owner.as_deref() == owner && state.at == resumable.at;
    if known && state.expires > context.clock().unix_millis() { Ok(state) } else { Err(none()) }
}

/// Keeps a part, then the state that knows it. Where another replica was first, nothing of it is left.
pub(crate) async fn add(
    context: &Context,
    store: &dyn BlobStore,
    id: &str,
    state: &mut State,
    part: Bytes,
) -> Result<(), Failure> {
    if state.parts.len() >= MOST_PARTS {
        return Err(Failure::of(&UPLOAD_BUSY).detail("There are too many small parts."));
    }
    let size = part.len() as u64;
    // Two requests about one upload never write the same part: which one counts, the state decides.
    let key = format!("{UNFINISHED}{id}.{:05}.{}", state.parts.len(), context.new_id()?);
    store.put(&key, part, "application/octet-stream").await?;
    state.parts.push(Part { key: key.clone(), size });
    let changed = States::of(context, store).change(id, state).await;
    if let Err(failure) = &changed
        && *failure.problem() == UPLOAD_BUSY
    {
        state.parts.pop();
        store.delete(&key).await?;
    }
    // After any other failure nobody knows whether the state has it: what it does not have is swept away later.
    changed
}

/// The parts of an upload as one file; one of them is read at a time.
pub(crate) fn whole<'a>(
    store: &'a dyn BlobStore,
    parts: &'a [Part],
) -> impl Stream<Item = Result<Bytes, Failure>> + Unpin + 'a {
    let part = move |part: &'a Part| async move {
        let missing = || BlobError("a part of an upload is missing".to_owned());
        let reading = store.read(&part.key).await?.ok_or_else(missing)?;
        Ok::<_, BlobError>(reading.pieces())
    };
    stream::iter(parts).then(part).try_flatten().map_err(Failure::from).boxed()
}

/// Removes the parts of an upload.
pub(crate) async fn remove_parts(store: &dyn BlobStore, parts: &[Part]) -> Result<(), Failure> {
    for part in parts {
        store.delete(&part.key).await?;
    }
    Ok(())
}

/// Removes an upload. Its state goes last: without it nobody would look for parts.
pub(crate) async fn remove(
    context: &Context,
    store: &dyn BlobStore,
    id: &str,
    state: &State,
) -> Result<(), Failure> {
    remove_parts(store, &state.parts).await?;
    States::of(context, store).forget(id).await
}

/// Removes uploads that nobody goes on with, and says how many there were.
pub async fn sweep(context: &Context) -> Result<usize, Failure> {
    let mut removed = 0;
    let mut seen = HashSet::new();
    for upload in context.definition().routes.iter().filter_map(|route| route.upload) {
        let Some(resumable) = &upload.resumable else { continue };
        if seen.insert((upload.to, resumable.at)) {
            removed += sweep_one(context, upload, resumable).await?;
        }
    }
    Ok(removed)
}

async fn sweep_one(
    context: &Context,
    upload: &Upload,
    resumable: &Resumable,
) -> Result<usize, Failure> {
    let store = context.blob(upload.to)?;
    let states = States::of(context, store);
    let mut removed = 0;
    for (id, state) in states.over().await? {
        if state.at == resumable.at {
            remove(context, store, &id, &state).await?;
            removed += 1;
        }
    }
    let mut uploads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in store.list(UNFINISHED).await? {
        let name = key.strip_prefix(UNFINISHED).unwrap_or_default();
        let id = name.split('.').next().unwrap_or_default().to_owned();
        uploads.entry(id).or_default().push(key);
    }
    let now = context.clock().unix_millis();
    let keep = u64::try_from(resumable.keep.as_millis()).unwrap_or(u64::MAX);
    for (id, mut keys) in uploads {
        let expires = match states.read(&id).await? {
            Some(state) if state.at == resumable.at => state.expires,
            // Another route's.
            Some(_) => continue,
            None => begun(&id).saturating_add(keep),
        };
        if expires > now {
            continue;
        }
        // The state, whose key is the shortest, goes last.
        keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
        for key in keys {
            store.delete(&key).await?;
        }
        removed += 1;
    }
    Ok(removed)
}

/// When an upload was begun, which its id says.
fn begun(id: &str) -> u64 {
    let time = Uuid::try_parse(id).ok().and_then(|id| id.get_timestamp());
    time.map_or(0, |time| {
        let (seconds, nanos) = time.to_unix();
        seconds * 1000 + u64::from(nanos / 1_000_000)
    })
}
