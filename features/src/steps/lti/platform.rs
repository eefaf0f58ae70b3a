//! The learning platform of a scenario, and the browser of who comes from it.

use proofline_spec::document::{Binding, Lti, LtiStep, Operation, RouteKey, VarSource};
use serde_json::{Value, json};

use crate::accounts;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, require};
use crate::lms::Key;
use crate::plan::Target;
use crate::provider::{Rule, Scripted};
use crate::steps::provider;
use crate::token;
use crate::world::World;

const CLAIM: &str = "https://purl.imsglobal.org/spec/lti/claim/";

/// The learning platform of a scenario.
#[derive(Debug)]
pub(super) struct Platform {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) deployment: String,
    /// The key that it signs with.
    pub(super) key: Key,
    /// Whose key set is played.
    pub(super) upstream: String,
    base_url: String,
    /// Where its key set is, below the upstream's address.
    pub(super) path: String,
}

/// A log-in that was begun in a browser.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) state: String,
    pub(super) nonce: String,
    /// The cookie that the browser got.
    pub(super) cookie: String,
}

/// What the spec says about learning platforms.
pub(super) fn declared(target: &Target) -> Result<&Lti, Failure> {
    let lti = target.service.lti.as_ref();
    lti.ok_or_else(|| Failure::not_applicable("the spec has no learning platforms"))
}

/// The route of a step.
pub(super) fn route(target: &Target, step: LtiStep) -> Result<RouteKey, Failure> {
    let is_it =
        |operation: &Operation| matches!(operation, Operation::Lti(found) if *found == step);
    let routes: Vec<_> = target.routes().filter(|(_, route)| is_it(&route.op)).collect();
    // Platforms send the log-in as a form nearly always.
    let found = routes.iter().find(|(key, _)| key.method.has_body()).or_else(|| routes.first());
    found.map(|(key, _)| (*key).clone()).ok_or_else(|| {
        Failure::not_applicable(format!("no route has `op: {{lti: {}}}`", step.name()))
    })
}

/// The service's own origin, as the environment says it.
pub(super) fn origin(target: &Target) -> Result<String, Failure> {
    let name = &declared(target)?.origin;
    let var = target.service.config.vars.get(name);
    let told = target.environment.vars.get(name).cloned();
    let value = told.or_else(|| {
        let var = var?;
        match var.from {
            Some(VarSource::EnvironmentName | VarSource::ServiceVersion) => None,
            None => var.default.clone(),
        }
    });
    let value = value.ok_or_else(|| Failure::Broken(format!("nothing says what {name} is")))?;
    Ok(value.trim_end_matches('/').to_owned())
}

/// A form as browsers send it.
pub(super) fn form(key: &RouteKey, fields: &[(&str, &str)]) -> Request {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(&format!("{}={}", crate::call::encode(name), crate::call::encode(value)));
    }
    Request::new(key.method.as_str(), key.path.clone())
        .body("application/x-www-form-urlencoded", body.into_bytes())
}

