//! Ed25519 keys in the files that every tool reads: PEM with PKCS#8 and `SubjectPublicKeyInfo` (RFC 8410).
//!
//! `openssl genpkey -algorithm ed25519` writes a private key that is read here, and `openssl pkey -pubout` its public one.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_spec::evidence::Digest;

use crate::context::Context;

/// The variable with the path of the private key.
pub(crate) const KEY_VARIABLE: &str = "PROOFLINE_SIGNING_KEY_FILE";

/// The variable with the path of the public key.
pub(crate) const PUBLIC_VARIABLE: &str = "PROOFLINE_VERIFYING_KEY_FILE";

/// What stands before the 32 bytes of a public key in its DER form (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Who signs.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id)
    }
}

impl SigningKey {
    /// A new key.
    fn generate() -> Result<Self> {
        let pair = Ed25519KeyPair::generate().ok().context("no key could be made")?;
        Self::of(pair)
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self> {
        let der: PublicKeyX509Der<'_> =
            pair.public_key().as_der().ok().context("the key has no public form")?;
        let public = PublicKey::from_der(der.as_ref())?;
        Ok(Self { pair, public })
    }

    /// Reads the text of a PEM file.
    fn from_pem(text: &str) -> Result<Self> {
        let der = from_pem(PRIVATE, text)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|error| anyhow::anyhow!("it is not an Ed25519 key in PKCS#8: {error}"))?;
        Self::of(pair)
    }

    /// Reads a file that nobody else may read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let cannot = || format!("cannot read the signing key {shown}");
        let mode = std::fs::metadata(path).with_context(cannot)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!(
                "others on this machine may read the signing key {shown} (mode {:03o})\nhint: `chmod 600 {shown}`, and make a new one if they might have",
                mode & 0o777
            );
        }
        let text = std::fs::read_to_string(path).with_context(cannot)?;
        Self::from_pem(&text).with_context(|| {
            format!("{shown} is not a signing key\nhint: `cargo xtask evidence keygen` makes one")
        })
    }

    /// The key that was named, or that the variable names; none where neither does.
    pub(crate) fn chosen(context: &Context, named: Option<&Path>) -> Result<Option<Self>> {
        let path = named.map(Path::to_owned);
        let path = path.or_else(|| context.variable(KEY_VARIABLE).map(PathBuf::from));
        path.map(|path| Self::read(&path)).transpose()
    }

    /// Makes a key and writes it to a new file that only its owner may read.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let key = Self::generate()?;
        let der = key.pair.to_pkcs8v1().ok().context("the key cannot be written")?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let cannot = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(folder).with_context(cannot)?;
        // A temporary file is private from its beginning, and appears under its name whole or not at all.
        let mut file = tempfile::Builder::new()
            .prefix(".proofline-")
            .tempfile_in(folder)
            .with_context(cannot)?;
        file.write_all(to_pem(PRIVATE, der.as_ref()).as_bytes()).with_context(cannot)?;
        file.as_file().sync_all().with_context(cannot)?;
        file.persist_noclobber(path).map_err(|error| error.error).with_context(|| {
            let hint = "a key is never overwritten: name another file with `--out`";
            format!("cannot write {}\nhint: {hint}", path.display())
        })?;
        Ok(key)
    }

    /// Signs bytes; Ed25519 gives the same 64 bytes each time (RFC 8032).
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair.sign(bytes).as_ref().to_vec()
    }

    /// Its public key.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// Whose signatures are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    bytes: [u8; 32],
    id: String,
}

impl PublicKey {
    fn from_der(der: &[u8]) -> Result<Self> {
        let bytes = der.strip_prefix(&PUBLIC_PREFIX).and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.context("it is not an Ed25519 key in SubjectPublicKeyInfo")?;
        Ok(Self { bytes, id: Digest::of(der).to_string() })
    }

    /// Reads the text of a PEM file.
    fn from_pem(text: &str) -> Result<Self> {
        Self::from_der(&from_pem(PUBLIC, text)?)
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the public key {shown}"))?;
        Self::from_pem(&text).with_context(|| {
            format!(
                "{shown} is not a public key\nhint: it is what `cargo xtask evidence keygen` prints"
            )
        })
    }

