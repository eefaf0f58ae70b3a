//! Calls of other services by `fetch`, or through a service binding.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, JsValue};

use super::clock::millis;
use super::{body, glue};
use crate::binding::clock::{Clock, Entropy};
use crate::binding::upstream::{Upstream, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::binding::{Reply, later};
use crate::definition;
use crate::host::upstream::Attempts;
use crate::percent;
use crate::policy::breaker::State;
use crate::secret::Secret;

/// Another service.
pub(super) struct FetchUpstream {
    service: SendWrapper<JsValue>,
    base_url: String,
    bearer: Option<Secret>,
    timeout: Duration,
    max_response: usize,
    attempts: Attempts,
}

impl FetchUpstream {
    /// A client for another service; `env` has its service binding, where there is one.
    pub(super) fn new(
        upstream: &'static definition::Upstream,
        base_url: Option<&String>,
        bearer: Option<Secret>,
        env: &JsValue,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let service = match upstream.service {
            Some(_) => glue::binding(env, upstream.name),
            None => JsValue::UNDEFINED,
        };
        Self {
            service: SendWrapper::new(service),
            base_url: base_url.map_or(upstream.base_url, String::as_str).to_owned(),
            bearer,
            timeout: upstream.timeout,
            max_response: upstream.max_response,
            attempts: Attempts::new(upstream, clock, entropy),
        }
    }

    async fn exchange(
        &self,
        mut request: UpstreamRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let path = &request.path;
        if !path.starts_with('/') || path.split('/').any(|segment| segment == "..") {
            return Err(UpstreamError::BadPath(path.clone()));
        }
        if let Some(bearer) = &self.bearer {
            let value = HeaderValue::try_from(format!("Bearer {}", bearer.expose()));
            let value = value.map_err(|error| UpstreamError::Malformed(error.to_string()))?;
            request.headers.insert(AUTHORIZATION, value);
        }
        let (query, headers) = (query(&request.query), body::lines(&request.headers));
        let answer = glue::call(
            &self.service,
            &self.base_url,
            path,
            &query,
            request.method.as_str(),
            &headers,
            &request.body,
            millis(self.timeout),
            f64::from(u32::try_from(self.max_response).unwrap_or(u32::MAX)),
        );
        let answer = answer.await.map_err(|error| failed(path, &glue::explain(&error)))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a status code"
        )]
        let status = glue::field(&answer, 0).as_f64().unwrap_or_default() as u16;
        let lines = glue::field(&answer, 1).as_string().unwrap_or_default();
        let bytes = glue::field(&answer, 2).dyn_into::<Uint8Array>().map(|bytes| bytes.to_vec());
        Ok(UpstreamResponse {
            status,
            headers: body::headers(&mut lines.split('\n')),
            body: Bytes::from(bytes.unwrap_or_default()),
        })
    }
}

/// The query string, with its question mark where there is any.
fn query(parameters: &[(String, String)]) -> String {
    let pairs = percent::pairs(parameters.iter().map(|(name, value)| (&**name, &**value)));
    if pairs.is_empty() { pairs } else { format!("?{pairs}") }
}

fn failed(path: &str, error: &str) -> UpstreamError {
    if error.contains("proofline:path") {
        UpstreamError::BadPath(path.to_owned())
    } else if error.contains("proofline:large") {
        UpstreamError::TooLarge
    } else if error.starts_with("TimeoutError") || error.starts_with("AbortError") {
        UpstreamError::TimedOut
    } else {
        UpstreamError::Unreachable(error.to_owned())
    }
}

impl Upstream for FetchUpstream {
    fn call(&self, request: UpstreamRequest) -> Reply<'_, Result<UpstreamResponse, UpstreamError>> {
        later(SendWrapper::new(
            self.attempts.call(request, |request| SendWrapper::new(self.exchange(request))),
        ))
    }

    fn state(&self) -> Option<State> {
        self.attempts.state()
    }
}
