//! What the connection of one who is in a room remembers of them. It is all that there is of them: the object that
//! keeps the room sleeps while nobody says anything, and forgets the rest.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Rate, Room};
use crate::policy::limit::window::Window;

/// One who is in a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// Name of the room's binding.
    pub room: String,
    /// The id of the principal who authenticated.
    pub who: String,
    /// What the others see of them.
    pub member: Value,
    /// When the credential ends, in milliseconds since 1970.
    pub until: Option<u64>,
    /// When they were heard last.
    pub heard: u64,
    /// How much they said of late; see [`Window::parts`].
    pub said: (u64, u32, u32),
    /// Whether they are in the room no longer, although the connection is not closed yet.
    pub gone: bool,
}

impl Seat {
    /// Somebody who enters now.
    pub fn new(room: &str, who: &str, member: Value, until: Option<u64>, now: u64) -> Self {
        Self {
            room: room.to_owned(),
            who: who.to_owned(),
            member,
            until,
            heard: now,
            said: (now, 0, 0),
            gone: false,
        }
    }

    /// Whether one message more may be said now.
    pub(super) fn may_say(&mut self, rate: Rate, now: u64) -> bool {
        let (start, before, current) = self.said;
        let mut window = Window::from_parts(start, before, current);
        let decision = window.take(rate, Duration::from_millis(now));
        self.said = window.parts();
        decision.allowed
    }

    /// When it has to be looked whether they are still there: the credential's end, or that of their silence.
    /// `answered` is when the platform heard of them last.
    pub(super) fn due(&self, room: &Room, answered: u64) -> u64 {
        let idle = u64::try_from(room.idle.as_millis()).unwrap_or(u64::MAX);
        let silent = self.heard.max(answered).saturating_add(idle);
        self.until.map_or(silent, |until| until.min(silent))
    }

    /// Whether the credential no longer holds.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
