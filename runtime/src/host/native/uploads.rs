//! Removes uploads that nobody goes on with. Every process does: to remove what is gone already is no error.

use std::time::Duration;

use tokio::sync::watch;

use crate::context::Context;
use crate::host::isolated;
use crate::host::log::{Level, Log};
use crate::upload::unfinished;

/// How often it is looked at most, and at least.
const OFTEN: Duration = Duration::from_mins(1);
const SELDOM: Duration = Duration::from_mins(15);

/// Removes what is over now and again, until the process is stopping.
pub(super) async fn keep_clean(context: &Context, mut stopping: watch::Receiver<bool>, log: &Log) {
    let routes = context.definition().routes.iter().filter_map(|route| route.upload);
    let shortest = routes.filter_map(|upload| Some(upload.resumable.as_ref()?.keep)).min();
    let Some(shortest) = shortest else { return };
    let pause = (shortest / 4).clamp(OFTEN, SELDOM);
    loop {
        let sweeping = async {
            let removed = unfinished::sweep(context).await?;
            if removed > 0 {
                log.event(Level::Info, "uploads_removed", &[("uploads", removed.into())]);
            }
            Ok(())
        };
        if let Err(failure) = isolated(sweeping).await {
            log.event(Level::Warn, "uploads_not_removed", &[("cause", failure.to_string().into())]);
        }
        tokio::select! {
            () = context.clock().sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::future::BoxFuture;

    use bytes::Bytes;
    use futures::stream::TryStreamExt as _;

    use super::*;
    use crate::binding::blob::{BlobStore, UNFINISHED};
    use crate::binding::clock::Clock;
    use crate::context::{Bindings, Settings};
    use crate::definition::{Definition, Resumable, Route, Upload};
    use crate::host::native::clock::SystemEntropy;
    use crate::host::native::folder::Folder;
    use crate::host::native::password::Argon2id;
    use crate::host::native::rsa::AwsLc;
    use crate::upload::unfinished::{
        Busy, Phase, State, add, expiry, load, part_key, state_key, sweep, whole,
    };

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
    static DEFINITION: Definition = Definition {
        routes: &[Route { path: "/files", upload: Some(&UPLOAD), ..Route::DEFAULT }],
        ..Definition::DEFAULT
    };

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

    /// A process with the files of this folder: another one after a restart.
    fn process(folder: &std::path::Path, clock: &Arc<Hand>) -> Context {
        let store: Arc<dyn BlobStore> =
            Arc::new(Folder::open(folder.to_owned()).expect("a folder"));
        let clock = Arc::clone(clock);
        let bindings = Bindings {
            databases: HashMap::new(),
            stores: HashMap::new(),
            queues: HashMap::new(),
            blobs: HashMap::from([("FILES", store)]),
            upstreams: HashMap::new(),
            clock,
            entropy: Arc::new(SystemEntropy),
            passwords: Arc::new(Argon2id::fitting(1, None)),
            rsa: Arc::new(AwsLc),
        };
        Context::new(&DEFINITION, Settings::default(), bindings)
    }

    async fn begun(context: &Context, owner: &str) -> (String, State) {
        let resumable = UPLOAD.resumable.as_ref().expect("resumable");
        let id = context.new_id().expect("an id");
        let mut state = State {
            owner: Some(owner.to_owned()),
            at: resumable.at.to_owned(),
            length: 10,
            name: None,
            media_type: None,
            parts: Vec::new(),
            phase: Phase::Arriving,
            expires: expiry(context, resumable),
        };
        let store = context.blob("FILES").expect("a store");
        add(store, &id, &mut state, Bytes::from_static(b"abc")).await.expect("kept");
        add(store, &id, &mut state, Bytes::from_static(b"de")).await.expect("kept");
        (id, state)
    }

    #[tokio::test]
    async fn an_upload_goes_on_after_a_restart_and_only_for_whom_it_is() {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(Hand::default()));
        let resumable = UPLOAD.resumable.as_ref().expect("resumable");
        let (id, _) = begun(&process(folder.path(), &clock), "anna").await;
        let context = process(folder.path(), &clock);
        let store = context.blob("FILES").expect("a store");
        let load = async |owner| load(&context, store, resumable, &id, owner).await;
        let state = load(Some("anna")).await.expect("hers");
        assert_eq!(state.offset(), 5);
        let pieces: Vec<Bytes> =
            whole(store, &id, state.parts.len()).try_collect().await.expect("readable");
        assert_eq!(pieces.concat(), b"abcde");
        for other in [Some("bert"), None] {
            assert_eq!(load(other).await.expect_err("not theirs").problem().status, 404);
        }
    }

    #[tokio::test]
    async fn uploads_that_nobody_goes_on_with_are_removed_and_no_others() {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(Hand::default()));
        let context = process(folder.path(), &clock);
        let store = context.blob("FILES").expect("a store");
        store.put("a file", Bytes::from_static(b"x"), "image/png").await.expect("kept");
        let (old, state) = begun(&context, "anna").await;
        // Its state was lost: the parts are known by the time in their id.
        let (lost, _) = begun(&context, "anna").await;
        store.delete(&state_key(&lost)).await.expect("removed");
        clock.0.store(state.expires - 1, Ordering::Relaxed);
        assert_eq!(sweep(&context).await.expect("swept"), 0);
        let (young, _) = begun(&context, "anna").await;
        clock.0.store(state.expires, Ordering::Relaxed);
        assert_eq!(sweep(&context).await.expect("swept"), 2);
        let mut left = store.list(UNFINISHED).await.expect("listed");
        left.sort();
        let expected = [state_key(&young), part_key(&young, 0), part_key(&young, 1)];
        assert_eq!(left, expected, "{old} and {lost} are gone");
        assert!(store.get("a file").await.expect("readable").is_some());
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
}
