//! What the spec under test says, resolved: each route with its schemes, limits and schemas.

use std::collections::BTreeMap;
use std::path::Path;

use proofline_spec::document::{
    Answer, Auth, Environment, HealthKind, Limit, LimitKey, Method, NativeStores, Operation, Route,
    RouteAuth, RouteKey, RouteLimits, Schema, Service, SignatureEncoding, Start, WebhookTimestamp,
};
use proofline_spec::evidence::{METRICS_TOKEN, Plan};
use proofline_spec::unit::Rate;
use rustls::pki_types::CertificateDer;

use crate::tls::trust;
use crate::token;

/// The service under test: its spec, where it is, and what may be done to it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The spec.
    pub service: Service,
    /// The environment.
    pub environment: Environment,
    /// Scheme and authority, without a slash at the end.
    pub base: String,
    /// The plan.
    pub plan: Plan,
    /// Values of the service's secrets that the run knows, by secret.
    pub secrets: BTreeMap<String, String>,
    /// Values of the tokens that the environment's credentials name, by role.
    pub tokens: BTreeMap<String, String>,
}

/// A `jwt` scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtScheme {
    /// Its name.
    pub name: String,
    /// Name of the secret that signs.
    pub secret: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens.
    pub audience: String,
    /// Seconds a token is valid.
    pub lifetime: u64,
    /// Whether the subject is looked up; without that the token alone says who calls.
    pub is_looked_up: bool,
}

/// An `api_key` scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyScheme {
    /// Its name.
    pub name: String,
    /// The header.
    pub header: String,
}

/// A `webhook` scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookScheme {
    /// Its name.
    pub name: String,
    /// The header.
    pub header: String,
    /// Name of the secret that signs.
    pub secret: String,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// When it was signed, where that is signed too.
    pub timestamp: Option<WebhookTimestamp>,
}

impl WebhookScheme {
    /// The signature of a body, at a time in seconds since 1970-01-01T00:00:00Z where that is signed too.
    pub fn signature(&self, secret: &[u8], at: u64, body: &[u8]) -> String {
        self.signature_with(secret, &at.to_string(), body)
    }

    /// The same with a time as it is sent, whatever that is.
    pub fn signature_with(&self, secret: &[u8], time: &str, body: &[u8]) -> String {
        use base64::Engine as _;
        let mac = match &self.timestamp {
            Some(_) => token::hmac(256, secret, &[time.as_bytes(), b".", body].concat()),
            None => token::hmac(256, secret, body),
        };
        match self.encoding {
            SignatureEncoding::Hex => token::hex(&mac),
            SignatureEncoding::Base64 => base64::engine::general_purpose::STANDARD.encode(mac),
        }
    }

    /// The header that tells that time, where one is declared.
    pub fn time(&self, at: u64) -> Option<(String, String)> {
        self.timestamp.as_ref().map(|timestamp| (timestamp.header.clone(), at.to_string()))
    }
}

impl Target {
    /// Routes in the order of the spec.
    pub fn routes(&self) -> impl Iterator<Item = (&RouteKey, &Route)> {
        self.service.routes.iter()
    }

    /// The route of that key.
    pub fn route(&self, key: &RouteKey) -> Option<&Route> {
        self.service.routes.get(key)
    }

    /// Names of the schemes that a route accepts; none means that anybody may call.
    pub fn schemes<'a>(&'a self, route: &'a Route) -> &'a [String] {
        match &route.auth {
            Some(RouteAuth::None) => &[],
            Some(RouteAuth::Schemes(names)) => names,
            None => &self.service.defaults.auth,
        }
    }

    /// Whether a route accepts principals (a token or an API key).
    pub fn takes_principals(&self, route: &Route) -> bool {
        self.schemes(route)
            .iter()
            .any(|name| self.service.auth.get(name).is_some_and(Auth::names_a_principal))
    }

    /// The webhook scheme of a route.
    pub fn webhook_of(&self, route: &Route) -> Option<WebhookScheme> {
        self.schemes(route).iter().find_map(|name| self.webhook(name))
    }

    /// Names of the limits of a route.
    pub fn limit_names<'a>(&'a self, route: &'a Route) -> &'a [String] {
        match &route.limits {
            Some(RouteLimits::Named(names)) => names,
            Some(RouteLimits::None(_)) => &[],
            None => &self.service.defaults.limits,
        }
    }

