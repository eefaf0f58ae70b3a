//! Two processes with one folder of files, with and without a database that knows of them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::TryStreamExt as _;

use crate::binding::blob::{BlobStore, UNFINISHED};
use crate::binding::clock::Clock;
use crate::binding::sql::Database;
use crate::context::{Bindings, Context, Settings};
use crate::definition::{Definition, Files, Resumable, Route, Upload};
use crate::host::native::clock::SystemEntropy;
use crate::host::native::folder::Folder;
use crate::host::native::password::Argon2id;
use crate::host::native::rsa::AwsLc;
use crate::host::native::sqlite::Sqlite;
use crate::upload::removed;
use crate::upload::state::{Phase, State, States, key};
use crate::upload::unfinished::{Busy, add, expiry, load, sweep, whole};

static UPLOAD: Upload = Upload {
    to: "FILES",
    accept: &["image/png"],
    max_size: 1000,
    max_pixels: None,
    within: Duration::from_mins(1),
    resumable: Some(Resumable {
        at: "/unfinished/{id}",
        parameter: "id",
        keep: Duration::from_hours(1),
    }),
};
const ROUTE: Route = Route { path: "/files", upload: Some(&UPLOAD), ..Route::DEFAULT };
static WITHOUT: Definition = Definition { routes: &[ROUTE], ..Definition::DEFAULT };
static WITH: Definition = Definition {
    routes: &[ROUTE],
    files: Files { unfinished_in: Some("DB"), removed_in: Some("DB") },
    ..Definition::DEFAULT
};

const TABLES: &str = "
    create table unfinished_uploads
        (id text primary key, revision integer not null, state text not null, expires_at text not null);
    create table removed_files
        (key text not null, store text not null, removed_at text not null, primary key (key, store));";

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.unix_millis())
    }
    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// A process with the files of this folder, and its database: another one after a restart, or a replica.
fn process(definition: &'static Definition, folder: &Path, clock: &Arc<Hand>) -> Context {
    let store: Arc<dyn BlobStore> = Arc::new(Folder::open(folder.join("files")).expect("a folder"));
    let path = folder.join("db.sqlite");
    if !path.exists() {
        let made = rusqlite::Connection::open(&path).expect("a database");
        made.execute_batch(TABLES).expect("tables");
    }
    let database: Arc<dyn Database> =
        Arc::new(Sqlite::open(&path, Duration::from_secs(5)).expect("a database"));
    let clock = Arc::clone(clock);
    let bindings = Bindings {
        databases: HashMap::from([("DB", database)]),
        stores: HashMap::new(),
        queues: HashMap::new(),
        blobs: HashMap::from([("FILES", store)]),
        rooms: HashMap::new(),
        embedders: HashMap::new(),
        indexes: HashMap::new(),
        upstreams: HashMap::new(),
        clock,
        entropy: Arc::new(SystemEntropy),
        passwords: Arc::new(Argon2id::fitting(1, None)),
        rsa: Arc::new(AwsLc),
    };
    Context::new(definition, Settings::default(), bindings)
}

fn resumable() -> &'static Resumable {
    UPLOAD.resumable.as_ref().expect("resumable")
}

async fn keep(context: &Context, id: &str, state: &mut State, part: &'static str) -> u16 {
    let store = context.blob("FILES").expect("a store");
    let kept = add(context, store, id, state, Bytes::from(part)).await;
    kept.map_or_else(|failure| failure.problem().status, |()| 204)
}

async fn begun(context: &Context, owner: &str) -> (String, State) {
    let id = context.new_id().expect("an id");
    let mut state = State {
        owner: Some(owner.to_owned()),
        at: resumable().at.to_owned(),
        length: 10,
        name: None,
        media_type: None,
        parts: Vec::new(),
        phase: Phase::Arriving,
        expires: expiry(context, resumable()),
        revision: 0,
    };
    let store = context.blob("FILES").expect("a store");
    States::of(context, store).begin(&id, &state).await.expect("begun");
    assert_eq!(keep(context, &id, &mut state, "abc").await, 204);
    assert_eq!(keep(context, &id, &mut state, "de").await, 204);
    (id, state)
}

async fn told(context: &Context, id: &str, owner: Option<&str>) -> Result<State, u16> {
    let store = context.blob("FILES").expect("a store");
    let state = load(context, store, resumable(), id, owner).await;
    state.map_err(|failure| failure.problem().status)
}

