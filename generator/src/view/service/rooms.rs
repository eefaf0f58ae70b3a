//! Rooms, and the operation that lets into them.

use proofline_spec::document::room::{IDLE, MAX_MESSAGE, PARTICIPANTS};
use proofline_spec::document::{Binding, Service};

use super::literals::{duration, number, text};
use crate::view::names;

/// The definition's rooms.
pub(crate) fn rooms(service: &Service) -> Vec<String> {
    let mut found = Vec::new();
    for (name, binding) in &service.bindings {
        let Binding::Room { message, rate, participants, max_message, idle } = binding else {
            continue;
        };
        found.push(format!(
            "Room {{ name: {}, message: &schemas::{}, participants: {}, max_message: {}, rate: Rate::new({}, {}), \
             idle: {} }}",
            text(name),
            names::screaming(message),
            number(participants.unwrap_or(PARTICIPANTS).into()),
            number(max_message.unwrap_or(MAX_MESSAGE).get()),
            number(rate.count),
            rate.window.as_secs(),
            duration(idle.unwrap_or(IDLE)),
        ));
    }
    found
}
