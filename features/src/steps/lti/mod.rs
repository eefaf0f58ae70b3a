//! LTI 1.3: a learning platform opens the service, and a hostile one does not.

mod deep_linking;
mod people;
mod platform;

use cucumber::step::Collection;
use proofline_spec::document::LtiStep;
use serde_json::{Value, json};

use self::platform::{Platform, declared, form, page, route, session};
use super::{Arguments, provider, steps};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::lms::Key;
use crate::provider::Scripted;
use crate::token;
use crate::world::World;

const CLAIM: &str = "https://purl.imsglobal.org/spec/lti/claim/";
/// So many keys that a platform does not have are named.
const UNKNOWN: usize = 20;

/// What a scenario remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    platform: Option<std::sync::Arc<Platform>>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = people::steps(deep_linking::steps(collection));
    steps! { collection;
        given "a learning platform that is registered" => registered;
        then "a launch from it begins a session" => begins;
        then "a launch that is sent again is refused" => sent_again;
        then "a token for one log-in is refused in another" => other_login;
        then "a launch in another browser than the one that began it is refused" => other_browser;
        then "a launch that nobody began is refused" => nobody_began;
        then "a token that the platform did not sign in the declared way is refused" => forgeries;
        then "a token whose claims are each wrong in one way is refused although its signature is right" => claims;
        then "what is no token is refused" => malformed;
        then "a key that the platform took up is accepted, and one that it gave up is not" => rotation;
        then "naming many keys that the platform does not have makes it asked for its keys once more" => unknown_keys;
        then "a key set that is too large, is none, or leads elsewhere lets nobody in" => hostile_sets;
        then "no log-in and no launch leads to a page of somebody else" => open_redirect;
        then "a log-in from a platform or a deployment that is not registered is refused" => unregistered;
        then "a registration that leads the service elsewhere is refused" => registrations;
    }
}

fn known(world: &World) -> Result<std::sync::Arc<Platform>, Failure> {
    let platform = world.memory.lti.platform.clone();
    platform.ok_or_else(|| Failure::broken("no earlier step registers a platform"))
}

async fn a_platform(world: &mut World) -> Result<Platform, Failure> {
    let platform = Platform::new(&world.run()?.target)?;
    let answer = platform.register(world, &platform.registration()).await?;
    if !answer.is_success() {
        let why = answer.describe();
        return Err(Failure::Broken(format!("no platform can be registered: {why}")));
    }
    platform.publish(world, &[&platform.key]).await?;
    Ok(platform)
}

async fn registered(world: &mut World, _: Arguments) -> Seen {
    let platform = a_platform(world).await?;
    let seen = format!("{} is registered", platform.client_id);
    world.memory.lti.platform = Some(platform.into());
    Ok(seen)
}

/// A launch is refused, and says no more than that.
fn refused(answer: &Answer, what: &str) -> Result<(), Failure> {
    let holds = matches!(answer.status, 400 | 401)
        && answer.is_problem()
        && answer.header("location").is_none();
    require(holds, || format!("{what} must be refused with 400 or 401"), answer)
}

/// Who is launched is somebody here.
async fn begins(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let answer = platform.launch_with(world, |_| {}).await?;
    let session = session(world, &answer)?;
    let token = session.iter().find(|(name, _)| name == "access_token").map(|(_, value)| value);
    let bearer = format!("Bearer {}", token.map_or("", String::as_str));
    let run = world.run()?;
    let scheme = declared(&run.target)?.session.clone();
    let safe = run.target.safe_route(&scheme);
    let safe =
        safe.ok_or_else(|| Failure::not_applicable("no route is safe to call with a token"))?;
    let answer = world.send(Request::get(&safe.path).header("Authorization", bearer)).await?;
    require(answer.is_success(), || "the session must be accepted".into(), &answer)?;
    Ok(format!("the session of a launch is accepted by {safe}"))
}

