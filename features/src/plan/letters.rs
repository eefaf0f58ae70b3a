//! The routes by which an administrator sees what queues could not deliver, and puts it into them again.

use proofline_spec::document::{Operation, RouteKey};

use super::Target;

/// The routes about the dead letters of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRoutes {
    /// The queue.
    pub queue: String,
    /// Lists them.
    pub list: RouteKey,
    /// Replays one, where there is such a route.
    pub replay: Option<RouteKey>,
}

impl Target {
    /// The routes of every queue whose dead letters are listed.
    pub fn letter_routes(&self) -> Vec<LetterRoutes> {
        let replay_of = |queue: &str| {
            let is_it = |op: &Operation| matches!(op, Operation::Replay(of) if of.queue == queue);
            self.routes().find(|(_, route)| is_it(&route.op)).map(|(key, _)| key.clone())
        };
        let routes = self.routes().filter_map(|(key, route)| match &route.op {
            Operation::DeadLetters(of) => Some(LetterRoutes {
                queue: of.queue.clone(),
                list: key.clone(),
                replay: replay_of(&of.queue),
            }),
            _ => None,
        });
        routes.collect()
    }
}
