//! Rooms: who is in one, what is said in it, who hears it. Whoever keeps a room tells what happened, and is told what
//! comes of it; nothing is remembered here, so that a room may sleep at any moment and go on after it.

mod seat;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::seat::Seat;
use crate::definition::{Definition, Room};
use crate::policy::{body, validate};
use crate::schema::{Place, Violation};
use crate::time;

/// Why a connection of a room ends (RFC 6455, section 7.4): the code, and the reason in words.
pub type Close = (u16, &'static str);

const BINARY: Close = (1003, "messages are JSON texts");
const TOO_MANY: Close = (1008, "too many messages");
const TOO_BIG: Close = (1009, "the message is too large");
const BROKEN: Close = (1011, "the room cannot be kept now");
const EXPIRED: Close = (4401, "the credential no longer holds");
const SILENT: Close = (4408, "nothing was heard for too long");
const ELSEWHERE: Close = (4409, "entered again over another connection");

/// What happened in a room. Seats of others stand in the order in which the connections are told.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Somebody enters.
    Enter {
        /// Their seat.
        seat: Seat,
        /// Those who are there.
        seats: Vec<Seat>,
    },
    /// Somebody said something; no text when it was binary.
    Hear {
        /// Their seat.
        seat: Seat,
        /// What they said.
        text: Option<String>,
    },
    /// A connection ended.
    Leave {
        /// Whose.
        seat: Seat,
        /// With which code.
        code: u16,
    },
    /// It is time to look who is still there.
    Wake {
        /// Those who are there.
        seats: Vec<Seat>,
        /// When each was heard last without waking the room, in milliseconds since 1970.
        answered: Vec<u64>,
    },
    /// The room had slept, and so many are in it.
    Woken {
        /// How many.
        seats: usize,
    },
}

/// What comes of it.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Told {
    /// What the connection remembers from now on.
    pub seat: Option<Seat>,
    /// What is sent to it.
    pub reply: Option<String>,
    /// What is sent to all others who are there.
    pub others: Vec<String>,
    /// How it is closed.
    pub close: Option<Close>,
    /// Whether there is no room for it.
    pub full: bool,
    /// Which of the seats are left, by position, and how their connections are closed.
    pub ends: Vec<(usize, Seat, Close)>,
    /// When it has to be looked again who is there, in milliseconds since 1970.
    pub wake: Option<u64>,
}

/// What comes of an event.
pub fn tell(definition: &Definition, event: Event, now: u64) -> Told {
    let find = |name: &str| definition.rooms.iter().find(|room| room.name == name);
    match event {
        Event::Enter { seat, seats } => match find(&seat.room) {
            Some(room) => enter(room, seat, &seats, now),
            None => Told { full: true, ..Told::default() },
        },
        Event::Hear { seat, text } => match find(&seat.room) {
            _ if seat.gone => Told::default(),
            Some(room) => hear(room, seat, text, now),
            // Another version of the service knew it.
            None => leaving(seat, BROKEN),
        },
        Event::Leave { seat, .. } if seat.gone => Told::default(),
        Event::Leave { seat, .. } => Told { others: vec![left(&seat)], ..Told::default() },
        Event::Wake { seats, answered } => {
            let room = seats.first().and_then(|seat| find(&seat.room));
            room.map(|room| wake(room, seats, &answered, now)).unwrap_or_default()
        }
        Event::Woken { .. } => Told::default(),
    }
}

/// Everybody has one place: who enters again, as after a connection that broke, has the old one no longer.
fn enter(room: &Room, mut seat: Seat, seats: &[Seat], now: u64) -> Told {
    let there = || seats.iter().enumerate().filter(|(_, other)| !other.gone);
    let others: Vec<&Seat> =
        there().map(|(_, other)| other).filter(|other| other.who != seat.who).collect();
    if others.len() >= usize::try_from(room.participants).unwrap_or(usize::MAX) {
        return Told { full: true, ..Told::default() };
    }
    let mut ends = Vec::new();
    for (at, former) in there().filter(|(_, other)| other.who == seat.who) {
        seat.said = former.said;
        ends.push((at, Seat { gone: true, ..former.clone() }, ELSEWHERE));
    }
    let members: Vec<&Value> = others.iter().map(|other| &other.member).collect();
    let welcome = json!({ "type": "welcome", "you": seat.member, "members": members });
    let joined = json!({ "type": "joined", "member": seat.member, "at": time::rfc3339(now) });
    let due = others.iter().map(|other| other.due(room, 0)).chain([seat.due(room, 0)]).min();
    Told {
        reply: Some(welcome.to_string()),
        others: if ends.is_empty() { vec![joined.to_string()] } else { Vec::new() },
        ends,
        wake: due,
        seat: Some(seat),
        ..Told::default()
    }
}

fn hear(room: &Room, mut seat: Seat, text: Option<String>, now: u64) -> Told {
    seat.heard = now;
    if seat.is_over(now) {
        return leaving(seat, EXPIRED);
    }
    if !seat.may_say(room.rate, now) {
        return leaving(seat, TOO_MANY);
    }
    let Some(text) = text else { return leaving(seat, BINARY) };
    if text.len() > room.max_message {
        return leaving(seat, TOO_BIG);
    }
    let told = |reply, others| Told { seat: Some(seat.clone()), reply, others, ..Told::default() };
    let mut message = match body::parse(text.as_bytes()) {
        Ok(message) => message,
        Err(failure) => {
            let detail = failure.client_detail().unwrap_or_default();
            return told(Some(refused(failure.problem().name, Some(detail), &[])), Vec::new());
        }
    };
    let violations = validate::check(room.message, &mut message, Place::Body);
    if !violations.is_empty() {
        return told(Some(refused("validation-failed", None, &violations)), Vec::new());
    }
    let frame = json!({
        "type": "message",
        "from": seat.member,
        "at": time::rfc3339(now),
        "message": message,
    });
    told(None, vec![frame.to_string()])
}

/// What one is told whose message nobody gets.
fn refused(problem: &str, detail: Option<&str>, violations: &[Violation]) -> String {
    let errors: Vec<Value> = violations
        .iter()
        .map(
            |wrong| json!({ "pointer": wrong.pointer, "code": wrong.code, "detail": wrong.detail }),
        )
        .collect();
    let mut frame = json!({ "type": "refused", "problem": problem });
    if let Some(detail) = detail {
        frame["detail"] = detail.into();
    }
    if !errors.is_empty() {
        frame["errors"] = errors.into();
    }
    frame.to_string()
}

fn left(seat: &Seat) -> String {
    json!({ "type": "left", "member": seat.member }).to_string()
}

/// The others are told at once: a client that is gone never agrees to the end of its connection.
fn leaving(seat: Seat, close: Close) -> Told {
    Told {
        others: vec![left(&seat)],
        seat: Some(Seat { gone: true, ..seat }),
        close: Some(close),
        ..Told::default()
    }
}

fn wake(room: &Room, seats: Vec<Seat>, answered: &[u64], now: u64) -> Told {
    let mut told = Told::default();
    for (at, seat) in seats.into_iter().enumerate().filter(|(_, seat)| !seat.gone) {
        let due = seat.due(room, answered.get(at).copied().unwrap_or_default());
        if due > now {
            told.wake = Some(told.wake.map_or(due, |wake| wake.min(due)));
            continue;
        }
        let close = if seat.is_over(now) { EXPIRED } else { SILENT };
        told.others.push(left(&seat));
        told.ends.push((at, Seat { gone: true, ..seat }, close));
    }
    told
}

#[cfg(test)]
mod tests;