    /// The limits of a route.
    pub fn limits<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = (&'a str, &'a Limit)> {
        self.limit_names(route)
            .iter()
            .filter_map(|name| Some((name.as_str(), self.service.limits.get(name)?)))
    }

    /// The limits of that kind, with their names.
    pub fn limits_by(&self, key: LimitKey) -> Vec<(&str, &Limit)> {
        self.service
            .limits
            .iter()
            .filter(|(_, limit)| limit.by == key)
            .map(|(name, limit)| (name.as_str(), limit))
            .collect()
    }

    /// The largest body of a route, in bytes.
    pub fn max_body(&self, route: &Route) -> u64 {
        route.max_body.unwrap_or(self.service.defaults.max_body).get()
    }

    /// A schema, with `$ref` followed.
    pub fn resolve<'a>(&'a self, schema: &'a Schema) -> &'a Schema {
        let mut schema = schema;
        for _ in 0..32 {
            match schema.referenced().and_then(|name| self.service.schemas.get(name)) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    /// The schema of that name, with `$ref` followed.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.service.schemas.get(name).map(|schema| self.resolve(schema))
    }

    /// The status and the schema of a successful answer.
    pub fn success(&self, route: &Route) -> Option<(u16, Answer)> {
        route.returns.iter().find_map(|(status, answer)| {
            let status: u16 = status.parse().ok()?;
            (200..300).contains(&status).then(|| (status, answer.clone()))
        })
    }

    /// The first `jwt` scheme.
    pub fn jwt(&self) -> Option<JwtScheme> {
        self.service.auth.iter().find_map(|(name, auth)| match auth {
            Auth::Jwt { secret, issuer, audience, lifetime, principal, .. } => Some(JwtScheme {
                name: name.clone(),
                secret: secret.clone(),
                issuer: issuer.clone(),
                audience: audience.clone(),
                lifetime: lifetime.as_secs(),
                is_looked_up: principal.is_some(),
            }),
            _ => None,
        })
    }

    /// The first `api_key` scheme.
    pub fn api_key(&self) -> Option<ApiKeyScheme> {
        self.service.auth.iter().find_map(|(name, auth)| match auth {
            Auth::ApiKey { header, .. } => {
                Some(ApiKeyScheme { name: name.clone(), header: header.clone() })
            }
            _ => None,
        })
    }

    /// The webhook scheme of that name.
    pub fn webhook(&self, name: &str) -> Option<WebhookScheme> {
        match self.service.auth.get(name)? {
            Auth::Webhook { header, encoding, secret, timestamp, .. } => Some(WebhookScheme {
                name: name.to_owned(),
                header: header.clone(),
                secret: secret.clone(),
                encoding: *encoding,
                timestamp: timestamp.clone(),
            }),
            _ => None,
        }
    }

    /// The route that answers fastest and changes nothing, for a principal of that scheme who has no special role.
    ///
    /// Among the candidates, one that carries the fewest limits: others must not bite first.
    pub fn safe_route(&self, scheme: &str) -> Option<&RouteKey> {
        self.safest(self.safe_routes(scheme))
    }

    /// The same among the routes whose answers no cache has: what disturbs the operation is always met.
    pub fn safe_route_without_cache(&self, scheme: &str) -> Option<&RouteKey> {
        self.safest(self.safe_routes_without_cache(scheme))
    }

    /// All of those.
    pub fn safe_routes_without_cache<'a>(
        &'a self,
        scheme: &str,
    ) -> impl Iterator<Item = (&'a RouteKey, &'a Route)> {
        self.safe_routes(scheme).filter(|(_, route)| route.cache.is_none())
    }

