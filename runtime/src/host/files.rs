//! Removes what nobody wants of files any more: uploads that were not finished, and files whose rows are gone. Every
//! process may do it at any time: to remove what is gone already is no error.

use crate::context::Context;
use crate::host::isolated;
use crate::host::log::{Level, Log};
use crate::upload::{removed, unfinished};

/// Removes what is over, once; what does not work is logged, and tried again the next time.
pub(crate) async fn clean_up(context: &Context, log: &Log) {
    for (event, sweeping) in [
        ("uploads_removed", isolated(unfinished::sweep(context)).await),
        ("files_removed", isolated(removed::sweep(context)).await),
    ] {
        match sweeping {
            Ok(0) => {}
            Ok(removed) => log.event(Level::Info, event, &[("files", removed.into())]),
            Err(failure) => {
                let cause = failure.to_string();
                log.event(Level::Warn, "files_not_removed", &[("cause", cause.into())]);
            }
        }
    }
}
