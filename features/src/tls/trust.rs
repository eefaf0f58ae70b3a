//! Whether a chain of certificates is trusted: by the authorities of this machine and those that the environment names.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use super::certificate::Facts;

/// Certificates of authorities in a file (PEM).
pub fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = file.display();
    let hint = "the environment names it as `tls.authority`: a PEM file with the certificates of authorities";
    let iterator = CertificateDer::pem_file_iter(file)
        .map_err(|error| format!("`{shown}` cannot be read: {error}; {hint}"))?;
    let found: Result<Vec<_>, _> = iterator.collect();
    let found = found.map_err(|error| format!("`{shown}` is no PEM file: {error}; {hint}"))?;
    if found.is_empty() {
        return Err(format!("`{shown}` holds no certificate; {hint}"));
    }
    Ok(found)
}

/// Who is trusted.
#[derive(Debug)]
pub struct Trust {
    verifier: Arc<WebPkiServerVerifier>,
    /// How many authorities this machine trusts.
    machine: usize,
    /// How many the environment names besides.
    own: usize,
}

impl Trust {
    /// Trusts this machine's authorities and these.
    pub fn new(own: &[CertificateDer<'static>]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // What cannot be read of the machine's is not trusted; it takes nothing from the others.
        let (machine, _) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in own {
            roots.add(certificate.clone()).map_err(|error| {
                format!("a certificate of `tls.authority` is no authority's: {error}")
            })?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|_| {
            "this machine trusts nobody, so that every certificate would be refused; install its authorities \
             (`ca-certificates`), or name one as `tls.authority`"
                .to_owned()
        })?;
        Ok(Self { verifier, machine, own: own.len() })
    }

    /// Judges a chain, the server's own certificate first, for a name at a moment.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'static>],
        name: &ServerName<'_>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let (own, others) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier.verify_server_cert(own, others, name, &[], at).map(drop)
    }
}

impl std::fmt::Display for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} authorities of this machine", self.machine)?;
        match self.own {
            0 => Ok(()),
            own => write!(f, " and {own} of the environment's own"),
        }
    }
}

/// Whether it was refused because it is over, or one above it is.
pub const fn is_over(error: &Error) -> bool {
    use CertificateError::{Expired, ExpiredContext};
    matches!(error, Error::InvalidCertificate(Expired | ExpiredContext { .. }))
}

/// Whether it was refused because it is another host's.
pub const fn is_anothers(error: &Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

/// Why a chain is refused, in words that say what to do.
pub fn why(error: &Error, chain: &[Facts], host: &str, at: Timestamp) -> String {
    use CertificateError as E;
    let Some(own) = chain.first() else { return "the server sends no certificate".to_owned() };
    let Error::InvalidCertificate(reason) = error else {
        return format!("{own} is refused: {error}");
    };
    match reason {
        E::Expired | E::ExpiredContext { .. } => {
            let over = chain.iter().find(|facts| facts.not_after < at).unwrap_or(own);
            let days = -over.days_left(at);
            format!(
                "the certificate has expired: {over} (about {days} days ago); is its renewal broken?"
            )
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            format!("the certificate is not valid before {}: {own}", own.not_before)
        }
        E::NotValidForName => format!("the certificate is not for `{host}`: {own}"),
        E::NotValidForNameContext { presented, .. } => {
            let names = presented.join(", ");
            format!("the certificate is not for `{host}`, but for {names}: {own}")
        }
        E::UnknownIssuer => unknown_issuer(own, chain),
        other => format!("{own} is refused: {}", Error::InvalidCertificate(other.clone())),
    }
}

fn unknown_issuer(own: &Facts, chain: &[Facts]) -> String {
    let private =
        "if that is an authority of one's own, the environment names it as `tls.authority`";
    if own.is_self_signed() {
        return format!("the certificate is self-signed, nobody vouches for it: {own}");
    }
    if let [_] = chain {
        return format!(
            "nobody who is trusted issued the certificate: {own}. The server sends no other certificate: is the \
             intermediate of {} missing from what it sends? Otherwise, {private}",
            own.issuer
        );
    }
    let last = chain.last().unwrap_or(own);
    format!(
        "nobody who is trusted issued the certificate: {own}. What the server sends ends at {}, which is not trusted; \
         {private}",
        last.issuer
    )
}