impl Platform {
    /// A platform that nobody knows yet.
    pub(super) fn new(target: &Target) -> Result<Self, Failure> {
        let lti = declared(target)?;
        let upstream = lti.keys_from.first().cloned().unwrap_or_default();
        let Some(Binding::Upstream { base_url, .. }) = target.service.bindings.get(&upstream)
        else {
            return Err(Failure::broken("the spec fetches key sets from no upstream"));
        };
        let number = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self {
            issuer: format!("https://lms-{number}.example"),
            client_id: format!("client-{number}"),
            deployment: format!("deployment-{number}"),
            key: Key::fresh()?,
            upstream,
            base_url: base_url.trim_end_matches('/').to_owned(),
            path: format!("/{number}/keys"),
        })
    }

    /// What its administrators are told and tell.
    pub(super) fn registration(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "client_id": self.client_id,
            "deployments": [self.deployment],
            "authorization_endpoint": format!("{}/authorise?from=tool", self.issuer),
            "jwks_url": format!("{}{}", self.base_url, self.path),
            "token_endpoint": format!("{}/token", self.issuer),
        })
    }

    /// An administrator of the service registers it so.
    pub(super) async fn register(&self, world: &World, body: &Value) -> Result<Answer, Failure> {
        let run = world.run()?;
        let key = route(&run.target, LtiStep::Register)?;
        let admin = accounts::admin(&run, &key)?;
        let request = Request::new(key.method.as_str(), key.path.clone()).json(body);
        world.send(request.headers(&[admin])).await
    }

    /// Its key set has these keys.
    pub(super) async fn publish(&self, world: &mut World, keys: &[&Key]) -> Result<(), Failure> {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        let body = Some(json!({ "keys": keys }).to_string());
        self.answers(world, Scripted { body, ..Scripted::default() }).await
    }

    /// Who asks for its key set is answered so.
    pub(super) async fn answers(&self, world: &mut World, answer: Scripted) -> Result<(), Failure> {
        let rule = Rule { containing: Some(self.path.clone()), answer, ..Rule::default() };
        provider::play(world, &self.upstream, vec![rule]).await
    }

    /// How often its key set was asked for.
    pub(super) async fn asked(&self, world: &World) -> Result<usize, Failure> {
        Ok(provider::received(world, &self.upstream, &self.path).await?.len())
    }

    /// What it sends a browser with that is to open the tool.
    pub(super) fn initiation<'a>(&'a self, target: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![
            ("iss", &self.issuer),
            ("login_hint", "ada"),
            ("target_link_uri", target),
            ("lti_message_hint", "link 7"),
            ("client_id", &self.client_id),
            ("lti_deployment_id", &self.deployment),
            ("canvas_region", "nowhere"),
        ]
    }

    /// A browser comes from it to log in.
    pub(super) async fn begin(&self, world: &World) -> Result<Begun, Failure> {
        let run = world.run()?;
        let target = page(&run.target)?;
        let key = route(&run.target, LtiStep::Login)?;
        let answer = world.send(form(&key, &self.initiation(&target))).await?;
        self.sent_on(&run.target, &answer)
    }

    /// The browser is sent back with all that a platform needs, and with a cookie.
    fn sent_on(&self, target: &Target, answer: &Answer) -> Result<Begun, Failure> {
        require(
            answer.status == 302,
            || "a log-in must be sent on to the platform".into(),
            answer,
        )?;
        let location = answer.header("location").unwrap_or_default();
        let wrong = |what: String| Failure::Wrong(format!("{what}: {}", answer.describe()));
        let url = reqwest::Url::parse(location)
            .map_err(|error| wrong(format!("the platform's address is none ({error})")))?;
        let asked = |name: &str| -> Result<String, Failure> {
            let mut all = url.query_pairs().filter(|(given, _)| given == name);
            match (all.next(), all.next()) {
                (Some((_, value)), None) if !value.is_empty() => Ok(value.into_owned()),
                _ => Err(wrong(format!("the platform must be told `{name}` once"))),
            }
        };
        let launch = format!("{}{}", origin(target)?, route(target, LtiStep::Launch)?.path);
        for (name, value) in [
            ("scope", "openid"),
            ("response_type", "id_token"),
            ("response_mode", "form_post"),
            ("prompt", "none"),
            ("client_id", &self.client_id),
            ("redirect_uri", &launch),
            ("login_hint", "ada"),
            ("lti_message_hint", "link 7"),
            ("from", "tool"),
        ] {
            let told = asked(name)?;
            if told != value {
                return Err(wrong(format!("`{name}` must be {value}, not {told}")));
            }
        }
        if !location.starts_with(&format!("{}/authorise?", self.issuer)) {
            return Err(wrong("the browser must be sent to the registered address".into()));
        }
        let set = answer.header("set-cookie").unwrap_or_default();
        for word in ["HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"] {
            if !set.split("; ").any(|part| part == word) {
                return Err(wrong(format!("the cookie must be {word}: {set}")));
            }
        }
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        Ok(Begun { state: asked("state")?, nonce: asked("nonce")?, cookie })
    }

    /// The claims of a right token.
    pub(super) fn claims(&self, target: &Target, begun: &Begun) -> Result<Value, Failure> {
        let now = token::now();
        Ok(json!({
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": "ada",
            "name": "Ada",
            "iat": now,
            "exp": now + 300,
            "nonce": begun.nonce,
            format!("{CLAIM}message_type"): "LtiResourceLinkRequest",
            format!("{CLAIM}version"): "1.3.0",
            format!("{CLAIM}deployment_id"): self.deployment,
            format!("{CLAIM}target_link_uri"): page(target)?,
            format!("{CLAIM}resource_link"): {"id": "link 7", "title": "A video"},
            format!("{CLAIM}roles"): ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
            format!("{CLAIM}context"): {"id": "course 3", "label": "SI182"},
        }))
    }

    /// The browser brings a token back.
    pub(super) async fn launch(
        &self,
        world: &World,
        begun: &Begun,
        token: &str,
    ) -> Result<Answer, Failure> {
        let key = route(&world.run()?.target, LtiStep::Launch)?;
        let request = form(&key, &[("id_token", token), ("state", &begun.state)]);
        let request = match begun.cookie.as_str() {
            "" => request,
            cookie => request.header("Cookie", format!("other=1; {cookie}")),
        };
        world.send(request).await
    }

    /// A whole launch with claims that something changes.
    pub(super) async fn launch_with(
        &self,
        world: &World,
        change: impl FnOnce(&mut Value),
    ) -> Result<Answer, Failure> {
        let begun = self.begin(world).await?;
        let mut claims = self.claims(&world.run()?.target, &begun)?;
        change(&mut claims);
        let token = self.key.token(&self.key.header(), &claims)?;
        self.launch(world, &begun, &token).await
    }
}

/// A page of the service.
pub(super) fn page(target: &Target) -> Result<String, Failure> {
    Ok(format!("{}/course?of=7", origin(target)?))
}

/// The session that a launch began: its token, and what it says besides.
pub(super) fn session(world: &World, answer: &Answer) -> Result<Vec<(String, String)>, Failure> {
    let run = world.run()?;
    require(answer.status == 303, || "a right launch must be accepted".into(), answer)?;
    let location = answer.header("location").unwrap_or_default();
    let (page, fragment) = location.split_once('#').unwrap_or((location, ""));
    require(
        page == self::page(&run.target)?,
        || format!("it must lead to the page that was asked for, not to {page}"),
        answer,
    )?;
    // Read as a query string, which has the same form.
    let url = reqwest::Url::parse(&format!("https://a.example/?{fragment}"))
        .map_err(|error| Failure::Broken(error.to_string()))?;
    let all: Vec<_> = url.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    for (name, value) in &all {
        if name == "access_token" || name == "deep_link" {
            let name = format!("LTI_{}_{}", name.to_uppercase(), uuid::Uuid::new_v4().simple());
            run.know(&name, value);
        }
    }
    require(
        all.iter().any(|(name, value)| name == "access_token" && !value.is_empty()),
        || "it must begin a session".into(),
        answer,
    )?;
    Ok(all)
}