async fn sent_again(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let begun = platform.begin(world).await?;
    let claims = platform.claims(&world.run()?.target, &begun)?;
    let token = platform.key.token(&platform.key.header(), &claims)?;
    session(world, &platform.launch(world, &begun, &token).await?)?;
    refused(&platform.launch(world, &begun, &token).await?, "a launch that is sent again")?;
    // A state that was used for something wrong is used as well.
    let begun = platform.begin(world).await?;
    refused(&platform.launch(world, &begun, "no.token.").await?, "what is no token")?;
    let claims = platform.claims(&world.run()?.target, &begun)?;
    let token = platform.key.token(&platform.key.header(), &claims)?;
    refused(&platform.launch(world, &begun, &token).await?, "a state that was used")?;
    Ok("state and token are good for one launch".to_owned())
}

async fn other_login(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let target = &world.run()?.target;
    let (first, second) = (platform.begin(world).await?, platform.begin(world).await?);
    let token = platform.key.token(&platform.key.header(), &platform.claims(target, &first)?)?;
    refused(&platform.launch(world, &second, &token).await?, "the nonce of another log-in")?;
    session(world, &platform.launch(world, &first, &token).await?)?;
    // The token was used; the nonce must not be good for a new log-in either.
    let third = platform.begin(world).await?;
    refused(&platform.launch(world, &third, &token).await?, "a nonce that was used")?;
    Ok("a nonce belongs to one log-in".to_owned())
}

async fn other_browser(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let mut findings = Findings::new();
    for case in ["no cookie", "the cookie of another log-in", "another value", "two values"] {
        let (mut begun, other) = (platform.begin(world).await?, platform.begin(world).await?);
        let claims = platform.claims(&world.run()?.target, &begun)?;
        let token = platform.key.token(&platform.key.header(), &claims)?;
        let (name, value) = begun.cookie.split_once('=').unwrap_or_default();
        let stranger = other.cookie.split_once('=').map_or("", |(_, value)| value);
        begun.cookie = match case {
            "no cookie" => String::new(),
            "the cookie of another log-in" => other.cookie.clone(),
            "another value" => format!("{name}={stranger}"),
            _ => format!("{name}={stranger}; {name}={value}"),
        };
        let answer = platform.launch(world, &begun, &token).await?;
        findings.add(case, refused(&answer, "a launch in another browser"))?;
    }
    findings.finish("there is no browser", |cases| format!("{cases} other browsers are refused"))
}

async fn nobody_began(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let begun = platform.begin(world).await?;
    let claims = platform.claims(&world.run()?.target, &begun)?;
    let token = platform.key.token(&platform.key.header(), &claims)?;
    let key = route(&world.run()?.target, LtiStep::Launch)?;
    let invented = token::base64url(&[7; 32]);
    let mut findings = Findings::new();
    for (case, fields) in [
        ("an invented state", vec![("id_token", &*token), ("state", &*invented)]),
        ("no state", vec![("id_token", &*token)]),
        ("an empty state", vec![("id_token", &*token), ("state", "")]),
        (
            "two states",
            vec![("id_token", &*token), ("state", &*invented), ("state", &*begun.state)],
        ),
    ] {
        let request = form(&key, &fields).header("Cookie", begun.cookie.clone());
        findings.add(case, refused(&world.send(request).await?, "a launch that nobody began"))?;
    }
    findings.finish("there is no state", |cases| format!("{cases} states are refused"))
}

async fn forgeries(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let mut findings = Findings::new();
    let example = platform.begin(world).await?;
    let claims = platform.claims(&world.run()?.target, &example)?;
    let cases = platform.key.forgeries(&claims)?.len();
    for case in 0..cases {
        let begun = platform.begin(world).await?;
        let claims = platform.claims(&world.run()?.target, &begun)?;
        let Some((what, token)) = platform.key.forgeries(&claims)?.into_iter().nth(case) else {
            continue;
        };
        let answer = platform.launch(world, &begun, &token).await?;
        findings.add(&what, refused(&answer, "a forged token"))?;
    }
    findings.finish("there is no forgery", |cases| format!("{cases} forgeries are refused"))
}

type Change = fn(&mut Value);