    fn safe_routes<'a>(&'a self, scheme: &str) -> impl Iterator<Item = (&'a RouteKey, &'a Route)> {
        self.routes().filter(move |(key, route)| {
            key.method == Method::Get
                && key.parameters().next().is_none()
                && route.roles.is_none()
                && self.schemes(route).iter().any(|name| name == scheme)
                && self.query_is_optional(route)
                && matches!(self.success(route), Some((200, Answer::One(_) | Answer::List(_))))
        })
    }

    fn safest<'a>(
        &self,
        routes: impl Iterator<Item = (&'a RouteKey, &'a Route)>,
    ) -> Option<&'a RouteKey> {
        routes.min_by_key(|(_, route)| self.limit_names(route).len()).map(|(key, _)| key)
    }

    fn query_is_optional(&self, route: &Route) -> bool {
        route
            .query
            .as_deref()
            .and_then(|name| self.schema(name))
            .is_none_or(|schema| schema.required.is_empty())
    }

    /// A health route: the one with the details, or another where there is none.
    pub fn health_route(&self) -> Option<(&RouteKey, &Route)> {
        [HealthKind::Detail, HealthKind::Readiness, HealthKind::Liveness]
            .into_iter()
            .find_map(|kind| self.health_route_of(kind))
    }

    /// The health route that answers this question.
    pub fn health_route_of(&self, kind: HealthKind) -> Option<(&RouteKey, &Route)> {
        self.routes().find(
            |(_, route)| matches!(&route.op, Operation::Health(health) if health.kind == kind),
        )
    }

    /// The tier with the highest limits: the last one of the spec.
    pub fn highest_tier(&self) -> Option<&str> {
        self.service.tiers.last().map(String::as_str)
    }

    /// The lowest number of requests that any limit of a route allows one principal or API key, whatever the tier.
    pub fn principal_budget(&self, route: &Route) -> u64 {
        self.limits(route)
            .filter(|(_, limit)| matches!(limit.by, LimitKey::Principal | LimitKey::ApiKey))
            .flat_map(|(_, limit)| rates(limit))
            .map(|rate| rate.count)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The lowest number of requests that any limit of any route allows one client address.
    pub fn address_budget(&self) -> u64 {
        self.limits_by(LimitKey::ClientIp)
            .into_iter()
            .flat_map(|(_, limit)| rates(limit))
            .map(|rate| rate.count)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Requests a second that stay well below every global limit, and within the environment's permit for load.
    pub fn bulk_pace(&self) -> f64 {
        const WHEN_UNLIMITED: f64 = 20_000.0;
        let permitted = self.environment.permits.load.map(|load| load.max_rate.per_second());
        self.limits_by(LimitKey::Global)
            .into_iter()
            .flat_map(|(_, limit)| rates(limit))
            .map(|rate| rate.per_second() * 0.7)
            .chain(permitted)
            .fold(WHEN_UNLIMITED, f64::min)
    }

    /// Whether an engine stands before the service: it publishes the port of a container on this machine.
    pub const fn is_published_by_an_engine(&self) -> bool {
        matches!(self.environment.start, Some(Start::Compose(_)))
    }

    /// Whether one process tells its figures to the checks.
    pub fn tells_figures(&self) -> bool {
        let is_one = match &self.environment.start {
            Some(Start::Compose(start)) => start.replicas == 1,
            _ => true,
        };
        let may_read = self.secrets.contains_key(METRICS_TOKEN)
            || self.is_loopback() && !self.is_published_by_an_engine();
        self.environment.target != proofline_spec::document::Target::Workers && is_one && may_read
    }

    /// Whether messages outlive the process that accepted them; what stands in for a platform here keeps them in memory.
    pub const fn keeps_messages(&self) -> bool {
        match &self.environment.start {
            Some(Start::Compose(_) | Start::Command(_)) | None => true,
            Some(Start::Native(start)) => matches!(start.stores, NativeStores::Servers),
            Some(Start::Workers(_)) => false,
        }
    }

    /// Authorities that are trusted besides this machine's.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let front = self.plan.front.as_ref().map(|front| &front.authority);
        let mut found = Vec::new();
        for file in self.plan.authority.iter().chain(front) {
            found.extend(trust::read(Path::new(file))?);
        }
        Ok(found)
    }

    /// Where the service is reached over TLS, if it is.
    pub fn secure_base(&self) -> Option<&str> {
        let front = self.plan.front.as_ref().map(|front| front.url.as_str());
        front.or_else(|| Some(self.base.as_str()).filter(|base| base.starts_with("https://")))
    }

    /// Whether the target is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host =
            reqwest::Url::parse(&self.base).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.is_some_and(|host| {
            host == "localhost"
                || host
                    .trim_matches(['[', ']'])
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        })
    }
}

/// Every rate of a limit: the one, or that of each tier.
pub fn rates(limit: &Limit) -> Vec<Rate> {
    limit
        .rate
        .into_iter()
        .chain(limit.tiers.iter().flat_map(|tiers| tiers.values().copied()))
        .collect()
}
