//! Answers that are read as they are sent: JavaScript asks for one piece after the other.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use futures::stream::StreamExt as _;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::JsValue;

use super::{body, glue, worker};
use crate::binding::blob::Pieces;

thread_local! {
    /// What is being sent, by number.
    static SENDING: RefCell<HashMap<u32, Pieces>> = RefCell::default();
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// An answer whose body is read as it is sent.
pub(super) fn answer(head: &Parts, pieces: Pieces) -> JsValue {
    let number = LAST.get().wrapping_add(1);
    LAST.set(number);
    SENDING.with_borrow_mut(|sending| sending.insert(number, pieces));
    let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse().ok()).unwrap_or_default();
    let (own, common) = body::own_and_common(&head.headers);
    glue::answer_in_pieces(head.status.as_u16(), &own, &common, length, number)
}

/// The next piece of an answer; nothing at its end.
pub fn piece(number: u32) -> Promise {
    worker::promise(async move {
        let pieces = SENDING.with_borrow_mut(|sending| sending.remove(&number));
        let Some(mut pieces) = pieces else { return Ok(JsValue::UNDEFINED) };
        match pieces.next().await {
            Some(Ok(piece)) => {
                SENDING.with_borrow_mut(|sending| sending.insert(number, pieces));
                Ok(Uint8Array::from(&*piece).into())
            }
            Some(Err(error)) => Err(JsValue::from_str(&error.to_string())),
            None => Ok(JsValue::UNDEFINED),
        }
    })
}

/// Nobody wants the rest of an answer.
pub fn leave_pieces(number: u32) {
    SENDING.with_borrow_mut(|sending| sending.remove(&number));
}
