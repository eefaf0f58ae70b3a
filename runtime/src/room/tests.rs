//! What happens in rooms, event by event, as a host that remembers nothing but the seats tells it.

use std::time::Duration;

use super::*;
use crate::definition::Rate;
use crate::schema::{Property, Schema};

static SAYING: Schema = Schema::object(&[Property::required("text", Schema::text().length(1, 10))]);
static DEFINITION: Definition = Definition {
    rooms: &[Room {
        name: "ROOM",
        message: &SAYING,
        participants: 2,
        max_message: 60,
        rate: Rate::new(3, 10),
        idle: Duration::from_mins(1),
    }],
    ..Definition::DEFAULT
};
/// When everything begins.
const START: u64 = 1_800_000_000_000;

fn seat(who: &str) -> Seat {
    Seat::new("ROOM", who, json!({ "name": who }), Some(START + 600_000), START)
}

/// Through the same texts as between a host and the service.
fn tell_as_text(event: Value, now: u64) -> Told {
    let event = serde_json::from_value(event).expect("an event");
    tell(&DEFINITION, event, now)
}

fn says(seat: &Seat, text: &str, now: u64) -> Told {
    tell_as_text(json!({ "event": "hear", "seat": seat, "text": text }), now)
}

fn frame(text: &str) -> Value {
    serde_json::from_str(text).expect("a frame is JSON")
}

#[test]
fn who_enters_is_told_who_is_there_and_the_others_that_they_came() {
    let event = json!({ "event": "enter", "seat": seat("ada"), "seats": [seat("bob")] });
    let told = tell_as_text(event, START);
    let welcome = frame(told.reply.as_deref().expect("a welcome"));
    assert_eq!(welcome["you"]["name"], "ada");
    assert_eq!(welcome["members"], json!([{ "name": "bob" }]));
    assert_eq!(told.others.len(), 1);
    assert_eq!(frame(&told.others[0])["type"], "joined");
    assert_eq!(told.seat, Some(seat("ada")));
    assert_eq!(told.wake, Some(START + 60_000));
    assert!(!told.full);
}

#[test]
fn a_full_room_takes_nobody_and_who_is_gone_takes_no_place() {
    let (bob, mut eve) = (seat("bob"), seat("eve"));
    let enter = |seats: Value| {
        tell_as_text(json!({ "event": "enter", "seat": seat("ada"), "seats": seats }), START)
    };
    let told = enter(json!([bob, eve]));
    assert!(told.full && told.seat.is_none() && told.others.is_empty());
    eve.gone = true;
    assert!(!enter(json!([bob, eve])).full);
}

#[test]
fn who_enters_again_takes_their_own_place_and_nobody_hears_of_it() {
    let mut former = seat("ada");
    former.said = (START, 0, 3);
    let event = json!({ "event": "enter", "seat": seat("ada"), "seats": [seat("bob"), former] });
    let told = tell_as_text(event, START);
    assert!(!told.full && told.others.is_empty());
    let [(1, gone, (4409, _))] = &told.ends[..] else { panic!("{:?}", told.ends) };
    assert!(gone.gone);
    let seat = told.seat.expect("a seat");
    assert_eq!(says(&seat, r#"{"text":"hi"}"#, START).close, Some(TOO_MANY), "no fresh allowance");
    let event = json!({ "event": "leave", "seat": gone, "code": 1000 });
    assert_eq!(tell_as_text(event, START), Told::default());
}

#[test]
fn what_follows_the_schema_is_told_to_the_others_with_who_said_it() {
    let told = says(&seat("ada"), r#"{"text":"hello"}"#, START + 5);
    assert_eq!((told.reply, told.close), (None, None));
    let heard = frame(&told.others[0]);
    assert_eq!(heard["type"], "message");
    assert_eq!(heard["from"], json!({ "name": "ada" }));
    assert_eq!(heard["message"], json!({ "text": "hello" }));
    assert_eq!(told.seat.map(|seat| seat.heard), Some(START + 5));
}

#[test]
fn what_does_not_follow_the_schema_is_told_to_nobody_but_its_author() {
    for text in ["", "{", "[]", r#"{"text":""}"#, r#"{"text":"hi","from":"bob"}"#, r#"{"text":1}"#]
    {
        let told = says(&seat("ada"), text, START);
        assert!(told.others.is_empty() && told.close.is_none(), "{text}");
        assert_eq!(frame(told.reply.as_deref().expect("a refusal"))["type"], "refused", "{text}");
    }
}

#[test]
fn too_much_too_often_and_no_text_end_the_connection() {
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(60));
    let told = says(&seat("ada"), &long, START);
    assert_eq!(told.close, Some(TOO_BIG));
    assert_eq!(frame(&told.others[0])["type"], "left");
    let binary = json!({ "event": "hear", "seat": seat("ada"), "text": null });
    assert_eq!(tell_as_text(binary, START).close, Some(BINARY));
    let mut seat = seat("ada");
    for _ in 0..3 {
        let told = says(&seat, r#"{"text":"hi"}"#, START);
        assert_eq!(told.close, None);
        seat = told.seat.expect("a seat");
    }
    let told = says(&seat, r#"{"text":"hi"}"#, START);
    assert_eq!(told.close, Some(TOO_MANY));
    let gone = told.seat.expect("a seat");
    assert_eq!(says(&gone, r#"{"text":"hi"}"#, START + 60_000), Told::default(), "nobody hears it");
}

#[test]
fn a_credential_that_ends_ends_the_connection() {
    assert_eq!(says(&seat("ada"), "{}", START + 600_000).close, Some(EXPIRED));
    let event = json!({ "event": "wake", "seats": [seat("ada")], "answered": [START + 599_999] });
    let told = tell_as_text(event, START + 600_000);
    let [(0, gone, EXPIRED)] = &told.ends[..] else { panic!("{:?}", told.ends) };
    assert!(gone.gone);
}

#[test]
fn who_is_silent_leaves_and_who_asks_whether_the_room_is_there_stays() {
    let mut former = seat("eve");
    former.gone = true;
    let event = json!({
        "event": "wake",
        "seats": [former, seat("ada"), seat("bob")],
        "answered": [0, 0, START + 30_000],
    });
    let told = tell_as_text(event, START + 60_000);
    let [(1, _, SILENT)] = &told.ends[..] else { panic!("{:?}", told.ends) };
    assert_eq!(told.others, [left(&seat("ada"))]);
    assert_eq!(told.wake, Some(START + 90_000));
}