/// What can be wrong with claims, each in one way.
fn flaws() -> Vec<(&'static str, Change)> {
    fn set(claims: &mut Value, name: &str, value: Value) {
        claims[format!("{CLAIM}{name}")] = value;
    }
    fn without(claims: &mut Value, name: &str) {
        if let Some(members) = claims.as_object_mut() {
            members.remove(name);
        }
    }
    vec![
        ("another issuer", |c| c["iss"] = "https://evil.example".into()),
        ("no issuer", |c| without(c, "iss")),
        ("another client", |c| c["aud"] = "somebody-else".into()),
        ("no audience", |c| without(c, "aud")),
        ("an empty list of audiences", |c| c["aud"] = json!([])),
        ("an audience besides that nobody knows", |c| {
            c["azp"] = c["aud"].clone();
            c["aud"] = json!([c["aud"], "https://evil.example"]);
        }),
        ("two audiences and no `azp`", |c| c["aud"] = json!([c["aud"], c["aud"]])),
        ("another `azp`", |c| c["azp"] = "somebody-else".into()),
        ("an `azp` that is no text", |c| c["azp"] = json!(7)),
        ("expired", |c| c["exp"] = json!(token::now() - 1)),
        ("it never expires", |c| without(c, "exp")),
        ("an `exp` that is a text", |c| c["exp"] = (token::now() + 300).to_string().into()),
        ("issued in ten minutes", |c| c["iat"] = json!(token::now() + 600)),
        ("issued in an hour", |c| c["iat"] = json!(token::now() + 3600)),
        ("issued an hour ago", |c| c["iat"] = json!(token::now() - 3600)),
        ("issued a day ago", |c| c["iat"] = json!(token::now() - 86_400)),
        ("never issued", |c| without(c, "iat")),
        ("valid in ten minutes", |c| c["nbf"] = json!(token::now() + 600)),
        ("a `nbf` that is a text", |c| c["nbf"] = token::now().to_string().into()),
        ("not valid yet", |c| c["nbf"] = json!(token::now() + 3600)),
        ("another nonce", |c| c["nonce"] = "invented".into()),
        ("no nonce", |c| without(c, "nonce")),
        ("nobody", |c| without(c, "sub")),
        ("a name of 256 letters", |c| c["sub"] = "a".repeat(256).into()),
        ("another deployment", |c| set(c, "deployment_id", "elsewhere".into())),
        ("no deployment", |c| set(c, "deployment_id", Value::Null)),
        ("LTI 1.1", |c| set(c, "version", "LTI-1p0".into())),
        ("no version", |c| set(c, "version", Value::Null)),
        ("an unknown message", |c| set(c, "message_type", "LtiSubmissionReviewRequest".into())),
        ("no message", |c| set(c, "message_type", Value::Null)),
        ("no resource link", |c| set(c, "resource_link", Value::Null)),
        ("a resource link without an id", |c| set(c, "resource_link", json!({"title": "A"}))),
        ("no roles", |c| set(c, "roles", Value::Null)),
        ("no page", |c| set(c, "target_link_uri", Value::Null)),
    ]
}

async fn claims(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let mut findings = Findings::new();
    for (case, change) in flaws() {
        let answer = platform.launch_with(world, change).await?;
        findings.add(case, refused(&answer, "a wrong claim"))?;
    }
    // What is right in another way is accepted.
    for (case, change) in [
        ("one audience in a list", (|c| c["aud"] = json!([c["aud"]])) as Change),
        ("its own `azp`", |c| c["azp"] = c["aud"].clone()),
    ] {
        let answer = platform.launch_with(world, change).await?;
        findings.add(case, session(world, &answer).map(drop))?;
    }
    findings.finish("there are no claims", |cases| format!("{cases} claims are judged rightly"))
}

