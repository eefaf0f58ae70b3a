//! Lets somebody into a room, as what a statement tells of them.

use serde_json::Value;

use crate::answer::{Answer, Outcome};
use crate::binding::room::EnterError;
use crate::binding::sql::Bound;
use crate::call::Call;
use crate::problem::{Failure, NOT_FOUND, ROOM_FULL};
use crate::room::Seat;

/// A connection remembers 2,048 bytes, in which a letter may take two.
const LONGEST: usize = 960;

/// Lets the caller into the room with this id. What the statement finds is what the others see of them; without a row
/// there is no such room for them.
pub async fn room(call: &Call, name: &str, id: &str, member: Bound) -> Outcome {
    let otherwise = member.statement.otherwise.unwrap_or(&NOT_FOUND);
    // What copies have may be too old to decide by.
    let done = call.context.run(member).await?;
    let mut json = Vec::new();
    done.first().ok_or_else(|| Failure::of(otherwise))?.write_json(&mut json)?;
    let member: Value = serde_json::from_slice(&json).map_err(Failure::internal)?;
    let principal = call.principal()?;
    let now = call.clock().unix_millis();
    let seat = Seat::new(name, &principal.id, member, principal.expires, now);
    let seat = serde_json::to_string(&seat).map_err(Failure::internal)?;
    if seat.encode_utf16().count() > LONGEST {
        let cause = format!("more than {LONGEST} characters would be remembered of a participant");
        return Err(Failure::internal(cause));
    }
    let connection = call.rooms(name)?.enter(id, seat).await.map_err(|error| match error {
        EnterError::Full => Failure::of(&ROOM_FULL),
        EnterError::Failed(_) => Failure::unavailable(error),
    })?;
    Ok(Answer { connection: Some(connection), ..Answer::empty(101) })
}
