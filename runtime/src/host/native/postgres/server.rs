//! Where a server is, and how it is reached: a URL, which is a secret.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::CONNECT;

/// What the server's certificate must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Anything: the connection is encrypted, and that is all.
    Anything,
    /// Issued by an authority that is trusted.
    Authority,
    /// And for this host.
    Host,
}

/// A server, and the database on it.
#[derive(Clone)]
pub struct Server {
    config: Config,
    pub(super) trust: Trust,
    /// A file of certificates that are trusted; those of the system without one.
    pub(super) authorities: Option<String>,
    /// How many connections are kept at most, where the spec's number is not to be used.
    pub(super) pool: Option<usize>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads `postgres://user:password@host:port/database?sslmode=…`; what is wrong is told without the URL.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities, mut rest) = ("prefer", None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => authorities = Some(value.replace("%2F", "/")),
                _ => rest.push(pair),
            }
        }
        let address = if rest.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", rest.join("&"))
        };
        let mut config: Config = address
            .parse()
            .map_err(|_| "it is not a URL such as postgres://user:password@host:5432/database")?;
        if config.get_hosts().is_empty() {
            return Err("it names no host");
        }
        let (mode, trust) = match mode {
            "disable" => (SslMode::Disable, Trust::Anything),
            "allow" | "prefer" => (SslMode::Prefer, Trust::Anything),
            "require" => (SslMode::Require, Trust::Anything),
            "verify-ca" => (SslMode::Require, Trust::Authority),
            "verify-full" => (SslMode::Require, Trust::Host),
            _ => {
                return Err(
                    "sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full",
                );
            }
        };
        config.ssl_mode(mode).connect_timeout(CONNECT);
        // A server that is gone without a word is noticed before anybody waits for it for long.
        config
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15));
        Ok(Self { config, trust, authorities, pool: None })
    }

    /// Who is connected, for the server's own log, and how many connections there are at most.
    #[must_use]
    pub fn named(mut self, name: &str, pool: Option<usize>) -> Self {
        self.pool = pool;
        if self.config.get_application_name().is_none() {
            self.config.application_name(name);
        }
        self
    }

    pub(super) fn config(&self) -> Config {
        self.config.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssl_modes_are_those_of_libpq() {
        let parse = |mode: &str| Server::parse(&format!("postgres://u:p@h:1/d?sslmode={mode}&x=1"));
        assert!(parse("disable").is_err(), "options that are not known are refused");
        let parse = |mode: &str| Server::parse(&format!("postgres://u:p@h:1/d?sslmode={mode}"));
        assert!(parse("require").is_ok_and(|server| server.trust == Trust::Anything));
        assert!(parse("verify-ca").is_ok_and(|server| server.trust == Trust::Authority));
        assert!(parse("verify-full").is_ok_and(|server| server.trust == Trust::Host));
        assert!(parse("sometimes").is_err());
    }

    #[test]
    fn a_url_is_never_shown() {
        let server = Server::parse("postgres://user:hunter2@db.example/d").expect("a URL");
        assert!(!format!("{server:?}").contains("hunter2"));
        let error = Server::parse("postgres://user:hunter2@db example:x/d").expect_err("no URL");
        assert!(!error.contains("hunter2"));
    }
}
