//! The part of the small service that is paid for, and that goes on by itself: prints.

use serde_json::{Value, json};

use super::service::{Draft, ok, problem};
use super::shop::{Flaw, User};

/// What there is a print of.
const TITLE: &str = "Poster";
/// A print is done when it was looked at so often.
const LOOKS: u32 = 1;

/// A print.
#[derive(Debug)]
pub(crate) struct Print {
    id: String,
    owner: String,
    title: String,
    looks: u32,
    ended: bool,
}

impl Print {
    fn json(&self) -> Value {
        let done = self.ended || self.looks > LOOKS;
        json!({"id": self.id, "title": self.title, "status": if done { "done" } else { "queued" }})
    }
}

/// Makes a print for one credit.
pub(crate) fn make(prints: &mut Vec<Print>, user: &mut User, body: &Value) -> Result<Draft, Draft> {
    if body["title"] != TITLE {
        return Err(problem(404, "gone"));
    }
    user.credits = user.credits.checked_sub(1).ok_or_else(|| problem(409, "poor"))?;
    let id = uuid::Uuid::new_v4().to_string();
    let owner = user.id.clone();
    prints.push(Print { id, owner, title: TITLE.to_owned(), looks: 0, ended: false });
    Ok(ok(201, prints.last().map(Print::json).unwrap_or_default()))
}

/// Shows a print, or ends it.
pub(crate) fn ask(
    flaw: Flaw,
    prints: &mut [Print],
    user: &User,
    id: &str,
    ends: bool,
) -> Result<Draft, Draft> {
    let found = prints.iter_mut().find(|print| print.id == id);
    let print = found.ok_or_else(|| problem(404, "gone"))?;
    if print.owner != user.id {
        if flaw == Flaw::ChangesWhatItRefuses {
            "changed".clone_into(&mut print.title);
        }
        let state = ends && flaw == Flaw::TellsTheState;
        return Err(if state { problem(409, "ended") } else { problem(404, "gone") });
    }
    print.looks += 1;
    if ends && std::mem::replace(&mut print.ended, true) {
        return Err(problem(409, "ended"));
    }
    let owner_is_refused = ends && flaw == Flaw::RefusesOwners;
    if owner_is_refused { Err(problem(404, "gone")) } else { Ok(ok(200, print.json())) }
}
