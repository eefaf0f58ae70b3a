//! One call of another service on demand, as a handler makes it: by the same client, through the same breaker.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::binding::upstream::UpstreamRequest;
use crate::context::Context;
use crate::problem::{Failure, MALFORMED_REQUEST};

/// Which service is called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// Name of the upstream.
    pub upstream: String,
    /// The path below its base URL.
    pub path: String,
    /// Whether the answer must be JSON.
    #[serde(default)]
    pub json: bool,
}

/// Calls it; what fails is answered as it would be to a request whose handler called it.
pub async fn call(context: &Context, wanted: &CallRequest) -> Result<Value, Failure> {
    let known = context.definition().upstreams.iter().any(|one| one.name == wanted.upstream);
    if !known {
        return Err(Failure::of(&MALFORMED_REQUEST).detail("name an upstream that there is"));
    }
    let request = UpstreamRequest::new(Method::POST, wanted.path.as_str());
    let upstream = context.upstream(&wanted.upstream)?;
    let response = upstream.call(request).await?.successful()?;
    if wanted.json {
        response.json::<Value>()?;
    }
    Ok(json!({"status": response.status, "bytes": response.body.len()}))
}
