//! What a route tells again after each change.

use std::time::Duration;

use super::Flag;

/// How what a route answers is followed over a WebSocket: at once, and again after each change, until its end.
#[derive(Debug)]
pub struct Watch {
    /// Where the answer says the state, as a JSON pointer.
    pub state: &'static str,
    /// The states after which nothing changes any more.
    pub ends: &'static [&'static str],
    /// How often it is looked for what other processes changed, and whether the caller may still see it.
    pub poll: Duration,
    /// How many of them one caller may have open in one process.
    pub connections: usize,
    /// The feature without which a caller is answered over HTTP only.
    pub flag: Option<&'static Flag>,
}
