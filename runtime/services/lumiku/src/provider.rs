//! Who does which kind of generation, and whether a failure is worth another attempt.

use http::Method;
use proofline_runtime::binding::upstream::{UpstreamError, UpstreamRequest};
use proofline_runtime::{Delivery, Failure, Json};
use serde_json::json;

/// Why a generation is not done.
#[derive(Debug)]
pub enum Undone {
    /// Another attempt may succeed: the provider is away, slow, busy or broken.
    Later(Failure),
    /// The provider will never do it.
    Never,
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Later(failure)
    }
}

impl From<UpstreamError> for Undone {
    fn from(error: UpstreamError) -> Self {
        // What is not understood is not asked for again: it would cost once more.
        let is_understood = !matches!(error, UpstreamError::Malformed(_));
        if is_understood && error.class().can_succeed_later() {
            Self::Later(error.into())
        } else {
            Self::Never
        }
    }
}

/// Has something generated; gives the text, or where the picture or film is.
pub async fn generate(delivery: &Delivery<'_>, kind: &str, prompt: &str) -> Result<String, Undone> {
    let (upstream, path, body, place) = match kind {
        "text" => {
            let model = delivery.var("WRITER_MODEL")?;
            let messages = json!([{"role": "user", "content": prompt}]);
            let body = json!({"model": model, "messages": messages});
            ("OPENAI", "/v1/chat/completions", body, "/choices/0/message/content")
        }
        "image" => ("FAL", "/fal-ai/flux/dev", json!({"prompt": prompt}), "/images/0/url"),
        "video" => ("COMFYUI", "/api/generate", json!({"prompt": prompt}), "/url"),
        "pose" => ("HUGGINGFACE", "/models/lumiku/poser", json!({"inputs": prompt}), "/0/url"),
        _ => return Err(Undone::Never),
    };
    let request = UpstreamRequest::json(Method::POST, path, &body)?.once(delivery.id())?;
    let response = delivery.upstream(upstream)?.call(request).await?.successful()?;
    let answer: Json = response.json()?;
    let found = answer.pointer(place).and_then(Json::as_str).map(str::to_owned);
    found.ok_or(Undone::Never)
}
