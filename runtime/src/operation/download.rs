//! Gives a file back, piece by piece, as what it was found to be when it came: the whole, the part that is asked for,
//! or that the client has it.

use http::HeaderValue;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderName, LAST_MODIFIED,
};

use crate::answer::{Answer, Outcome, Pieces};
use crate::binding::blob::Reading;
use crate::binding::sql::Bound;
use crate::call::Call;
use crate::problem::{FILE_CHANGED, Failure, NOT_FOUND, RANGE_NOT_SATISFIABLE};
use crate::time;
use crate::upload::asked::{Known, Verdict};
use crate::upload::name;

type Headers = Vec<(HeaderName, HeaderValue)>;

/// Gives the file back that a statement names with `key`, `name` and `type`.
pub async fn download(call: &Call, from: &str, file: Bound, how: &'static str) -> Outcome {
    let otherwise = file.statement.otherwise.unwrap_or(&NOT_FOUND);
    let done = call.run(file).await?;
    let row = done.first().ok_or_else(|| Failure::of(otherwise))?;
    let text = |column: &str| row.text(column).unwrap_or_default();
    let found = call.blob(from)?.read(text("key")).await?;
    let gone = || Failure::of(otherwise).because("its row is there, but the file is not");
    let found = found.ok_or_else(gone)?;
    let now = call.clock().unix_millis();
    let (etag, modified, size) = (found.etag.as_str(), found.modified, found.size);
    let verdict = call.asked.judge(Known { etag, modified, size, now });
    let mut headers = validators(&found, now)?;
    let (status, range) = match verdict {
        Verdict::Same => return Ok(Answer { status: 304, headers, ..Answer::default() }),
        Verdict::Changed => return Err(Failure::of(&FILE_CHANGED)),
        Verdict::NoSuchPart => return Err(Failure::of(&RANGE_NOT_SATISFIABLE).of_size(size)),
        Verdict::Whole => (200, 0..size),
        Verdict::Part(range) => {
            let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            headers.push((CONTENT_RANGE, value(&part)?));
            (206, range)
        }
    };
    headers.extend([
        (CONTENT_TYPE, value(text("type"))?),
        (CONTENT_DISPOSITION, value(&name::disposition(how, text("name")))?),
        (CONTENT_LENGTH, HeaderValue::from(range.end - range.start)),
    ]);
    // To who asks for the head alone nothing is read.
    let pieces = (!call.asked.is_head).then(|| Pieces::new(found.range(range)));
    Ok(Answer { status, headers, pieces, ..Answer::default() })
}

/// What tells this file from others, and that it can be asked for again in parts.
fn validators(file: &Reading, now: u64) -> Result<Headers, Failure> {
    let mut headers = vec![
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        // Whoever keeps it asks each time whether they still may have it.
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    if !file.etag.is_empty() {
        headers.push((ETAG, value(&format!("\"{}\"", file.etag))?));
    }
    if let Some(modified) = file.modified {
        // Nothing is newer than the answer (RFC 9110, section 8.8.2.1).
        headers.push((LAST_MODIFIED, value(&time::http(modified.min(now)))?));
    }
    Ok(headers)
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(Failure::internal)
}
