//! A TLS endpoint in front of the small service, good or bad, with certificates that are made for it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{ToSpan as _, Zoned};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    /// What its certificate is for.
    pub(crate) name: &'static str,
    /// When that ends, in days from now.
    pub(crate) days: i64,
    /// When the intermediate's ends.
    pub(crate) above: i64,
    /// Whether it vouches for itself.
    pub(crate) alone: bool,
    /// Whether the intermediate is sent, too.
    pub(crate) whole: bool,
}

impl Made {
    /// Right in everything.
    pub(crate) const GOOD: Self =
        Self { name: "localhost", days: 60, above: 600, alone: false, whole: true };
}

/// A chain with its key, and the file of the root that it leads to.
pub(crate) struct Chain {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    pub(crate) root: PathBuf,
}

impl Chain {
    /// The server's certificate and its key, in files in that folder.
    pub(crate) fn files(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("server.der"), folder.join("key.pem"));
        File::create_new(&certificate).unwrap().write_all(&self.chain[0]).unwrap();
        File::create_new(&key).unwrap().write_all(self.key.serialize_pem().as_bytes()).unwrap();
        (certificate, key)
    }
}

fn params(name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let day = |days: i64| {
        let date = (&Zoned::now() + days.days()).date();
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(-100);
    params.not_after = day(days);
    params
}

fn authority(name: &str, days: i64) -> CertificateParams {
    let mut params = params(name, days);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Makes it; the root's file is in that folder.
pub(crate) fn make(folder: &Path, made: Made) -> Chain {
    let key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(authority("The root", 3_000), key()).unwrap();
    let middle = authority("The intermediate", made.above);
    let middle = CertifiedIssuer::signed_by(middle, key(), &root).unwrap();
    let mut own = params("The server", made.days);
    own.subject_alt_names =
        CertificateParams::new(vec![made.name.to_owned()]).unwrap().subject_alt_names;
    let key = key();
    let certificate =
        if made.alone { own.self_signed(&key) } else { own.signed_by(&key, &middle) }.unwrap();
    let mut chain = vec![certificate.der().clone()];
    chain.extend(made.whole.then(|| middle.der().clone()));
    let file = folder.join("root.pem");
    File::create_new(&file).unwrap().write_all(root.pem().as_bytes()).unwrap();
    Chain { chain, key, root: file }
}

/// What a server says to versions that nobody may accept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Old {
    /// An alert, as every library does today.
    Refused,
    /// The end of the connection.
    Closed,
    /// It takes them, up to this version.
    Accepted(u16),
}

/// An endpoint that runs until it is dropped.
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    worker: tokio::task::JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// Starts one in front of what listens at that address.
pub(crate) async fn start(
    chain: &Chain,
    versions: &[&'static rustls::SupportedProtocolVersion],
    old: Old,
    behind: String,
) -> Endpoint {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivatePkcs8KeyDer::from(chain.key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.chain.clone(), key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let worker = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone(), old, behind.clone()));
        }
    });
    Endpoint { port, worker }
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor, old: Old, behind: String) {
    let offered = offered(&stream).await;
    match old {
        Old::Closed if offered < 0x0303 => return,
        Old::Accepted(most) if offered <= most => {
            let _ = stream.write_all(&server_hello(offered)).await;
            // The client has seen enough, and goes.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return;
        }
        Old::Refused | Old::Closed | Old::Accepted(_) => {}
    }
    let Ok(mut secure) = acceptor.accept(stream).await else { return };
    let Ok(mut behind) = TcpStream::connect(behind).await else { return };
    let _ = tokio::io::copy_bidirectional(&mut secure, &mut behind).await;
}

/// The version that a `ClientHello` says.
async fn offered(stream: &TcpStream) -> u16 {
    let mut head = [0; 11];
    while let Ok(1..11) = stream.peek(&mut head).await {
        tokio::task::yield_now().await;
    }
    u16::from_be_bytes([head[9], head[10]])
}

/// A `ServerHello` of RFC 2246, section 7.4.1.3: `TLS_RSA_WITH_AES_128_CBC_SHA`, no session, no compression.
fn server_hello(version: u16) -> Vec<u8> {
    let [major, minor] = version.to_be_bytes();
    let mut bytes = vec![22, major, minor, 0, 42, 2, 0, 0, 38, major, minor];
    bytes.extend([7; 32]);
    bytes.extend([0, 0, 0x2f, 0]);
    bytes
}
