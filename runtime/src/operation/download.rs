//! Gives a file back, piece by piece, as what it was found to be when it came.

use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG};

use crate::answer::{Answer, Outcome, Pieces};
use crate::binding::sql::Bound;
use crate::call::Call;
use crate::problem::{Failure, NOT_FOUND};
use crate::upload::name;

/// Gives the file back that a statement names with `key`, `name` and `type`.
pub async fn download(call: &Call, from: &str, file: Bound, how: &'static str) -> Outcome {
    let otherwise = file.statement.otherwise.unwrap_or(&NOT_FOUND);
    let done = call.run(file).await?;
    let row = done.first().ok_or_else(|| Failure::of(otherwise))?;
    let text = |column: &str| row.text(column).unwrap_or_default();
    let found = call.blob(from)?.read(text("key")).await?;
    let gone = || Failure::of(otherwise).because("its row is there, but the file is not");
    let found = found.ok_or_else(gone)?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(Failure::internal);
    let headers = vec![
        (CONTENT_TYPE, value(text("type"))?),
        (CONTENT_DISPOSITION, value(&name::disposition(how, text("name")))?),
        (CONTENT_LENGTH, HeaderValue::from(found.size)),
        (ETAG, value(&format!("\"{}\"", found.etag))?),
    ];
    let pieces = Some(Pieces::new(found.pieces));
    Ok(Answer { status: 200, headers, pieces, ..Answer::default() })
}
