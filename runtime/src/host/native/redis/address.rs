//! Where a Redis is: a URL, which is a secret, and the authority that its certificate is trusted by.

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, IntoConnectionInfo as _, TlsCertificates};

use super::link::Options;

/// Reads `rediss://:password@host:port/number?sslrootcert=PATH`; what is wrong is told without the URL.
pub(super) fn client(url: &str, options: Options) -> Result<Client, String> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut authority, mut rest) = (None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) => authority = Some(path.replace("%2F", "/")),
            _ => rest.push(pair),
        }
    }
    let address = match rest.join("&") {
        rest if rest.is_empty() => address.to_owned(),
        rest => format!("{address}?{rest}"),
    };
    let keep_alive = TcpKeepalive::new().with_time(options.keep_alive);
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keep_alive);
    let info = address.as_str().into_connection_info();
    let info = info.map_err(|error| error.category().to_owned())?.set_tcp_settings(tcp);
    let client = match authority {
        None => Client::open(info),
        Some(path) => {
            if !address.starts_with("rediss:") {
                return Err("sslrootcert is for TLS: write rediss://".to_owned());
            }
            let file = std::fs::read(&path);
            let root_cert = file.map_err(|error| format!("sslrootcert: {path}: {error}"))?;
            let trust = TlsCertificates { client_tls: None, root_cert: Some(root_cert) };
            return Client::build_with_tls(info, trust)
                .map_err(|error| format!("sslrootcert: {path}: {error}"));
        }
    };
    client.map_err(|error| error.category().to_owned())
}
