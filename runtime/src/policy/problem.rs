//! Failures as problem documents (RFC 9457). What caused them is for the log alone.

use bytes::Bytes;
use http::header::{
    ALLOW, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::definition::Route;
use crate::percent;
use crate::problem::Failure;
use crate::time;

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    instance: String,
    correlation_id: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    pointer: String,
    r#in: &'a str,
    code: &'a str,
    detail: &'a str,
}

/// The answer that tells a client about a failure, at a time in milliseconds since 1970-01-01T00:00:00Z.
pub fn render(
    failure: &Failure,
    route: Option<&Route>,
    correlation_id: &str,
    now: u64,
) -> Response<Bytes> {
    let problem = failure.problem();
    let errors = failure.violations().iter().map(|violation| Entry {
        pointer: format!("#{}", fragment(&violation.pointer)),
        r#in: violation.place.name(),
        code: violation.code,
        detail: &violation.detail,
    });
    let is_uuid = correlation_id.len() == 36 && uuid::Uuid::try_parse(correlation_id).is_ok();
    let document = Document {
        r#type: format!("https://proofline.dev/problems/{}", problem.name),
        title: problem.title,
        status: problem.status,
        detail: failure.client_detail(),
        instance: format!("{}{correlation_id}", if is_uuid { "urn:uuid:" } else { "" }),
        correlation_id,
        timestamp: time::rfc3339(now),
        errors: errors.collect(),
    };
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    add_headers(headers, failure, route);
    response
}

fn add_headers(headers: &mut HeaderMap, failure: &Failure, route: Option<&Route>) {
    if failure.challenges() || failure.problem().status == 401 {
        let challenge = HeaderValue::try_from(super::auth::challenge(route));
        let fallback = HeaderValue::from_static("Bearer");
        headers.insert(WWW_AUTHENTICATE, challenge.unwrap_or(fallback));
    }
    if let Some(wait) = failure.wait() {
        headers.insert(RETRY_AFTER, HeaderValue::from(super::limit::seconds(wait).max(1)));
    }
    if let Some(value) = failure.allowed().and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(ALLOW, value);
    }
    if failure.problem().status == 426 {
        // RFC 6455, section 4.4.
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    let range = failure.size().map(|size| HeaderValue::try_from(format!("bytes */{size}")));
    if let Some(Ok(range)) = range {
        headers.insert(CONTENT_RANGE, range);
    }
}

/// A JSON pointer as the fragment of a URI (RFC 6901, section 6).
fn fragment(pointer: &str) -> String {
    let mut text = String::with_capacity(pointer.len());
    percent::push(&mut text, pointer, b"-._~!$&'()*+,;=:@/?");
    text
}