async fn malformed(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let header = token::base64url(platform.key.header().to_string().as_bytes());
    let mut findings = Findings::new();
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        header.clone(),
        format!("{header}."),
        format!("{header}..AAAA"),
        format!("{header}.e30.AAAA.AAAA.AAAA"),
        format!("{header}.%00.AAAA"),
        format!("{header}.{}.AAAA", token::base64url(b"[1]")),
        format!("{header}.{}.AAAA", token::base64url(&[0xff; 40])),
        format!("{}.e30.AAAA", token::base64url(&b"[".repeat(5_000))),
        format!("{header}.{}.AAAA", "A".repeat(40_000)),
    ] {
        let begun = platform.begin(world).await?;
        let case: String = token.chars().take(40).collect();
        let answer = platform.launch(world, &begun, &token).await?;
        findings.add(&case, refused(&answer, "what is no token"))?;
    }
    findings.finish("there is nothing", |cases| format!("{cases} texts are refused"))
}

async fn rotation(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    session(world, &platform.launch_with(world, |_| {}).await?)?;
    session(world, &platform.launch_with(world, |_| {}).await?)?;
    let asked = platform.asked(world).await?;
    if asked != 1 {
        return Err(Failure::Wrong(format!("two launches asked for the key set {asked} times")));
    }
    let fresh = Key::fresh()?;
    platform.publish(world, &[&fresh]).await?;
    let begun = platform.begin(world).await?;
    let claims = platform.claims(&world.run()?.target, &begun)?;
    let token = fresh.token(&fresh.header(), &claims)?;
    session(world, &platform.launch(world, &begun, &token).await?)?;
    let answer = platform.launch_with(world, |_| {}).await?;
    refused(&answer, "the key that the platform gave up")?;
    let asked = platform.asked(world).await?;
    if asked == 1 || asked > 3 {
        return Err(Failure::Wrong(format!("the key set was asked for {asked} times")));
    }
    Ok("the new key is accepted at once, the old one no longer".to_owned())
}

async fn unknown_keys(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    session(world, &platform.launch_with(world, |_| {}).await?)?;
    let before = platform.asked(world).await?;
    if let Some(lti) = &world.run()?.target.service.lti {
        world.recorder.about("bindings", &lti.key_sets);
    }
    for _ in 0..UNKNOWN {
        let begun = platform.begin(world).await?;
        let claims = platform.claims(&world.run()?.target, &begun)?;
        let stranger = Key::fresh()?;
        let token = stranger.token(&stranger.header(), &claims)?;
        refused(&platform.launch(world, &begun, &token).await?, "an unknown key")?;
    }
    let more = platform.asked(world).await? - before;
    // The rate is one a minute; on a slow machine a second minute may begin.
    if !(1..=2).contains(&more) {
        let message = format!("{UNKNOWN} unknown keys made {more} requests for the key set");
        return Err(Failure::Wrong(message));
    }
    session(world, &platform.launch_with(world, |_| {}).await?)?;
    Ok(format!("{UNKNOWN} unknown keys made {more} requests"))
}

async fn hostile_sets(world: &mut World, _: Arguments) -> Seen {
    let most = {
        let (target, name) = (&world.run()?.target, &known(world)?.upstream);
        let found = provider::upstreams(target).into_iter().find(|one| one.name == *name);
        found.map_or(1_000_000, |upstream| upstream.most)
    };
    let mut findings = Findings::new();
    let text = |body: &str| Scripted { body: Some(body.to_owned()), ..Scripted::default() };
    let inside = world.run()?.target.base.clone();
    for (case, answer) in [
        ("too large", Scripted { bytes: Some(most + 64 * 1024), ..Scripted::default() }),
        ("an error", Scripted::status(500)),
        ("nothing", text("")),
        ("no JSON", text("<html>")),
        ("a list", text("[]")),
        ("no keys", text("{}")),
        (
            "moved into the private network",
            Scripted::status(302).header("location", format!("{inside}/health")),
        ),
        (
            "moved to the machine's own address",
            Scripted::status(307).header("location", "http://169.254.169.254/"),
        ),
    ] {
        // Each has a platform of its own, whose keys nobody knows yet.
        let platform = a_platform(world).await?;
        world.recorder.about("bindings", &platform.upstream);
        platform.answers(world, answer).await?;
        let answer = platform.launch_with(world, |_| {}).await?;
        let holds = answer.status == 503 && answer.is_problem();
        let what = || "nobody gets in without the platform's keys: 503".to_owned();
        findings.add(case, require(holds, what, &answer))?;
        // Where calls that fail open a breaker, the next platform is to be called nevertheless.
        provider::calm(world, &platform.upstream).await?;
    }
    findings.finish("there is no set", |cases| format!("{cases} key sets let nobody in"))
}

