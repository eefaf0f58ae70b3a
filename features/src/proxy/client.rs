//! Tells a proxy what happens on its links.

use serde_json::Value;

use crate::exchange::{Http, Request};
use crate::failure::Failure;

/// Tells the proxy at this URL what happens on a link from now on: `POST` with what disturbs it, or `DELETE`.
pub async fn tell(
    control: Option<&str>,
    method: &str,
    link: &str,
    toxic: Option<&Value>,
) -> Result<(), Failure> {
    let control = control.ok_or_else(|| Failure::broken("there is no fault proxy"))?;
    let mut request = Request::new(method, format!("/links/{link}"));
    if let Some(toxic) = toxic {
        request = request.json(toxic);
    }
    let answer = Http::new(control)?.send(&request).await?;
    if answer.is_success() {
        return Ok(());
    }
    Err(Failure::Broken(format!("the fault proxy refuses: {}", answer.describe())))
}
