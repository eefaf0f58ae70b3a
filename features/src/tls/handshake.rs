//! Shakes hands to see what a server shows, whatever that is: what is wrong with its certificate is judged afterwards
//! ([`super::trust`]) and can be told, where a client that refuses it learns little. Nothing is sent on such a connection.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};
use tokio_rustls::TlsConnector;

use super::{Endpoint, PATIENCE};

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The version that was agreed on.
    pub version: String,
    /// The cipher suite, as IANA calls it.
    pub suite: String,
    /// What it sent, its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
}

/// Why there was no handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoHandshake {
    /// There was no connection, or no answer.
    Unreachable(String),
    /// The server did not agree.
    Refused(String),
}

/// Shakes hands in one of these versions.
pub async fn shake(
    endpoint: &Endpoint,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Handshake, NoHandshake> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let onlooker = Arc::new(Onlooker(Arc::clone(&provider)));
    let unusable = |error: &dyn std::fmt::Display| NoHandshake::Unreachable(error.to_string());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(onlooker)
        .with_no_client_auth();
    let name = endpoint.name().map_err(|error| unusable(&error))?;
    let stream = endpoint.connect().await.map_err(|error| unusable(&error))?;
    let shaking = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = match tokio::time::timeout(PATIENCE, shaking).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(NoHandshake::Refused(error.to_string())),
        Err(_) => return Err(NoHandshake::Unreachable(format!("{endpoint} does not answer"))),
    };
    let connection = stream.get_ref().1;
    let version = connection.protocol_version().and_then(|version| version.as_str());
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    Ok(Handshake {
        version: version.unwrap_or_default().replace("TLSv1_", "TLS 1."),
        suite: suite.unwrap_or_default().to_owned(),
        chain: connection.peer_certificates().unwrap_or_default().to_vec(),
    })
}

/// Looks at any certificate. That the server has its key is verified nevertheless.
#[derive(Debug)]
struct Onlooker(Arc<CryptoProvider>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
