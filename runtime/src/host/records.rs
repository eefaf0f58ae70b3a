//! Sends records of requests into their queue, and tells of those that are lost.

use super::isolated;
use super::log::{Level, Log};
use crate::chain::Chain;
use crate::service::Service;

/// Sends the records that wait. What cannot be sent is no request's failure.
pub(crate) async fn send<S: Service>(chain: &Chain<S>, log: &Log) {
    // A panic must not end the sending for good.
    if let Err(failure) = isolated(chain.send_records()).await {
        log.event(Level::Warn, "records_not_sent", &[("cause", failure.to_string().into())]);
    }
    let lost = chain.take_lost_records();
    if lost > 0 {
        log.event(Level::Error, "records_lost", &[("count", lost.into())]);
    }
}
