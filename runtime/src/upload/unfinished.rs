//! Uploads that come in several requests: their state and their parts, kept in the store beside the files.
//!
//! Everything is in the store, so that an upload goes on after a restart, and with any replica. A part is kept
//! before the state says so: what the state says has arrived is there. When all has arrived, the parts are
//! read as one file and go the way of every file.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::binding::blob::{BlobError, BlobStore, UNFINISHED};
use crate::context::Context;
use crate::definition::{Resumable, Upload};
use crate::problem::{Failure, NOT_FOUND, UPLOAD_BUSY};

/// The most parts of an upload: who sends it byte by byte begins anew.
const MOST_PARTS: usize = 10_000;

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Parts are missing.
    Arriving,
    /// The file is in its place, or about to be; whether its row is written is not known.
    Recording,
    /// The file is there, and its row too.
    Done,
}

/// What is known of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// Whose it is.
    pub(crate) owner: Option<String>,
    /// Where it goes on; routes take up their own uploads only.
    pub(crate) at: String,
    /// How many bytes there will be.
    pub(crate) length: u64,
    /// The file's name, as it was sent.
    pub(crate) name: Option<String>,
    /// What the client says that it is.
    pub(crate) media_type: Option<String>,
    /// The sizes of its parts.
    pub(crate) parts: Vec<u64>,
    pub(crate) phase: Phase,
    /// When it is removed (milliseconds since 1970).
    pub(crate) expires: u64,
}

impl State {
    /// How many bytes have arrived.
    pub(crate) fn offset(&self) -> u64 {
        self.parts.iter().sum()
    }

    /// Whether there may be another part.
    pub(crate) fn has_room(&self) -> bool {
        self.parts.len() < MOST_PARTS
    }
}

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

pub(crate) fn state_key(id: &str) -> String {
    format!("{UNFINISHED}{id}")
}

pub(crate) fn part_key(id: &str, part: usize) -> String {
    format!("{UNFINISHED}{id}.{part:05}")
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
    let state = read(store, &id).await?.ok_or_else(none)?;
    let known = state.owner.as_deref() == owner && state.at == resumable.at;
    if known && state.expires > context.clock().unix_millis() { Ok(state) } else { Err(none()) }
}

async fn read(store: &dyn BlobStore, id: &str) -> Result<Option<State>, Failure> {
    let Some(kept) = store.get(&state_key(id)).await? else { return Ok(None) };
    serde_json::from_slice(&kept.bytes).map(Some).map_err(Failure::internal)
}

/// Keeps a state.
pub(crate) async fn save(store: &dyn BlobStore, id: &str, state: &State) -> Result<(), Failure> {
    let json = serde_json::to_vec(state).map_err(Failure::internal)?;
    store.put(&state_key(id), json.into(), "application/json").await?;
    Ok(())
}

/// Keeps a part, then the state that knows it.
pub(crate) async fn add(
    store: &dyn BlobStore,
    id: &str,
    state: &mut State,
    part: Bytes,
) -> Result<(), Failure> {
    let size = part.len() as u64;
    store.put(&part_key(id, state.parts.len()), part, "application/octet-stream").await?;
    state.parts.push(size);
    save(store, id, state).await
}

/// The parts of an upload as one file; one of them is in memory at a time.
pub(crate) fn whole<'a>(
    store: &'a dyn BlobStore,
    id: &'a str,
    parts: usize,
) -> impl Stream<Item = Result<Bytes, Failure>> + Unpin + 'a {
    let part = move |part: usize| async move {
        let missing = || BlobError("a part of an upload is missing".to_owned());
        let reading = store.read(&part_key(id, part)).await?.ok_or_else(missing)?;
        Ok::<_, BlobError>(reading.pieces())
    };
    stream::iter(0..parts).then(part).try_flatten().map_err(Failure::from).boxed()
}

/// Removes the parts of an upload.
pub(crate) async fn remove_parts(
    store: &dyn BlobStore,
    id: &str,
    parts: usize,
) -> Result<(), Failure> {
    // One more: it may have been kept, and its state not.
    for part in 0..=parts {
        store.delete(&part_key(id, part)).await?;
    }
    Ok(())
}

/// Removes an upload. Its state goes last: without it nobody would look for parts.
pub(crate) async fn remove(store: &dyn BlobStore, id: &str, parts: usize) -> Result<(), Failure> {
    remove_parts(store, id, parts).await?;
    store.delete(&state_key(id)).await?;
    Ok(())
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
    let mut uploads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in store.list(UNFINISHED).await? {
        let name = key.strip_prefix(UNFINISHED).unwrap_or_default();
        let id = name.split('.').next().unwrap_or_default().to_owned();
        uploads.entry(id).or_default().push(key);
    }
    let now = context.clock().unix_millis();
    let keep = u64::try_from(resumable.keep.as_millis()).unwrap_or(u64::MAX);
    let mut removed = 0;
    for (id, mut keys) in uploads {
        let expires = match read(store, &id).await? {
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