async fn content(context: &Context, state: &State) -> Vec<u8> {
    let store = context.blob("FILES").expect("a store");
    let pieces: Vec<Bytes> = whole(store, &state.parts).try_collect().await.expect("readable");
    pieces.concat()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_and_only_for_whom_it_is() {
    for definition in [&WITHOUT, &WITH] {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(Hand::default()));
        let (id, _) = begun(&process(definition, folder.path(), &clock), "anna").await;
        let context = process(definition, folder.path(), &clock);
        let state = told(&context, &id, Some("anna")).await.expect("hers");
        assert_eq!((state.offset(), content(&context, &state).await), (5, b"abcde".to_vec()));
        for other in [Some("bert"), None] {
            assert_eq!(told(&context, &id, other).await.err(), Some(404));
        }
    }
}

#[tokio::test]
async fn of_two_replicas_that_go_on_with_one_upload_one_is_late_and_nothing_is_doubled() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(Hand::default()));
    let (one, other) =
        (process(&WITH, folder.path(), &clock), process(&WITH, folder.path(), &clock));
    let (id, _) = begun(&one, "anna").await;
    // Both have read how far it is before either writes.
    let mut first = told(&one, &id, Some("anna")).await.expect("there");
    let mut second = told(&other, &id, Some("anna")).await.expect("there");
    let (one_said, other_said) =
        tokio::join!(keep(&one, &id, &mut first, "12345"), keep(&other, &id, &mut second, "vwxyz"));
    let mut said = [one_said, other_said];
    let wanted: &[u8] = if said[0] == 204 { b"abcde12345" } else { b"abcdevwxyz" };
    said.sort_unstable();
    assert_eq!(said, [204, 409]);
    let state = told(&one, &id, Some("anna")).await.expect("there");
    assert_eq!((state.offset(), content(&one, &state).await), (10, wanted.to_vec()));
    let kept = one.blob("FILES").expect("a store").list(UNFINISHED).await.expect("listed");
    assert_eq!(kept.len(), 3, "of the late part nothing is left: {kept:?}");
}

#[tokio::test]
async fn uploads_that_nobody_goes_on_with_are_removed_and_no_others() {
    for definition in [&WITHOUT, &WITH] {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(Hand::default()));
        let context = process(definition, folder.path(), &clock);
        let store = context.blob("FILES").expect("a store");
        store.put("a file", Bytes::from_static(b"x"), "image/png").await.expect("kept");
        let (old, state) = begun(&context, "anna").await;
        // Its state was lost: the parts are known by the time in their id.
        let (lost, _) = begun(&context, "anna").await;
        States::of(&context, store).forget(&lost).await.expect("removed");
        clock.0.store(state.expires - 1, Ordering::Relaxed);
        assert_eq!(sweep(&context).await.expect("swept"), 0);
        let (young, left) = begun(&context, "anna").await;
        clock.0.store(state.expires, Ordering::Relaxed);
        assert_eq!(sweep(&context).await.expect("swept"), 2);
        let mut found = store.list(UNFINISHED).await.expect("listed");
        found.retain(|found| *found != key(&young));
        found.sort();
        let expected: Vec<_> = left.parts.iter().map(|part| part.key.clone()).collect();
        assert_eq!(found, expected, "{old} and {lost} are gone");
        assert!(store.get("a file").await.expect("readable").is_some());
        assert!(told(&context, &young, Some("anna")).await.is_ok());
    }
}

#[tokio::test]
async fn files_that_are_listed_as_removed_go_also_after_a_stop_in_between() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(Hand::default()));
    let context = process(&WITH, folder.path(), &clock);
    let store = context.blob("FILES").expect("a store");
    for key in ["hers", "his", "gone already"] {
        store.put(key, Bytes::from_static(b"x"), "image/png").await.expect("kept");
    }
    // As a process that was killed after the file went and before its line did.
    store.delete("gone already").await.expect("removed");
    let list = rusqlite::Connection::open(folder.path().join("db.sqlite")).expect("a database");
    list.execute_batch(
        "insert into removed_files values ('hers', 'FILES', '1'), ('gone already', 'FILES', '2')",
    )
    .expect("listed");
    assert_eq!(removed::sweep(&context).await.expect("swept"), 2);
    assert!(store.get("hers").await.expect("readable").is_none());
    assert!(store.get("his").await.expect("readable").is_some());
    assert_eq!(removed::sweep(&context).await.expect("swept"), 0);
}

#[test]
fn two_requests_about_one_upload_are_kept_apart() {
    let busy = Busy::default();
    let held = busy.hold("a").expect("free");
    assert_eq!(busy.hold("a").expect_err("held").problem().status, 409);
    assert!(busy.hold("b").is_ok());
    drop(held);
    assert!(busy.hold("a").is_ok());
}
