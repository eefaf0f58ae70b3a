//! Runs one statement and answers with what it returned.

use crate::answer::{Answer, Outcome};
use crate::binding::sql::{Absent, Bound, Done, Expect, Statement};
use crate::call::Call;
use crate::problem::{Failure, NOT_FOUND};

/// Runs one statement. A list is answered as `{"items": […]}`.
pub async fn query(call: &Call, bound: Bound, status: u16) -> Outcome {
    let statement = bound.statement;
    let done = call.run(bound).await?;
    answer(statement, &done, status)
}

/// The answer for what a statement did.
pub(super) fn answer(statement: &'static Statement, done: &Done, status: u16) -> Outcome {
    if status == 204 || !answers(statement) {
        return Ok(Answer::empty(status));
    }
    let mut json = Vec::with_capacity(256);
    if statement.expect == Expect::Many {
        json.extend_from_slice(b"{\"items\":[");
        for (position, row) in done.rows.iter().enumerate() {
            if position > 0 {
                json.push(b',');
            }
            row.write_json(&mut json)?;
        }
        json.extend_from_slice(b"]}");
    } else {
        let missing = || Failure::of(statement.otherwise.unwrap_or(&NOT_FOUND));
        done.first().ok_or_else(missing)?.write_json(&mut json)?;
    }
    Ok(Answer::json_text(status, json))
}

/// Whether a statement returns something that can be answered.
pub(super) fn answers(statement: &Statement) -> bool {
    statement.columns.iter().any(|column| column.absent != Absent::Hidden)
}
