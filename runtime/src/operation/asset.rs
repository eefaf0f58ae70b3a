//! Gives browsers a static file that is part of the service, under an address that changes with it.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};

use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::problem::{FILE_CHANGED, Failure};
use crate::upload::asked::{Known, Verdict};

/// A year, without asking again: what is under this address never changes (RFC 9111, RFC 8246).
const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";
/// Five minutes: where the file is changes with the service.
const FOR_MINUTES: &str = "public, max-age=300";

/// A static file.
#[derive(Debug)]
pub struct Asset {
    /// The parameter of the route's path that says which version of it is meant.
    pub parameter: &'static str,
    /// The beginning of its SHA-256 in hexadecimal: the version that is there.
    pub digest: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds.
    pub content: &'static str,
}

/// Answers the file under its own address; every other version of it leads there.
pub async fn asset(call: &Call, asset: &'static Asset) -> Outcome {
    if call.path(asset.parameter) != asset.digest {
        let parameter = format!("{{{}}}", asset.parameter);
        let path = call.route().path.replace(&parameter, asset.digest);
        let location = HeaderValue::try_from(path).map_err(Failure::internal)?;
        let headers =
            vec![(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static(FOR_MINUTES))];
        return Ok(Answer { headers, ..Answer::empty(302) });
    }
    let etag = HeaderValue::try_from(format!("\"{}\"", asset.digest)).map_err(Failure::internal)?;
    let mut headers = vec![(CACHE_CONTROL, HeaderValue::from_static(FOR_A_YEAR)), (ETAG, etag)];
    let size = u64::try_from(asset.content.len()).unwrap_or(u64::MAX);
    let now = call.clock().unix_millis();
    match call.asked.judge(Known { etag: asset.digest, modified: None, size, now }) {
        Verdict::Same => return Ok(Answer { headers, ..Answer::empty(304) }),
        Verdict::Changed => return Err(Failure::of(&FILE_CHANGED)),
        // It is small: who asks for a part of it gets all of it (RFC 9110, section 14.2).
        Verdict::Whole | Verdict::Part(_) | Verdict::NoSuchPart => {}
    }
    headers.push((CONTENT_TYPE, HeaderValue::from_static(asset.media_type)));
    let body = Bytes::from_static(asset.content.as_bytes());
    Ok(Answer { headers, body, ..Answer::empty(200) })
}
