//! A TLS endpoint in front of a service on this machine, as a proxy of an operator's stands in front of a public one.
//!
//! It ends TLS with a certificate of an authority that is made for the run (`certificate`), takes plain HTTP at
//! another port, and tells the service over what a request came ([`Telling`]). What to do about it is the service's.

mod certificate;
mod forward;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How a service is told over what a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Telling {
    /// As proxies do: `X-Forwarded-Proto`.
    Header,
    /// As the platform of workers does: the URL of the request is that of a public host. The platform's runtime on this
    /// machine takes it from the header `MF-Original-URL`.
    Url,
}

/// Where an endpoint is that was started.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    /// The port of `localhost` for TLS.
    pub secure_port: u16,
    /// The one for plain HTTP.
    pub plain_port: u16,
}

/// Starts one before the service at this address, and writes the authority's certificate (PEM) to a file. It lives as
/// long as the runtime.
pub async fn start(
    behind: SocketAddr,
    telling: Telling,
    authority: &Path,
) -> Result<Started, String> {
    let made = certificate::make(authority)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(made.chain, made.key))
        .map_err(|error| error.to_string())?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (secure, secure_port) = listen().await?;
    let (plain, plain_port) = listen().await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = secure.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    forward::carry(stream, behind, (telling, "https")).await;
                }
            });
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = plain.accept().await {
            tokio::spawn(forward::carry(stream, behind, (telling, "http")));
        }
    });
    Ok(Started { secure_port, plain_port })
}

async fn listen() -> Result<(TcpListener, u16), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    Ok((listener, port))
}
