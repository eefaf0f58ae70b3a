//! Secrets that sign are long enough for what they sign.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::Auth;

/// A key of HS256 has at least the size of its hash (RFC 7518, section 3.2).
const SIGNS_TOKENS: u32 = 32;
/// What a webhook's provider chooses may be shorter, but not short enough to be guessed.
const SIGNS_WEBHOOKS: u32 = 16;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (scheme, auth) in &context.service.auth {
        let (least, what) = match auth {
            Auth::Jwt { .. } => (SIGNS_TOKENS, "tokens"),
            // Its provider may choose the secret: only what the spec says itself is judged.
            Auth::Webhook { secret, .. } if says_nothing(context, secret) => continue,
            Auth::Webhook { .. } => (SIGNS_WEBHOOKS, "webhooks"),
            Auth::ApiKey { .. } => continue,
        };
        let Some(name) = auth.secret() else { continue };
        let Some(secret) = context.service.config.secrets.get(name) else { continue };
        let (config, auths) = (At::root("config"), At::root("auth"));
        let secrets = config.key("secrets");
        let at = secrets.key(name);
        if context.is_broken(&at) || secret.min_bytes.is_some_and(|bytes| bytes >= least) {
            continue;
        }
        let message = match secret.min_bytes {
            Some(bytes) => format!("`{name}` signs {what} and may have only {bytes} bytes"),
            None => format!("`{name}` signs {what} and may have any length"),
        };
        let (scheme, min_bytes) = (auths.key(scheme), at.key("min_bytes"));
        let place = if secret.min_bytes.is_some() { &min_bytes } else { &at };
        found.push(
            context
                .at_key(codes::WEAK_SECRET, place, message)
                .because("who guesses it offline can sign as the service")
                .fix(format!("write `min_bytes: {least}` or more"))
                .label(context.key(&scheme), "signed with it"),
        );
    }
}

fn says_nothing(context: &Context<'_>, secret: &str) -> bool {
    context.service.config.secrets.get(secret).is_none_or(|secret| secret.min_bytes.is_none())
}