async fn open_redirect(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let target = world.run()?.target.clone();
    let own = platform::origin(&target)?;
    let host = own.trim_start_matches("https://").to_owned();
    let key = route(&target, LtiStep::Login)?;
    let mut findings = Findings::new();
    for page in [
        "https://evil.example/".to_owned(),
        format!("{own}.evil.example/"),
        format!("{own}@evil.example/"),
        format!("https://evil.example/{host}"),
        format!("//{host}/"),
        format!("http://{host}/"),
        format!("{own}:8443/"),
        format!("{own}\\.evil.example/"),
        format!("{own}/\r\nLocation: https://evil.example/"),
        format!("{own}/#access_token=planted"),
        "javascript:alert(1)".to_owned(),
        "/course".to_owned(),
    ] {
        let answer = world.send(form(&key, &platform.initiation(&page))).await?;
        findings.add(&format!("a log-in to {page}"), refused(&answer, "a foreign page"))?;
        let changed = page.clone();
        let change = move |c: &mut Value| c[format!("{CLAIM}target_link_uri")] = changed.into();
        let answer = platform.launch_with(world, change).await?;
        findings.add(&format!("a launch to {page}"), refused(&answer, "a foreign page"))?;
    }
    findings.finish("there is no page", |cases| format!("{cases} ways elsewhere are refused"))
}

async fn unregistered(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let target = &world.run()?.target;
    if let Some(lti) = &target.service.lti {
        world.recorder.about("bindings", &lti.platforms);
    }
    let (key, page) = (route(target, LtiStep::Login)?, page(target)?);
    let mut findings = Findings::new();
    for (name, value) in [
        ("iss", "https://evil.example"),
        ("client_id", "somebody-else"),
        ("lti_deployment_id", "elsewhere"),
        ("login_hint", ""),
        ("target_link_uri", ""),
        ("iss", ""),
    ] {
        let mut fields = platform.initiation(&page);
        if let Some(field) = fields.iter_mut().find(|(known, _)| *known == name) {
            field.1 = value;
        }
        let answer = world.send(form(&key, &fields)).await?;
        findings.add(&format!("`{name}` is `{value}`"), refused(&answer, "such a log-in"))?;
    }
    findings.finish("there is no log-in", |cases| format!("{cases} log-ins are refused"))
}

async fn registrations(world: &mut World, _: Arguments) -> Seen {
    let platform = Platform::new(&world.run()?.target)?;
    let inside = world.run()?.target.base.clone();
    let right = platform.registration();
    let keys = right["jwks_url"].as_str().unwrap_or_default().to_owned();
    let mut findings = Findings::new();
    let plain = keys.replacen("https://", "http://", 1);
    for (name, value) in [
        ("jwks_url", format!("{inside}/keys")),
        ("jwks_url", "https://evil.example/keys".to_owned()),
        ("jwks_url", "https://169.254.169.254/keys".to_owned()),
        ("jwks_url", plain),
        ("jwks_url", format!("{keys}/../../admin")),
        ("jwks_url", keys.replacen("://", "://user@evil.example/", 1)),
        ("authorization_endpoint", "http://lms.example/authorise".to_owned()),
        ("authorization_endpoint", "javascript:alert(1)".to_owned()),
        ("issuer", "lms".to_owned()),
    ] {
        let mut wrong = right.clone();
        let case = format!("`{name}` is {value}");
        wrong[name] = value.into();
        let answer = platform.register(world, &wrong).await?;
        let holds = matches!(answer.status, 400 | 422) && answer.is_problem();
        findings.add(&case, require(holds, || "it must be refused".into(), &answer))?;
    }
    let answer = platform.register(world, &right).await?;
    findings
        .add("a right one", require(answer.is_success(), || "it must be taken".into(), &answer))?;
    findings.finish("there is no registration", |cases| format!("{cases} are judged rightly"))
}
