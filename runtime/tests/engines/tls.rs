//! `sslmode` against a server with TLS, whose certificate is of an authority that no system knows.

use std::path::Path;
use std::time::{Duration, Instant};

use proofline_runtime::binding::sql::Database as _;
use proofline_runtime::host::native::postgres::{Postgres, Server, answers};

use super::certificates;
use crate::support::{definition, place, server_url};

const PATIENCE: Duration = Duration::from_secs(30);

/// What becomes of a connection with this mode; a server that does not answer is waited for, a wrong one is not.
async fn reach(host: &str, query: &str) -> Result<(), String> {
    let url = server_url().replace("127.0.0.1", host);
    let server = Server::parse(&format!("{url}?{query}")).expect("a URL");
    answers(&server, Duration::from_millis(500)).await
}

/// Writes a file as the server, which takes a key from nobody else.
async fn write(admin: &tokio_postgres::Client, file: &Path, name: &str) {
    let text = std::fs::read_to_string(file).expect("readable");
    let copy = format!(
        "copy (select string_to_table($pem${}$pem$, chr(10))) to program 'umask 077; cat > {name}'",
        text.trim_end()
    );
    admin.batch_execute(&copy).await.expect("written");
}

/// Changes the server's settings and waits until they count.
async fn set(admin: &tokio_postgres::Client, settings: &[&str], ssl: &str) {
    for setting in settings {
        admin.batch_execute(&format!("alter system {setting}")).await.expect("set");
    }
    admin.batch_execute("select pg_reload_conf()").await.expect("told");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown: String = admin.query_one("show ssl", &[]).await.expect("shown").get(0);
        if shown == ssl {
            return;
        }
        assert!(Instant::now() < deadline, "the server does not change its settings");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_private_authority_is_trusted_when_it_is_named_and_the_mode_says_what_is_verified() {
    let place = place("tls").await;
    let folder = tempfile::tempdir().expect("a folder");
    let own = certificates::make(folder.path(), "own");
    let other = certificates::make(folder.path(), "other");
    let trusting = |mode: &str, authority: &Path| {
        format!("sslmode={mode}&sslrootcert={}", authority.display())
    };

    set(&place.admin, &["reset ssl"], "off").await;
    let none = reach("127.0.0.1", "sslmode=require").await.expect_err("no TLS there");
    assert!(none.contains("TLS"), "{none}");
    reach("127.0.0.1", "sslmode=prefer").await.expect("without TLS, as preferring allows");

    write(&place.admin, &own.certificate, "own-server.pem").await;
    write(&place.admin, &own.key, "own-key.pem").await;
    let files = [
        "set ssl_cert_file = 'own-server.pem'",
        "set ssl_key_file = 'own-key.pem'",
        "set ssl = on",
    ];
    set(&place.admin, &files, "on").await;
    reach("127.0.0.1", "sslmode=require").await.expect("encrypted, with whoever it is");
    let full = trusting("verify-full", &own.authority);
    reach("127.0.0.1", &full).await.expect("the authority is trusted, the address is right");

    let unknown = reach("127.0.0.1", "sslmode=verify-full").await.expect_err("unknown");
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("sslrootcert=PATH"), "{unknown}");
    for mode in ["verify-ca", "verify-full"] {
        let wrong = reach("127.0.0.1", &trusting(mode, &other.authority)).await;
        let wrong = wrong.expect_err("of another authority");
        assert!(wrong.contains("invalid peer certificate"), "{mode}: {wrong}");
    }
    let name = reach("localhost", &full).await.expect_err("no certificate for this name");
    assert!(name.contains("not valid for name") && name.contains("write the name"), "{name}");
    reach("localhost", &trusting("verify-ca", &own.authority)).await.expect("any name");
    let absent = reach("127.0.0.1", "sslmode=verify-full&sslrootcert=/not/there.pem").await;
    assert!(absent.is_err_and(|error| error.contains("sslrootcert: /not/there.pem: ")));

    // And what statements go over is really encrypted.
    let server = Server::parse(&format!("{}?{full}", server_url())).expect("a URL");
    let server = server.named("over-tls", Some(1));
    let database = Postgres::open(&server, &definition(&[], 1)).expect("opened");
    database.ping().await.expect("it answers");
    let encrypted = "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) \
        where application_name = 'over-tls'";
    let encrypted: Option<bool> = place.admin.query_one(encrypted, &[]).await.expect("told").get(0);
    assert_eq!(encrypted, Some(true));
}
