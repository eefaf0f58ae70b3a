//! The permit: which host may be loaded, how hard, how long and at which addresses.
//!
//! A [`Permit`] can only be obtained from [`obtain`], and a [`crate::client::Client`] only be built from
//! a permit, so nothing that was not permitted reaches a socket. Hosts beyond loopback must also
//! prove that their owner agrees: [`PERMIT_PATH`] serves the token that the environment names, or
//! the environment's entry is signed by the owner.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::client::{Client, Settings};

/// Where a host proves that its owner permits the load.
pub const PERMIT_PATH: &str = "/.well-known/proofline-load-permit";

/// What the environment permits.
#[derive(Debug, Clone, PartialEq)]
pub struct Permission {
    /// The most requests a second.
    pub max_rate: f64,
    /// The longest run.
    pub max_duration: Duration,
    /// The token that the host serves at [`PERMIT_PATH`].
    pub token: Option<String>,
    /// Whether the owner has signed the environment's entry.
    pub owner_signed: bool,
}

/// What a profile wants to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The highest rate of its open phases.
    pub rate: f64,
    /// The most requests in flight of its closed phases.
    pub users: u32,
    /// The length of all its phases.
    pub duration: Duration,
}

/// How the permission was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The host is this machine.
    Loopback,
    /// The host serves the token.
    WellKnownToken,
    /// The environment's entry is signed by the owner.
    OwnerSigned,
}

/// Permission to load one origin at fixed addresses.
#[derive(Debug, Clone)]
pub struct Permit {
    origin: Url,
    addresses: Vec<SocketAddr>,
    max_rate: f64,
    max_duration: Duration,
    proof: Proof,
}

/// Why a host is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The environment permits no load.
    #[error(
        "the environment does not permit load; it would say `permits: {{load: {{max_rate: …, max_duration: …}}}}`"
    )]
    NotPermitted,
    /// The target is not an HTTP address.
    #[error("`{0}` is not an http or https address with a host")]
    BadTarget(String),
    /// The profile is faster than permitted.
    #[error(
        "the profile needs {asked:.0} requests a second, the environment permits {permitted:.0}"
    )]
    Rate {
        /// What the profile needs.
        asked: f64,
        /// What is permitted.
        permitted: f64,
    },
    /// The profile is longer than permitted.
    #[error(
        "the profile takes {} s, the environment permits {} s", asked.as_secs_f64().ceil(), permitted.as_secs()
    )]
    Duration {
        /// What the profile needs.
        asked: Duration,
        /// What is permitted.
        permitted: Duration,
    },
    /// The name does not resolve.
    #[error("cannot resolve `{host}`: {reason}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing shows that the host's owner agrees.
    #[error(
        "`{host}` is not this machine, and nothing shows that its owner agrees: {reason}; serve the environment's load token at {PERMIT_PATH}"
    )]
    Unproven {
        /// The host.
        host: String,
        /// What was found instead.
        reason: String,
    },
}

/// Turns a host name into addresses.
pub trait Resolve: Sync {
    /// All addresses of `host`.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = std::io::Result<Vec<SocketAddr>>> + Send;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

impl Permit {
    /// Scheme, host and port.
    pub fn origin(&self) -> &Url {
        &self.origin
    }

    /// The only addresses that may be connected to.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The most requests a second.
    pub fn max_rate(&self) -> f64 {
        self.max_rate
    }

    /// The same for at most so many requests a second.
    #[must_use]
    pub fn slower(self, max_rate: f64) -> Self {
        Self { max_rate: self.max_rate.min(max_rate), ..self }
    }

    /// The longest run.
    pub fn max_duration(&self) -> Duration {
        self.max_duration
    }

