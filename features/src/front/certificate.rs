//! An authority that is made for one run, and a certificate of it for `localhost`. Its key is kept nowhere.

use std::io::Write as _;
use std::path::Path;

use jiff::{ToSpan as _, Zoned};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// As long as certificates of ACME authorities.
const DAYS: i64 = 90;

/// What a server needs.
pub(super) struct Made {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Makes both, and writes the authority's certificate to a file.
pub(super) fn make(file: &Path) -> Result<Made, String> {
    let broken = |error: rcgen::Error| format!("no certificate can be made: {error}");
    let mut authority = params("Proofline authority of one run");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().map_err(broken)?;
    let authority = CertifiedIssuer::self_signed(authority, key).map_err(broken)?;
    let mut own = params("a service on this machine");
    own.subject_alt_names =
        CertificateParams::new(vec!["localhost".to_owned()]).map_err(broken)?.subject_alt_names;
    let key = KeyPair::generate().map_err(broken)?;
    let own = own.signed_by(&key, &authority).map_err(broken)?;
    let unwritten = |error: std::io::Error| format!("`{}`: {error}", file.display());
    let mut open = std::fs::OpenOptions::new();
    let mut open = open.write(true).create_new(true).open(file).map_err(unwritten)?;
    open.write_all(authority.pem().as_bytes()).map_err(unwritten)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    Ok(Made { chain: vec![own.der().clone()], key })
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // From yesterday, so that no time zone makes it too young.
    let day = |days: i64| {
        let date = Zoned::now().saturating_add(days.days()).date();
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(-1);
    params.not_after = day(DAYS);
    params
}
