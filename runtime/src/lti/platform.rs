//! Platforms that are registered: who they are, and where they are.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{declared, is_https, malformed};
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::context::{Context, hash_token};
use crate::definition::Lti;
use crate::problem::Failure;

/// A registration holds until another one takes its place.
const KEPT: Duration = Duration::from_hours(24 * 3650);
/// So many clients one platform may have here.
const MOST_CLIENTS: usize = 100;
/// So many deployments one client may have.
const MOST_DEPLOYMENTS: usize = 100;

/// One client of a platform, as the platform's administrators were told when they registered the tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) deployments: Vec<String>,
    pub(super) authorization_endpoint: String,
    pub(super) jwks_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token_endpoint: Option<String>,
    /// Audiences besides the client that a token may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) audiences: Vec<String>,
}

impl Registration {
    /// What is wrong with it.
    fn problem(&self) -> Option<&'static str> {
        let is_id = |text: &String| !text.is_empty() && text.len() <= 255;
        if !is_https(&self.issuer) {
            return Some("`issuer` must be an `https` address");
        }
        if !is_id(&self.client_id) {
            return Some("`client_id` must have 1 to 255 characters");
        }
        if !(1..=MOST_DEPLOYMENTS).contains(&self.deployments.len())
            || !self.deployments.iter().all(is_id)
        {
            return Some("`deployments` must have 1 to 100 ids of 1 to 255 characters");
        }
        let endpoints = [Some(&self.authorization_endpoint), self.token_endpoint.as_ref()];
        if !endpoints.into_iter().flatten().all(|endpoint| is_https(endpoint)) {
            return Some("the endpoints must be `https` addresses");
        }
        None
    }
}

fn key(issuer: &str) -> String {
    format!("lti:platform:{}", hash_token(issuer))
}

async fn all(context: &Context, lti: &Lti, issuer: &str) -> Result<Vec<Registration>, Failure> {
    let found = context.store(lti.platforms)?.get(&key(issuer)).await?;
    let Some(found) = found else { return Ok(Vec::new()) };
    serde_json::from_slice(&found).map_err(Failure::internal)
}

/// The registration of an issuer's client; of its only one where none is named.
pub(super) async fn find(
    context: &Context,
    lti: &Lti,
    issuer: &str,
    client_id: Option<&str>,
) -> Result<Option<Registration>, Failure> {
    let mut all = all(context, lti, issuer).await?;
    // Two issuers never have the same hash; but what is kept is looked at nevertheless.
    all.retain(|one| one.issuer == issuer && client_id.is_none_or(|id| one.client_id == id));
    Ok(if all.len() == 1 { all.pop() } else { None })
}

/// Where a key set is: an upstream and a path of it.
pub(super) fn key_set_of(
    context: &Context,
    lti: &Lti,
    jwks_url: &str,
) -> Option<(&'static str, String)> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'%');
    let upstreams = context.definition().upstreams.iter();
    let mut known = upstreams.filter(|upstream| lti.keys_from.contains(&upstream.name));
    known.find_map(|upstream| {
        let path = jwks_url.strip_prefix(upstream.base_url.trim_end_matches('/'))?;
        let stays = path.starts_with('/')
            && path.bytes().all(plain)
            && !path.split('/').any(|segment| segment == ".." || segment == ".");
        stays.then(|| (upstream.name, path.to_owned()))
    })
}

/// Registers a client of a platform, or replaces it.
pub(crate) async fn register(call: &mut Call) -> Outcome {
    let lti = declared(call)?;
    let registration: Registration = call.body()?;
    if let Some(problem) = registration.problem() {
        return Err(malformed(problem));
    }
    if key_set_of(call, lti, &registration.jwks_url).is_none() {
        return Err(malformed("`jwks_url` is at no service from which key sets are fetched here"));
    }
    let issuer = registration.issuer.clone();
    let mut all = all(call, lti, &issuer).await?;
    all.retain(|one| one.client_id != registration.client_id);
    if all.len() >= MOST_CLIENTS {
        return Err(malformed("the platform has too many clients"));
    }
    all.push(registration);
    let value = Bytes::from(serde_json::to_vec(&all).map_err(Failure::internal)?);
    call.store(lti.platforms)?.put(&key(&issuer), value, KEPT).await?;
    Ok(Answer::empty(204))
}
