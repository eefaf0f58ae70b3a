//! Goes on with a file that is sent in several requests (tus 1.0.0): `GET` and `HEAD` tell how much has arrived,
//! `PATCH` brings more, `DELETE` gives it up.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use serde_json::json;

use super::upload::{Record, arriving, number, of_route, speaks_tus, unpacked, write};
use crate::answer::{Answer, Outcome};
use crate::binding::blob::BlobStore;
use crate::call::Call;
use crate::definition::{Method, Resumable, Upload};
use crate::problem::{CONTENT_TOO_LARGE, Failure, OFFSET_MISMATCH, UNACCEPTED_CONTENT};
use crate::time;
use crate::upload::arriving::Sent;
use crate::upload::intake::{self, Said};
use crate::upload::kind;
use crate::upload::parts::Parts;
use crate::upload::state::{Phase, State, States};
use crate::upload::unfinished;

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// An upload that a request is about.
struct Work<'a> {
    call: &'a Call,
    upload: &'static Upload,
    resumable: &'static Resumable,
    store: &'a dyn BlobStore,
    id: String,
    state: State,
}

/// Goes on with an upload.
pub async fn resume(call: &Call, record: Record) -> Outcome {
    let upload = of_route(call)?;
    let resumable = upload.resumable.as_ref();
    let resumable = resumable.ok_or_else(|| Failure::internal("it is not resumable"))?;
    let id = call.path(resumable.parameter).as_str().unwrap_or_default().to_owned();
    let owner = call.principal.as_ref().map(|principal| principal.id.as_str());
    let store = call.blob(upload.to)?;
    if call.route.method == Method::Get {
        let state = unfinished::load(call, store, resumable, &id, owner).await?;
        return told(&state);
    }
    let _held = call.uploads().hold(&id)?;
    let state = unfinished::load(call, store, resumable, &id, owner).await?;
    let mut work = Work { call, upload, resumable, store, id, state };
    if call.route.method == Method::Delete {
        unfinished::remove(call, store, &work.id, &work.state).await?;
        return Ok(Answer::empty(204));
    }
    work.patch(record).await
}

/// How far an upload is.
fn told(state: &State) -> Outcome {
    let body = json!({
        "offset": state.offset(),
        "length": state.length,
        "complete": state.phase == Phase::Done,
        "expires_at": time::rfc3339(state.expires),
    });
    let mut answer = Answer::json(200, &body)?;
    answer.headers.push((OFFSET, HeaderValue::from(state.offset())));
    answer.headers.push((LENGTH, HeaderValue::from(state.length)));
    answer.headers.push((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    Ok(answer)
}

impl Work<'_> {
    /// Takes more of the file, and the whole when that was the last of it.
    async fn patch(&mut self, record: Record) -> Outcome {
        let arriving = arriving(self.call)?;
        speaks_tus(arriving)?;
        unpacked(arriving)?;
        if arriving.header(CONTENT_TYPE.as_str()) != Some("application/offset+octet-stream") {
            let detail = "Send it as application/offset+octet-stream.";
            return Err(Failure::of(&UNACCEPTED_CONTENT).detail(detail));
        }
        let offset = number(arriving, OFFSET.as_str())?;
        if offset != self.state.offset() {
            let detail = format!("{} bytes have arrived.", self.state.offset());
            return Err(Failure::of(&OFFSET_MISMATCH).detail(detail));
        }
        if self.state.phase != Phase::Done {
            let left = self.state.length - offset;
            let mut sent = arriving.body(self.call.clock(), left, self.upload.within)?;
            if let Err(failure) = self.take(&mut sent).await {
                if matches!(failure.problem().status, 415 | 422) {
                    self.forget().await?;
                }
                sent.rest().await;
                return Err(failure);
            }
            if self.state.offset() == self.state.length {
                self.finish(record).await?;
            }
        }
        let mut answer = Answer::empty(204);
        answer.headers.push((OFFSET, HeaderValue::from(self.state.offset())));
        Ok(answer)
    }

    /// Keeps what comes in parts of one size. What came before an error is kept too.
    async fn take(&mut self, sent: &mut Sent<'_>) -> Result<(), Failure> {
        let mut parts = Parts::new(self.store.part());
        loop {
            let (mut piece, ended) = match sent.next().await {
                Ok(Some(piece)) => (piece, None),
                Ok(None) => (Bytes::new(), Some(Ok(()))),
                // What is too long is not what was promised.
                Err(failure) if *failure.problem() == CONTENT_TOO_LARGE => return Err(failure),
                Err(failure) => (Bytes::new(), Some(Err(failure))),
            };
            while !piece.is_empty() {
                if let Some(part) = parts.fill(&mut piece) {
                    self.keep(part).await?;
                }
            }
            if let Some(ended) = ended {
                let last = parts.last();
                if !last.is_empty() {
                    self.keep(last).await?;
                }
                return ended;
            }
        }
    }

    /// Keeps a part; the first one is judged before it is.
    async fn keep(&mut self, part: Bytes) -> Result<(), Failure> {
        let is_whole = part.len() as u64 == self.state.length;
        if self.state.parts.is_empty() {
            kind::judge(self.upload, self.state.media_type.as_deref(), &part, is_whole)?;
        }
        self.state.expires = unfinished::expiry(self.call, self.resumable);
        unfinished::add(self.call, self.store, &self.id, &mut self.state, part).await
    }

    /// Makes a file of the parts, and writes what belongs to it. When an attempt before this one did not come to
    /// its end, its row may be there already: then the second one is refused, and all is done.
    async fn finish(&mut self, record: Record) -> Result<(), Failure> {
        let (store, id) = (self.store, self.id.as_str());
        let states = States::of(self.call, store);
        let was_recording = self.state.phase == Phase::Recording;
        let said =
            Said { name: self.state.name.as_deref(), media_type: self.state.media_type.as_deref() };
        let parts = unfinished::whole(store, &self.state.parts);
        let received = match intake::take(store, self.upload, id, said, parts).await {
            Ok(received) => received,
            Err(failure) if failure.problem().status < 500 => {
                self.forget().await?;
                return Err(failure);
            }
            Err(failure) => return Err(failure),
        };
        self.state.phase = Phase::Recording;
        states.change(id, &mut self.state).await?;
        match write(self.call, record, &received, 204).await {
            Ok(_) => {}
            Err(failure) if failure.problem().status >= 500 => return Err(failure),
            Err(_) if was_recording => {}
            Err(failure) => {
                store.delete(&received.key).await?;
                self.forget().await?;
                return Err(failure);
            }
        }
        // The client may ask once more how far it is, when the answer did not reach it.
        self.state.phase = Phase::Done;
        let parts = std::mem::take(&mut self.state.parts);
        states.change(id, &mut self.state).await?;
        unfinished::remove_parts(store, &parts).await
    }

    async fn forget(&mut self) -> Result<(), Failure> {
        unfinished::remove(self.call, self.store, &self.id, &self.state).await
    }
}
