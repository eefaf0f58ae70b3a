//! Takes a file in one request, or begins one that is sent in several (tus 1.0.0).

use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};

use crate::answer::{Answer, Outcome};
use crate::binding::sql::Batch;
use crate::call::Call;
use crate::definition::{Resumable, Upload};
use crate::problem::{
    CONTENT_TOO_LARGE, Failure, MALFORMED_REQUEST, PRECONDITION_FAILED, UNACCEPTED_CONTENT,
};
use crate::upload::arriving::Arriving;
use crate::upload::intake::{self, Said};
use crate::upload::state::{Phase, State, States};
use crate::upload::unfinished;
use crate::upload::{Received, kind, name};

use super::transaction;

/// The version of the protocol for uploads in several requests.
pub(super) const TUS: &str = "1.0.0";

/// What is written in the database with a file.
pub type Record = fn(&Call, &Received) -> Result<Batch, Failure>;

/// Takes a file, and writes what belongs to it; without that the file is not kept either.
pub async fn upload(call: &Call, record: Record, status: u16) -> Outcome {
    let (upload, arriving) = (of_route(call)?, arriving(call)?);
    if let (Some(resumable), Some(_)) = (&upload.resumable, arriving.header("tus-resumable")) {
        return begin(call, upload, resumable, arriving).await;
    }
    unpacked(arriving)?;
    let disposition = arriving.headers.get(CONTENT_DISPOSITION);
    let sent_name = disposition.and_then(|value| name::of_disposition(value.as_bytes()));
    let declared = kind::declared(arriving.header(CONTENT_TYPE.as_str()));
    let said = Said { name: sent_name.as_deref(), media_type: declared.as_deref() };
    let id = call.new_id()?;
    let store = call.blob(upload.to)?;
    let mut sent = arriving.body(call.clock(), upload.max_size, upload.within)?;
    let taken = intake::take(store, upload, &id, said, sent.pieces()).await;
    let received = match taken {
        Ok(received) => received,
        Err(failure) => {
            sent.rest().await;
            return Err(failure);
        }
    };
    let written = write(call, record, &received, status).await;
    if let Err(failure) = &written
        && failure.problem().status < 500
    {
        // After 5xx nobody knows whether the row was written: a file too many does less harm than one too few.
        store.delete(&received.key).await?;
    }
    written
}

/// Writes what belongs to a file.
pub(super) async fn write(
    call: &Call,
    record: Record,
    received: &Received,
    status: u16,
) -> Outcome {
    transaction::run(call, record(call, received)?, status).await
}

/// What the route takes.
pub(super) fn of_route(call: &Call) -> Result<&'static Upload, Failure> {
    call.route.upload.ok_or_else(|| Failure::internal("the route takes no files"))
}

/// The request whose body is not read yet.
pub(super) fn arriving(call: &Call) -> Result<&Arriving, Failure> {
    call.arriving.as_ref().ok_or_else(|| Failure::internal("the body was read before"))
}

/// Refuses what is packed: how large it is would only be known when it was unpacked.
pub(super) fn unpacked(arriving: &Arriving) -> Result<(), Failure> {
    if arriving.headers.contains_key(CONTENT_ENCODING) {
        return Err(Failure::of(&UNACCEPTED_CONTENT).detail("Send it without Content-Encoding."));
    }
    Ok(())
}

/// Refuses other versions of the protocol.
pub(super) fn speaks_tus(arriving: &Arriving) -> Result<(), Failure> {
    if arriving.header("tus-resumable") == Some(TUS) {
        return Ok(());
    }
    Err(Failure::of(&PRECONDITION_FAILED).detail("Send Tus-Resumable: 1.0.0."))
}

/// A header that holds a number.
pub(super) fn number(arriving: &Arriving, name: &str) -> Result<u64, Failure> {
    let value = arriving.header(name).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number = value.and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        Failure::of(&MALFORMED_REQUEST).detail(format!("{name} must be a number of bytes"))
    })
}

/// Begins an upload that is sent in several requests.
async fn begin(
    call: &Call,
    upload: &Upload,
    resumable: &Resumable,
    arriving: &Arriving,
) -> Outcome {
    speaks_tus(arriving)?;
    let length = number(arriving, "upload-length")?;
    if length > upload.max_size {
        return Err(Failure::of(&CONTENT_TOO_LARGE));
    }
    let metadata = arriving.header("upload-metadata").unwrap_or_default();
    let sent_name = name::of_metadata(metadata, "filename");
    // Told now, not after the last part.
    name::harmless(sent_name.as_deref(), "bin")?;
    let declared = kind::declared(name::of_metadata(metadata, "filetype").as_deref());
    let id = call.new_id()?;
    let state = State {
        owner: call.principal.as_ref().map(|principal| principal.id.clone()),
        at: resumable.at.to_owned(),
        length,
        name: sent_name.map(|name| name.chars().take(1000).collect()),
        media_type: declared,
        parts: Vec::new(),
        phase: Phase::Arriving,
        expires: unfinished::expiry(call, resumable),
        revision: 0,
    };
    States::of(call, call.blob(upload.to)?).begin(&id, &state).await?;
    let place = resumable.at.replace(&format!("{{{}}}", resumable.parameter), &id);
    let mut answer = Answer::empty(201);
    let place = HeaderValue::from_str(&place).map_err(Failure::internal)?;
    answer.headers.push((LOCATION, place));
    Ok(answer)
}
