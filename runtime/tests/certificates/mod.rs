//! An authority of a test's own, and a certificate of a server at 127.0.0.1.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// What a server with TLS needs, in files.
pub(crate) struct Certificates {
    /// Of the authority: whom a client trusts.
    pub(crate) authority: PathBuf,
    /// Of the server, for the address 127.0.0.1 and for no name.
    pub(crate) certificate: PathBuf,
    /// Of the server.
    pub(crate) key: PathBuf,
}

/// Makes them in this folder.
pub(crate) fn make(folder: &Path, name: &str) -> Certificates {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, format!("{name}, of a test"));
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("it");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let server = server.signed_by(&key, &authority).expect("a certificate");
    let file = |what: &str, text: String| {
        let path = folder.join(format!("{name}-{what}.pem"));
        let mut file = File::create_new(&path).expect("a file of its own");
        file.write_all(text.as_bytes()).expect("written");
        path
    };
    Certificates {
        authority: file("authority", authority.as_ref().pem()),
        certificate: file("server", server.pem()),
        key: file("key", key.serialize_pem()),
    }
}