    /// How the permission was proven.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// Whether a URL is inside the permit.
    pub fn covers(&self, url: &Url) -> bool {
        url.scheme() == self.origin.scheme()
            && url.host_str() == self.origin.host_str()
            && url.port_or_known_default() == self.origin.port_or_known_default()
    }
}

/// Checks the environment's permission and the demand, resolves and pins the addresses, and asks
/// for the proof where one is needed.
pub async fn obtain(
    target: &str,
    permission: Option<&Permission>,
    demand: &Demand,
    resolver: &impl Resolve,
) -> Result<Permit, Refusal> {
    let permission = permission.ok_or(Refusal::NotPermitted)?;
    within(permission, demand)?;
    let bad = || Refusal::BadTarget(target.to_owned());
    let origin = Url::parse(target).map_err(|_| bad())?;
    if !matches!(origin.scheme(), "http" | "https") {
        return Err(bad());
    }
    let host = origin.host_str().ok_or_else(bad)?.to_owned();
    let port = origin.port_or_known_default().ok_or_else(bad)?;
    let addresses = addresses(&host, port, resolver).await?;
    let loopback = addresses.iter().all(|address| is_loopback(address.ip()));
    let mut permit = Permit {
        origin,
        addresses,
        max_rate: permission.max_rate,
        max_duration: permission.max_duration,
        proof: Proof::Loopback,
    };
    if !loopback {
        permit.proof = if permission.owner_signed {
            Proof::OwnerSigned
        } else {
            ask_for_token(&permit, permission.token.as_deref()).await?
        };
    }
    Ok(permit)
}

/// Whether the demand stays within the permission; looks nothing up and sends nothing.
pub fn within(permission: &Permission, demand: &Demand) -> Result<(), Refusal> {
    // A wave of users counts as that many requests in its second.
    let asked = demand.rate.max(f64::from(demand.users));
    if asked > permission.max_rate {
        return Err(Refusal::Rate { asked, permitted: permission.max_rate });
    }
    if demand.duration > permission.max_duration {
        return Err(Refusal::Duration {
            asked: demand.duration,
            permitted: permission.max_duration,
        });
    }
    Ok(())
}

async fn addresses(
    host: &str,
    port: u16,
    resolver: &impl Resolve,
) -> Result<Vec<SocketAddr>, Refusal> {
    let unresolved = |reason: String| Refusal::Unresolved { host: host.to_owned(), reason };
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found =
        resolver.resolve(host, port).await.map_err(|error| unresolved(error.to_string()))?;
    if found.is_empty() {
        return Err(unresolved("the name has no addresses".to_owned()));
    }
    Ok(found)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Fetches [`PERMIT_PATH`] at the pinned addresses and compares it with the expected token.
async fn ask_for_token(permit: &Permit, token: Option<&str>) -> Result<Proof, Refusal> {
    let host = permit.origin.host_str().unwrap_or_default().to_owned();
    let unproven = |reason: String| Refusal::Unproven { host: host.clone(), reason };
    let token = token.filter(|token| token.len() >= 16).ok_or_else(|| {
        unproven("the environment names no token of 16 characters or more".into())
    })?;
    let client =
        Client::new(permit, &Settings::probe()).map_err(|error| unproven(error.to_string()))?;
    let (status, body) =
        client.fetch(PERMIT_PATH).await.map_err(|error| unproven(error.to_string()))?;
    if status != 200 {
        return Err(unproven(format!("{PERMIT_PATH} answers {status}")));
    }
    let lines = String::from_utf8_lossy(&body);
    if lines.lines().any(|line| line.trim() == token) {
        Ok(Proof::WellKnownToken)
    } else {
        Err(unproven(format!("{PERMIT_PATH} does not serve the environment's token")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<SocketAddr>);
    impl Resolve for Fixed {
        async fn resolve(&self, _: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            Ok(self.0.iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
        }
    }

    fn permission() -> Permission {
        let max_duration = Duration::from_mins(1);
        Permission { max_rate: 100.0, max_duration, token: None, owner_signed: false }
    }

    const SMALL: Demand = Demand { rate: 10.0, users: 5, duration: Duration::from_secs(5) };

    async fn permit(target: &str, resolved: &str) -> Result<Permit, Refusal> {
        let fixed = Fixed(vec![resolved.parse().unwrap()]);
        obtain(target, Some(&permission()), &SMALL, &fixed).await
    }

    #[tokio::test]
    async fn loopback_needs_no_proof_but_a_permission() {
        assert!(permit("http://127.0.0.1:9", "127.0.0.1:9").await.is_ok());
        assert!(permit("http://name.test:9", "127.0.0.1:9").await.is_ok());
        let refusal = obtain("http://127.0.0.1:9", None, &SMALL, &SystemResolver).await;
        assert!(matches!(refusal, Err(Refusal::NotPermitted)));
    }

    #[tokio::test]
    async fn a_name_that_resolves_elsewhere_needs_a_proof() {
        let refusal = permit("http://localhost:9", "192.0.2.1:9").await.unwrap_err();
        assert!(matches!(refusal, Refusal::Unproven { .. }), "{refusal}");
    }

    #[tokio::test]
    async fn one_foreign_address_among_many_needs_a_proof() {
        let both = Fixed(vec!["127.0.0.1:9".parse().unwrap(), "192.0.2.1:9".parse().unwrap()]);
        let refusal = obtain("http://mixed.test:9", Some(&permission()), &SMALL, &both).await;
        assert!(matches!(refusal, Err(Refusal::Unproven { .. })));
    }

    #[tokio::test]
    async fn more_than_permitted_is_refused_before_anything_is_sent() {
        let permission = permission();
        let ask =
            |rate, users, seconds| Demand { rate, users, duration: Duration::from_secs(seconds) };
        let refused = async |demand: Demand| {
            obtain("http://127.0.0.1:9", Some(&permission), &demand, &SystemResolver).await.is_err()
        };
        assert!(!refused(ask(100.0, 100, 60)).await, "exactly what is permitted is permitted");
        assert!(refused(ask(100.1, 0, 1)).await);
        assert!(refused(ask(1.0, 101, 1)).await);
        assert!(refused(ask(1.0, 1, 61)).await);
    }

    #[tokio::test]
    async fn other_schemes_and_hostless_targets_are_refused() {
        for target in ["ftp://127.0.0.1", "127.0.0.1:80", "", "unix:/run/x"] {
            assert!(matches!(permit(target, "127.0.0.1:9").await, Err(Refusal::BadTarget(_))));
        }
    }

    /// A server on loopback that serves `body` and nothing else.
    async fn serving(status: u16, body: &'static str) -> (Permit, tokio::task::JoinHandle<()>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(
                buffer[..count].starts_with(b"GET /.well-known/proofline-load-permit HTTP/1.1")
            );
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let permit = obtain(&target, Some(&permission()), &SMALL, &SystemResolver).await.unwrap();
        (permit, task)
    }

    const TOKEN: &str = "proofline-load-permit service=x environment=y";

    #[tokio::test]
    async fn the_token_at_the_well_known_path_is_a_proof() {
        let (permit, _task) =
            serving(200, "# load\nproofline-load-permit service=x environment=y\n").await;
        assert_eq!(ask_for_token(&permit, Some(TOKEN)).await.unwrap(), Proof::WellKnownToken);
    }

    #[tokio::test]
    async fn anything_else_there_is_none() {
        for (status, body) in [
            (200, ""),
            (200, "proofline-load-permit service=x environment=other"),
            (200, "xproofline-load-permit service=x environment=y"),
            (404, TOKEN),
            (302, TOKEN),
        ] {
            let (permit, _task) = serving(status, body).await;
            let refusal = ask_for_token(&permit, Some(TOKEN)).await;
            assert!(matches!(refusal, Err(Refusal::Unproven { .. })), "{status} {body}");
        }
    }

    #[tokio::test]
    async fn a_token_that_is_easy_to_serve_by_chance_is_no_token() {
        let (permit, task) = serving(200, "ok").await;
        assert!(ask_for_token(&permit, Some("ok")).await.is_err());
        task.abort();
    }
}
