//! Who calls: finds the credential, verifies it, and looks its principal up.

pub mod api_key;
pub(crate) mod compact;
pub mod compare;
pub mod jwt;
pub mod webhook;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use crate::binding::sql::{Bound, ToParameter};
use crate::call::Principal;
use crate::context::{Context, Settings};
use crate::definition::{AuthKind, AuthScheme, Credential, Definition, PrincipalLookup, Route};
use crate::problem::Failure;

pub use webhook::Signature;

/// The keys that sign, ready for use.
#[derive(Debug)]
pub struct Keys {
    jwt: Vec<(&'static str, jwt::Signer)>,
    webhook: Vec<(&'static str, webhook::Verifier)>,
}

impl Keys {
    /// The keys of all schemes that a definition's routes use.
    pub fn new(definition: &'static Definition, settings: &Settings) -> Self {
        let mut keys = Self { jwt: Vec::new(), webhook: Vec::new() };
        for scheme in definition.routes.iter().flat_map(|route| route.auth) {
            let secret = |name| settings.secrets.get(name).cloned().unwrap_or_default();
            match &scheme.kind {
                AuthKind::Jwt(jwt) if keys.find_jwt(scheme.name).is_none() => {
                    keys.jwt.push((scheme.name, jwt::Signer::new(jwt, &secret(jwt.secret))));
                }
                AuthKind::Webhook(webhook) if keys.find_webhook(scheme.name).is_none() => {
                    let verifier =
                        webhook::Verifier::new(webhook.encoding, &secret(webhook.secret));
                    keys.webhook.push((scheme.name, verifier));
                }
                _ => {}
            }
        }
        keys
    }

    fn find_jwt(&self, name: &str) -> Option<&jwt::Signer> {
        self.jwt.iter().find(|(known, _)| *known == name).map(|(_, signer)| signer)
    }

    fn find_webhook(&self, name: &str) -> Option<&webhook::Verifier> {
        self.webhook.iter().find(|(known, _)| *known == name).map(|(_, verifier)| verifier)
    }

    /// What signs and verifies the tokens of a scheme.
    pub fn signer(&self, scheme: &AuthScheme) -> Result<&jwt::Signer, Failure> {
        self.find_jwt(scheme.name)
            .ok_or_else(|| Failure::internal(format!("{} does not sign tokens", scheme.name)))
    }

    fn verifier(&self, scheme: &AuthScheme) -> Result<&webhook::Verifier, Failure> {
        self.find_webhook(scheme.name)
            .ok_or_else(|| Failure::internal(format!("{} is not a webhook", scheme.name)))
    }
}

/// What is known before the body is read.
#[derive(Debug)]
pub enum Identified {
    /// The route is open to all.
    Anyone,
    /// This principal calls.
    Principal(Principal),
    /// The signature of a webhook, to be verified once the body is there.
    Signed {
        /// The scheme that verifies it.
        scheme: &'static AuthScheme,
        /// The signature as it was sent.
        signature: Signature,
    },
}

/// Verifies the one credential that a request carries.
pub async fn identify(
    context: &Context,
    route: &Route,
    headers: &HeaderMap,
) -> Result<Identified, Failure> {
    if route.auth.is_empty() {
        return Ok(Identified::Anyone);
    }
    let mut presented = route.auth.iter().filter(|scheme| headers.contains_key(header(scheme)));
    let Some(scheme) = presented.next() else {
        return Err(Failure::unauthenticated("no credential"));
    };
    if presented.next().is_some() {
        return Err(Failure::unauthenticated("several credentials"));
    }
    match &scheme.kind {
        AuthKind::Jwt(jwt) => {
            let token = jwt::bearer(headers)?;
            let now = context.clock().unix_millis() / 1000;
            let claims = context.keys().signer(scheme)?.verify(token, now)?;
            let expiry = claims.get("exp").and_then(Value::as_u64);
            let expires = expiry.map(|seconds| seconds.saturating_mul(1000));
            let Some(lookup) = &jwt.principal else {
                let principal = Principal { expires, ..claimed(scheme, &claims)? };
                return Ok(Identified::Principal(principal));
            };
            let bound = bind(lookup, |credential| match credential {
                Credential::TokenClaim(name) => claims.get(name).cloned().unwrap_or_default(),
                Credential::KeyHash => Value::Null,
            });
            let principal = look_up(context, scheme, bound, None).await?;
            Ok(Identified::Principal(Principal { expires, ..principal }))
        }
        AuthKind::ApiKey(api_key) => {
            let hash = api_key::hash(headers, api_key.header)?;
            let bound = bind(&api_key.principal, |credential| match credential {
                Credential::KeyHash => hash.clone().into(),
                Credential::TokenClaim(_) => Value::Null,
            });
            look_up(context, scheme, bound, Some(&hash)).await.map(Identified::Principal)
        }
        AuthKind::Webhook(webhook) => {
            let now = context.clock().unix_millis() / 1000;
            let signature = webhook::signature(webhook, headers, now)?;
            Ok(Identified::Signed { scheme, signature })
        }
    }
}

/// Verifies the signature of a webhook over its raw body.
pub fn verify_body(
    context: &Context,
    scheme: &AuthScheme,
    signature: &Signature,
    body: &[u8],
) -> Result<(), Failure> {
    let verifier = context.keys().verifier(scheme)?;
    if verifier.matches(signature.timestamp.as_deref(), body, &signature.text) {
        Ok(())
    } else {
        Err(Failure::unauthenticated("the signature does not match the body"))
    }
}

/// The header that carries a scheme's credential.
pub(crate) fn header(scheme: &AuthScheme) -> &'static str {
    match &scheme.kind {
        AuthKind::Jwt(_) => AUTHORIZATION_NAME,
        AuthKind::ApiKey(api_key) => api_key.header,
        AuthKind::Webhook(webhook) => webhook.header,
    }
}

const AUTHORIZATION_NAME: &str = "authorization";

/// What `WWW-Authenticate` says for a route (RFC 9110, section 11.6.1).
pub(crate) fn challenge(route: Option<&Route>) -> String {
    let schemes = route.map_or(&[][..], |route| route.auth);
    let challenges = schemes.iter().map(|scheme| match &scheme.kind {
        AuthKind::Jwt(_) => "Bearer".to_owned(),
        AuthKind::ApiKey(api_key) => format!("ApiKey header=\"{}\"", api_key.header),
        AuthKind::Webhook(webhook) => format!("Signature header=\"{}\"", webhook.header),
    });
    let text = challenges.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "Bearer".to_owned() } else { text }
}

