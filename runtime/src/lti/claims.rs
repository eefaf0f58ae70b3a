//! What a platform's token must say (Security Framework, section 5.1.3; LTI Core, section 5.3).

use serde_json::{Map, Value};

use super::platform::Registration;
use super::{LEEWAY, LOGIN, is_https, is_own, text};
use crate::context::hash_token;
use crate::policy::auth::compare::same;
use crate::problem::Failure;

const PREFIX: &str = "https://purl.imsglobal.org/spec/lti/claim/";
const DEEP_LINKING: &str = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings";
/// The longest id that a platform may give something (LTI Core, sections 5.3.3 and 5.3.6).
const LONGEST_ID: usize = 255;

/// What a launch is about.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) deployment: String,
    pub(super) target: String,
    pub(super) roles: Vec<String>,
    pub(super) deep_linking: Option<DeepLinking>,
}

/// What a platform wants to be told in return.
#[derive(Debug)]
pub(super) struct DeepLinking {
    pub(super) return_url: String,
    pub(super) data: Option<String>,
    pub(super) accepts: Vec<String>,
    pub(super) multiple: bool,
}

/// What was asked for, against which an answer is held.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) platform: &'a Registration,
    pub(super) nonce_hash: &'a str,
    pub(super) origin: &'a str,
    pub(super) now: u64,
}

impl Asked<'_> {
    /// Checks a token whose signature is right.
    pub(super) fn check(&self, claims: &Map<String, Value>) -> Result<Launch, Failure> {
        self.check_issue(claims)?;
        self.check_times(claims)?;
        let refuse = |cause: &str| Failure::unauthenticated(cause);
        let nonce = text(claims, "nonce").ok_or_else(|| refuse("the token has no nonce"))?;
        if !same(hash_token(nonce).as_bytes(), self.nonce_hash.as_bytes()) {
            return Err(refuse("the token has the nonce of another log-in"));
        }
        self.check_message(claims)
    }

    fn check_issue(&self, claims: &Map<String, Value>) -> Result<(), Failure> {
        let refuse = |cause: &str| Err(Failure::unauthenticated(cause));
        if text(claims, "iss") != Some(&self.platform.issuer) {
            return refuse("the token has another issuer");
        }
        let client_id = self.platform.client_id.as_str();
        let audiences: Option<Vec<&str>> = match claims.get("aud") {
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(several)) => several.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let audiences = audiences.unwrap_or_default();
        if !audiences.contains(&client_id) {
            return refuse("the token is meant for others");
        }
        let is_known = |audience: &&str| {
            *audience == client_id || self.platform.audiences.iter().any(|known| known == audience)
        };
        if !audiences.iter().all(is_known) {
            return refuse("the token is also meant for somebody unknown");
        }
        match claims.get("azp") {
            None if audiences.len() > 1 => refuse("the token does not say which audience asked"),
            Some(azp) if azp.as_str() != Some(client_id) => refuse("another audience asked for it"),
            _ => Ok(()),
        }
    }

    fn check_times(&self, claims: &Map<String, Value>) -> Result<(), Failure> {
        let refuse = |cause: &str| Err(Failure::unauthenticated(cause));
        let time = |name: &str| claims.get(name).and_then(Value::as_u64);
        match time("exp") {
            None => return refuse("the token has no valid `exp`"),
            Some(expiry) if expiry <= self.now => return refuse("the token has expired"),
            Some(_) => {}
        }
        match time("iat") {
            None => return refuse("the token has no valid `iat`"),
            Some(issued) if issued > self.now.saturating_add(LEEWAY) => {
                return refuse("the token was issued in the future");
            }
            // It answers a log-in that is younger.
            Some(issued) if issued.saturating_add(LOGIN.as_secs() + LEEWAY) < self.now => {
                return refuse("the token was issued too long ago");
            }
            Some(_) => {}
        }
        match claims.get("nbf").map(Value::as_u64) {
            Some(None) => refuse("`nbf` is not a time"),
            Some(Some(start)) if start > self.now.saturating_add(LEEWAY) => {
                refuse("the token is not valid yet")
            }
            _ => Ok(()),
        }
    }

    fn check_message(&self, claims: &Map<String, Value>) -> Result<Launch, Failure> {
        let refuse = |cause: &str| Failure::unauthenticated(cause);
        let claim = |name: &str| claims.get(&format!("{PREFIX}{name}"));
        let said = |name: &str| claim(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if said("version") != Some("1.3.0") {
            return Err(refuse("the message is of another version"));
        }
        let deployment = said("deployment_id").unwrap_or_default();
        if !self.platform.deployments.iter().any(|known| known == deployment) {
            return Err(refuse("the deployment is not registered here"));
        }
        let target = said("target_link_uri").unwrap_or_default();
        if !is_own(self.origin, target) {
            return Err(refuse("`target_link_uri` is no page of this service"));
        }
        let subject = text(claims, "sub").filter(|sub| sub.len() <= LONGEST_ID && sub.is_ascii());
        let subject = subject.ok_or_else(|| refuse("the message does not say who it is about"))?;
        let roles = claim("roles").and_then(Value::as_array).map(|roles| {
            roles.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        });
        let deep_linking = match said("message_type") {
            Some("LtiResourceLinkRequest") => {
                let link = claim("resource_link").and_then(Value::as_object);
                let id = link.and_then(|link| text(link, "id"));
                if id.is_none_or(|id| id.len() > LONGEST_ID) {
                    return Err(refuse("the message names no resource link"));
                }
                if roles.is_none() {
                    return Err(refuse("the message has no roles"));
                }
                None
            }
            Some("LtiDeepLinkingRequest") => Some(deep_linking(claims)?),
            _ => return Err(refuse("the message is of another type")),
        };
        Ok(Launch {
            subject: subject.to_owned(),
            name: text(claims, "name").unwrap_or_default().chars().take(LONGEST_ID).collect(),
            deployment: deployment.to_owned(),
            target: target.to_owned(),
            roles: roles.unwrap_or_default(),
            deep_linking,
        })
    }
}

fn deep_linking(claims: &Map<String, Value>) -> Result<DeepLinking, Failure> {
    let refuse = || Failure::unauthenticated("the settings of deep linking are not complete");
    let settings = claims.get(DEEP_LINKING).and_then(Value::as_object).ok_or_else(refuse)?;
    let return_url = text(settings, "deep_link_return_url").filter(|url| is_https(url));
    let accepts = settings.get("accept_types").and_then(Value::as_array).ok_or_else(refuse)?;
    Ok(DeepLinking {
        return_url: return_url.ok_or_else(refuse)?.to_owned(),
        data: settings.get("data").and_then(Value::as_str).map(str::to_owned),
        accepts: accepts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        multiple: settings.get("accept_multiple").and_then(Value::as_bool).unwrap_or(true),
    })
}