    /// The keys that were named, or the one that the variable names.
    pub(crate) fn chosen(context: &Context, named: &[PathBuf]) -> Result<Vec<Self>> {
        if !named.is_empty() {
            return named.iter().map(|path| Self::read(path)).collect();
        }
        let path = context.variable(PUBLIC_VARIABLE).map(PathBuf::from);
        path.map(|path| Self::read(&path)).into_iter().collect()
    }

    /// The SHA-256 of its DER form, in hexadecimal.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The file that others get.
    pub(crate) fn to_pem(&self) -> String {
        to_pem(PUBLIC, &[&PUBLIC_PREFIX[..], &self.bytes].concat())
    }

    /// Whether this key signed these bytes.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.bytes).verify(bytes, signature).is_ok()
    }
}

fn to_pem(label: &str, der: &[u8]) -> String {
    // Both forms of an Ed25519 key fit into one line of 64 characters.
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn from_pem(label: &str, text: &str) -> Result<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let inner = text.trim().strip_prefix(&begin).and_then(|rest| rest.strip_suffix(&end));
    let inner = inner.with_context(|| format!("it does not begin with `{begin}`"))?;
    let inner: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(inner).ok().context("what is in it is not base64")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
    use proofline_spec::evidence::pae;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn of_seed(seed: &str) -> SigningKey {
        SigningKey::of(Ed25519KeyPair::from_seed_unchecked(&bytes(seed)).unwrap()).unwrap()
    }

    /// RFC 8032, section 7.1: secret key, public key, message, signature.
    const RFC_8032: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        for [secret, public, message, signature] in RFC_8032 {
            let key = of_seed(secret);
            assert_eq!(key.public().bytes.to_vec(), bytes(public));
            let made = key.sign(&bytes(message));
            assert_eq!(made, bytes(signature));
            assert!(key.public().verifies(&bytes(message), &made));
            assert!(!key.public().verifies(b"another message", &made));
        }
    }

    #[test]
    fn files_are_those_of_rfc_8410() {
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let key = SigningKey::from_pem(private).unwrap();
        assert_eq!(key.public().to_pem(), public);
        assert_eq!(PublicKey::from_pem(public).unwrap(), *key.public());
        let written = to_pem(PRIVATE, key.pair.to_pkcs8v1().unwrap().as_ref());
        assert_eq!(written, private);
    }

    /// The example of DSSE's `protocol.md` is signed with ECDSA; it shows that what we sign is what others sign.
    #[test]
    fn signature_of_the_example_in_dsse_is_of_the_bytes_that_we_sign() {
        let x = decimal(
            "46950820868899156662930047687818585632848591499744589407958293238635476079160",
        );
        let y =
            decimal("5640078356564379163099075877009565129882514886557779369047442380624545832820");
        let key = [&[4][..], &x, &y].concat();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key).unwrap();
        let signature = STANDARD
            .decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
            .unwrap();
        let payload = STANDARD.decode("aGVsbG8gd29ybGQ=").unwrap();
        let signed = pae("http://example.com/HelloWorld", &payload);
        key.verify_sig(&signed, &signature).unwrap();
        let other = pae("http://example.com/HelloWorld", b"hello worlD");
        assert!(key.verify_sig(&other, &signature).is_err());
    }

    /// A number of at most 256 bits, big-endian.
    fn decimal(text: &str) -> Vec<u8> {
        let mut number = vec![0_u8; 32];
        for digit in text.bytes() {
            let mut carry = u32::from(digit - b'0');
            for byte in number.iter_mut().rev() {
                let value = u32::from(*byte) * 10 + carry;
                *byte = u8::try_from(value & 0xff).unwrap();
                carry = value >> 8;
            }
        }
        number
    }

    #[test]
    fn new_key_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/signing.pem");
        let key = SigningKey::create(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(SigningKey::read(&path).unwrap().public(), key.public());
        let before = std::fs::read(&path).unwrap();
        let refused = format!("{:#}", SigningKey::create(&path).unwrap_err());
        assert!(refused.contains("never overwritten"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        SigningKey::create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = format!("{:#}", SigningKey::read(&path).unwrap_err());
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn what_is_shown_of_a_signing_key_is_its_public_id() {
        let key = of_seed(RFC_8032[0][0]);
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public().id()));
    }
}