/// The principal that a verified token names itself.
fn claimed(scheme: &'static AuthScheme, claims: &Map<String, Value>) -> Result<Principal, Failure> {
    let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("sub").ok_or_else(|| Failure::unauthenticated("the token has no subject"))?;
    let (role, tier) = (text("role").unwrap_or_default(), text("tier").unwrap_or_default());
    Ok(Principal { id, role, tier, key_id: None, expires: None, scheme })
}

fn bind(lookup: &PrincipalLookup, value: impl Fn(Credential) -> Value) -> Bound {
    let values: Vec<_> =
        lookup.with.iter().map(|(name, credential)| (*name, value(*credential))).collect();
    let values: Vec<(&str, &dyn ToParameter)> =
        values.iter().map(|(name, value)| (*name, value as &dyn ToParameter)).collect();
    lookup.statement.with(&values)
}

async fn look_up(
    context: &Context,
    scheme: &'static AuthScheme,
    bound: Bound,
    hash: Option<&str>,
) -> Result<Principal, Failure> {
    let done = context.run(bound).await?;
    let row = done.first().ok_or_else(|| Failure::unauthenticated("no such principal"))?;
    if let (Some(sent), Some(stored)) = (hash, row.text("key_hash"))
        && !compare::same(sent.as_bytes(), stored.as_bytes())
    {
        return Err(Failure::unauthenticated("the key's hash differs"));
    }
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let id = row.text("id").ok_or_else(|| Failure::internal("the principal has no id"))?;
    Ok(Principal {
        id: id.to_owned(),
        role: text("role"),
        tier: text("tier"),
        key_id: row.text("key_id").map(str::to_owned),
        expires: None,
        scheme,
    })
}

/// The value of a header that may be there once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            value.to_str().map_err(|_| Failure::unauthenticated("the credential is not ASCII"))
        }
        (Some(_), Some(_)) => Err(Failure::unauthenticated("the credential is there twice")),
        (None, _) => Err(Failure::unauthenticated("no credential")),
    }
}

const _: () = assert!(AUTHORIZATION_NAME.len() == 13);

/// The header of bearer tokens.
fn authorization(headers: &HeaderMap) -> Result<&str, Failure> {
    single(headers, AUTHORIZATION.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::definition::Jwt;

    static SCHEME: AuthScheme = AuthScheme {
        name: "session",
        kind: AuthKind::Jwt(Jwt {
            secret: "KEY",
            issuer: "a",
            audience: "a",
            lifetime: Duration::from_mins(1),
            principal: None,
        }),
    };

    #[test]
    fn a_token_alone_is_the_principal_that_it_names() {
        let claims = |claims: Value| claims.as_object().cloned().unwrap_or_default();
        let token = claims(json!({"sub": "ada", "role": "admin", "tier": ["free"]}));
        let principal = claimed(&SCHEME, &token).expect("a principal");
        assert_eq!((&*principal.id, &*principal.role, &*principal.tier), ("ada", "admin", ""));
        for nobody in [json!({"role": "admin"}), json!({"sub": 1, "role": "admin"})] {
            assert!(claimed(&SCHEME, &claims(nobody)).is_err());
        }
    }
}
