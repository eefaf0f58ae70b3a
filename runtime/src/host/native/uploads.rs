//! Removes uploads that nobody goes on with. Every process does: to remove what is gone already is no error.

use std::time::Duration;

use tokio::sync::watch;

use crate::context::Context;
use crate::host::files;
use crate::host::log::Log;

/// How often it is looked at most, and at least.
const OFTEN: Duration = Duration::from_mins(1);
const SELDOM: Duration = Duration::from_mins(15);

/// Removes what is over now and again, until the process is stopping.
pub(super) async fn keep_clean(context: &Context, mut stopping: watch::Receiver<bool>, log: &Log) {
    let routes = context.definition().routes.iter().filter_map(|route| route.upload);
    let shortest = routes.filter_map(|upload| Some(upload.resumable.as_ref()?.keep)).min();
    // Who deletes a file does not want it to be kept for long.
    let removed = context.definition().files.removed_in.map(|_| OFTEN);
    let unfinished = shortest.map(|shortest| (shortest / 4).clamp(OFTEN, SELDOM));
    let Some(pause) = removed.or(unfinished) else { return };
    loop {
        files::clean_up(context, log).await;
        tokio::select! {
            () = context.clock().sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

#[cfg(test)]
mod tests;
