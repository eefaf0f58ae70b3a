//! Checks a password and issues a token.

use serde::Serialize;

use crate::answer::{Answer, Outcome};
use crate::binding::sql::Bound;
use crate::call::Call;
use crate::definition::AuthScheme;
use crate::problem::{Failure, ProblemType};
use crate::secret::Secret;

/// What a log-in needs.
#[derive(Debug)]
pub struct Login<'a> {
    /// The scheme whose token is issued.
    pub scheme: &'static AuthScheme,
    /// Finds `id`, `password_hash` and, where the service has them, `role` and `tier`.
    pub account: Bound,
    /// The password that was given.
    pub password: &'a str,
    /// The answer when account and password do not match.
    pub otherwise: &'static ProblemType,
}

#[derive(Serialize)]
struct Session {
    token: String,
    token_type: &'static str,
    expires_in: u64,
}

/// Checks a password and issues a token. The same work is done when there is no such account.
pub async fn login(call: &Call, login: Login<'_>) -> Outcome {
    // What copies have may be too old to decide by.
    let done = call.context.run(login.account).await?;
    let account = done.first();
    let hash = account.and_then(|row| row.text("password_hash")).map(str::to_owned);
    let matches = call.passwords().verify(Secret::new(login.password), hash).await?;
    let (Some(account), true) = (account, matches) else {
        return Err(Failure::of(login.otherwise).because("account and password do not match"));
    };
    let subject = account.text("id").ok_or_else(|| Failure::internal("the account has no id"))?;
    let signer = call.keys().signer(login.scheme)?;
    let token = signer.issue(call, subject, account.text("role"), account.text("tier"))?;
    let expires_in = signer.lifetime().as_secs();
    Answer::json(200, &Session { token, token_type: "Bearer", expires_in })
}
