//! `rediss://` against a server with TLS, whose certificate is of an authority that no system knows.

use proofline_runtime::host::native::redis::link::{Link, Options};
use proofline_runtime::secret::Secret;

use super::server::{PATIENCE, Server, lines};
use super::support::{self, Service};

async fn reach(url: &str) -> Result<(), String> {
    let link = Link::new(&Secret::new(url), Options::default(), lines().1)?;
    link.reach(PATIENCE / 30).await.map_err(|error| error.to_string())
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_private_authority_is_trusted_when_it_is_named_and_only_then() {
    let (server, certificates) = Server::start_with_tls();
    let other = super::certificates::make(server.folder(), "other");
    let url = |host: &str, rest: &str| format!("rediss://{host}:{}/0{rest}", server.port());
    let trusting = |path: &std::path::Path| format!("?sslrootcert={}", path.display());
    let own = trusting(&certificates.authority);
    reach(&url("127.0.0.1", &own)).await.unwrap();

    let unknown = reach(&url("127.0.0.1", "")).await.unwrap_err();
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("sslrootcert=PATH"), "{unknown}");
    let other = reach(&url("127.0.0.1", &trusting(&other.authority))).await.unwrap_err();
    assert!(other.contains("invalid peer certificate"), "{other}");
    let name = reach(&url("localhost", &own)).await.unwrap_err();
    assert!(name.contains("not valid for name") && name.contains("write the name"), "{name}");
    let plain = format!("redis://127.0.0.1:{}/0", server.port());
    assert!(reach(&plain).await.is_err(), "the server speaks nothing but TLS");
    let plain = reach(&format!("{plain}{own}")).await.unwrap_err();
    assert!(plain.contains("rediss://"), "{plain}");
    let absent = reach(&url("127.0.0.1", "?sslrootcert=/not/there.pem")).await.unwrap_err();
    assert!(absent.contains("sslrootcert: /not/there.pem: "), "{absent}");
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn a_service_works_over_tls_and_does_not_start_where_an_untrusted_redis_is_required() {
    let (server, certificates) = Server::start_with_tls();
    let url = format!("rediss://127.0.0.1:{}/0", server.port());
    let trusting = format!("{url}?sslrootcert={}", certificates.authority.display());
    let service = Service::start_with(&[("REDIS_URL", &trusting)]);
    let user = service.user("ada");
    assert_eq!(service.ask("GET", "/api/v1/me").bearer(&user.token).send().status, 200);
    assert_eq!(service.ask("GET", "/health").send().json()["status"], "healthy");

    let changes =
        [("ENVIRONMENT", Some("production")), ("FAULTS", None), ("REDIS_URL", Some(&*url))];
    let output = support::run(&["serve"], &changes);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("configuration: REDIS_URL: what it names does not work"), "{text}");
    assert!(text.contains("sslrootcert=PATH") && !text.contains(&url), "{text}");
}
