//! TLS as it is seen from outside: what a server shows of itself ([`handshake`]), whether that is trusted ([`trust`]),
//! and which versions it speaks, also those that no library offers any more ([`hello`]).

pub mod certificate;
pub mod handshake;
pub mod hello;
pub mod trust;

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

/// No connection, and no answer on one, may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a server is that speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name or address, as in the URL, without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint of an `https://` address; nothing for another one.
    pub fn of(base: &str) -> Option<Self> {
        let url = reqwest::Url::parse(base).ok().filter(|url| url.scheme() == "https")?;
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port: url.port_or_known_default()? })
    }

    /// What its certificate must be valid for.
    pub fn name(&self) -> Result<ServerName<'static>, String> {
        ServerName::try_from(self.host.clone())
            .map_err(|error| format!("`{}` is no name of a server: {error}", self.host))
    }

    /// The name that is sent to it; addresses are not (RFC 6066, section 3).
    pub fn server_name(&self) -> Option<&str> {
        self.host.parse::<std::net::IpAddr>().is_err().then_some(&self.host)
    }

    /// A connection to it.
    pub async fn connect(&self) -> Result<TcpStream, String> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("{self} cannot be reached: {error}")),
            Err(_) => Err(format!("{self} cannot be reached: nobody answers")),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn endpoints_come_from_https_addresses_alone() {
        let found = |base: &str| Endpoint::of(base).map(|endpoint| endpoint.to_string());
        assert_eq!(found("https://api.example").as_deref(), Some("api.example:443"));
        assert_eq!(found("https://[::1]:8443").as_deref(), Some("[::1]:8443"));
        assert_eq!(found("http://127.0.0.1:80"), None);
        let server_name = |base| Endpoint::of(base)?.server_name().map(str::to_owned);
        assert_eq!(server_name("https://api.example").as_deref(), Some("api.example"));
        assert_eq!(server_name("https://127.0.0.1"), None);
    }
}
