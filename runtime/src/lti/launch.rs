//! A launch: the browser brings back what the platform signed.

use http::header::{HeaderValue, LOCATION, SET_COOKIE};
use serde_json::Value;

use super::claims::{Asked, Launch};
use super::token::Token;
use super::{cookie, declared, deep_link, key_sets, malformed, platform, text};
use crate::answer::{Answer, Outcome};
use crate::call::{Call, Principal};
use crate::context::hash_token;
use crate::definition::Lti;
use crate::percent;
use crate::policy::auth::compare::same;
use crate::problem::{FORBIDDEN, Failure, UNAUTHENTICATED};

const NO_COOKIE: &str = "the browser did not send the cookie that belongs to this launch; \
                         open the tool in a window of its own, or allow its cookies";

/// A log-in that was begun here.
struct Begun {
    nonce_hash: String,
    browser_hash: String,
    issuer: String,
    client_id: String,
}

/// Takes the log-in of a state, so that nobody can take it again.
async fn take(call: &Call, lti: &Lti, state: &str) -> Result<Begun, Failure> {
    let taken =
        call.run(lti.take.with(&[("state", &hash_token(state)), ("now", &call.now())])).await?;
    let unknown = || Failure::unauthenticated("there is no such log-in, or it was used before");
    let row = taken.first().ok_or_else(unknown)?;
    let text = |column| {
        let found = row.text(column).map(str::to_owned);
        found.ok_or_else(|| Failure::internal(format!("the log-in has no `{column}`")))
    };
    Ok(Begun {
        nonce_hash: text("nonce")?,
        browser_hash: text("browser")?,
        issuer: text("issuer")?,
        client_id: text("client_id")?,
    })
}

/// The value of a cookie that is there once.
fn cookie_value<'a>(header: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs =
        header.unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// Begins the service's own session for who a platform says.
pub(crate) async fn launch(call: &mut Call) -> Outcome {
    let lti = declared(call)?;
    let Value::Object(form) = std::mem::take(&mut call.body) else {
        return Err(malformed("a launch is a form"));
    };
    let state = text(&form, "state").ok_or_else(|| malformed("`state` is missing"))?;
    // Whatever comes of it, this state was used.
    let begun = take(call, lti, state).await?;
    let browser = cookie_value(call.cookies.as_deref(), &cookie(state)).unwrap_or_default();
    if !same(hash_token(browser).as_bytes(), begun.browser_hash.as_bytes()) {
        return Err(Failure::unauthenticated("another browser began this log-in").detail(NO_COOKIE));
    }
    if text(&form, "error").is_some() {
        let detail = "the platform did not log you in";
        return Err(Failure::of(&UNAUTHENTICATED).detail(detail));
    }
    let token = text(&form, "id_token").ok_or_else(|| malformed("`id_token` is missing"))?;
    let found = platform::find(call, lti, &begun.issuer, Some(&begun.client_id)).await?;
    let gone = || Failure::unauthenticated("the platform is not registered any more");
    let platform = found.ok_or_else(gone)?;
    let token = Token::read(token)?;
    let key = key_sets::find(call, lti, &platform, &token.kid).await?;
    if !call.rsa().verify(&key, token.signed, &token.signature).await? {
        return Err(Failure::unauthenticated("the signature does not match"));
    }
    let origin = call.var(lti.origin)?.trim_end_matches('/').to_owned();
    let asked = Asked {
        platform: &platform,
        nonce_hash: &begun.nonce_hash,
        origin: &origin,
        now: call.clock().unix_millis() / 1000,
    };
    let launch = asked.check(&token.claims()?)?;
    let session = session(call, lti, &platform.issuer, &launch).await?;
    // What is cached of them is not given again: their name and role may be others now.
    call.principal = Some(Principal {
        id: session.id.clone(),
        role: session.role.clone(),
        tier: String::new(),
        key_id: None,
        expires: None,
        scheme: lti.session,
    });
    let link = match &launch.deep_linking {
        Some(wanted) => {
            Some(deep_link::open(call, lti, &platform, &launch, wanted, &session.id).await?)
        }
        None => None,
    };
    answer(call, lti, &launch, &session, link.as_deref(), state)
}

/// Whose session begins.
struct Session {
    id: String,
    role: String,
}

/// Finds or makes the account of who was launched.
async fn session(
    call: &Call,
    lti: &'static Lti,
    issuer: &str,
    launch: &Launch,
) -> Result<Session, Failure> {
    let role = role(lti, &launch.roles)?;
    // People of two platforms are never the same, whatever the platforms call them.
    let subject = hash_token(&format!("{issuer}\n{}", launch.subject));
    let Some(account) = lti.account else {
        return Ok(Session { id: subject, role: role.to_owned() });
    };
    let account = account.with(&[
        ("id", &call.new_id()?),
        ("subject", &subject),
        ("role", &role),
        ("name", &launch.name),
        ("now", &call.now()),
    ]);
    let done = call.run(account).await?;
    let row = done.first().ok_or_else(|| Failure::internal("no account was made"))?;
    let id = row.text("id").ok_or_else(|| Failure::internal("the account has no id"))?;
    let role = row.text("role").unwrap_or(role).to_owned();
    Ok(Session { id: id.to_owned(), role })
}

/// The role that a platform's roles make.
fn role(lti: &'static Lti, given: &[String]) -> Result<&'static str, Failure> {
    let fits = |roles: &[&str]| roles.iter().any(|role| given.iter().any(|given| given == role));
    let found = lti.roles.iter().find(|(_, roles)| fits(roles)).map(|(role, _)| *role);
    let nobody = || Failure::of(&FORBIDDEN).because("none of the platform's roles is one here");
    found.or(lti.default_role).ok_or_else(nobody)
}

/// Sends the browser to the page that was asked for. The session is in the fragment, which no browser sends to
/// anybody: a cookie of a foreign frame may be blocked, and a query string would be in logs.
fn answer(
    call: &Call,
    lti: &'static Lti,
    launch: &Launch,
    session: &Session,
    link: Option<&str>,
    state: &str,
) -> Outcome {
    let signer = call.keys().signer(lti.session)?;
    let token = signer.issue(call, &session.id, Some(&session.role), None)?;
    let expires_in = signer.lifetime().as_secs().to_string();
    let mut fragment = vec![
        ("access_token", token.as_str()),
        ("token_type", "Bearer"),
        ("expires_in", expires_in.as_str()),
    ];
    fragment.extend(link.map(|link| ("deep_link", link)));
    let location = format!("{}#{}", launch.target, percent::pairs(fragment));
    let gone = format!(
        "{}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned",
        cookie(state)
    );
    let mut answer = Answer::empty(303);
    for (name, value) in [(LOCATION, location), (SET_COOKIE, gone)] {
        let mut value = HeaderValue::try_from(value).map_err(Failure::internal)?;
        value.set_sensitive(true);
        answer.headers.push((name, value));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_is_there_twice_is_none() {
        assert_eq!(cookie_value(Some("a=1; b=2"), "b"), Some("2"));
        for header in [None, Some("a=1"), Some("b=2; b=3"), Some("xb=2"), Some("B=2")] {
            assert_eq!(cookie_value(header, "b"), None, "{header:?}");
        }
    }
}
