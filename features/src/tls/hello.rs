//! A `ClientHello` that is made by hand, and what a server says to it: libraries do not offer the versions that must be
//! refused (RFC 8996; SSL 3.0 by RFC 7568), so nobody could see with them whether they are.
//!
//! The bytes are those of RFC 2246, 4346 and 5246, section 7.4.1.2, and RFC 8446, section 4.1.2. All versions are offered
//! with the same cipher suites and extensions, so that what differs is the version. It goes no further than the first
//! answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Endpoint, PATIENCE};

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SSL 3.0 (RFC 6101).
    Ssl30,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// Those that nobody may accept any more.
    pub const OBSOLETE: [Self; 3] = [Self::Ssl30, Self::Tls10, Self::Tls11];

    /// Its number in the protocol.
    pub const fn number(self) -> u16 {
        match self {
            Self::Ssl30 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }
}

/// The name of the version with this number.
fn version_name(number: u16) -> String {
    match number {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301..=0x0304 => format!("TLS 1.{}", number - 0x0301),
        _ => format!("version 0x{number:04x}"),
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&version_name(self.number()))
    }
}

/// What a server said first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It accepts: a `ServerHello`.
    Hello {
        /// The version that it chose.
        version: u16,
        /// The cipher suite that it chose.
        suite: u16,
    },
    /// It refuses: an alert, by its number.
    Alert(u8),
    /// It refuses: the connection is closed.
    Closed,
    /// It says nothing.
    Silence,
    /// Something that is no answer to a `ClientHello`.
    Nonsense(String),
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello { version, suite } => {
                write!(f, "a ServerHello of {} with cipher 0x{suite:04x}", version_name(*version))
            }
            Self::Alert(number) => write!(f, "the alert {}", alert(*number)),
            Self::Closed => f.write_str("the end of the connection"),
            Self::Silence => f.write_str("nothing"),
            Self::Nonsense(what) => write!(f, "no TLS: {what}"),
        }
    }
}

/// RFC 8446, section 6.
fn alert(number: u8) -> String {
    let name = match number {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        109 => "missing_extension",
        112 => "unrecognized_name",
        _ => return number.to_string(),
    };
    format!("{name} ({number})")
}

/// Offers one version on a connection of its own.
pub async fn offer(endpoint: &Endpoint, version: Version) -> Result<Reply, String> {
    let mut stream = endpoint.connect().await?;
    let random: [u8; 64] = std::array::from_fn(|_| fastrand::u8(..));
    let hello = client_hello(version, endpoint.server_name(), &random);
    // Who refuses may close before everything is sent; what it said before can still be read.
    let _ = stream.write_all(&hello).await;
    let mut found = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await {
            Err(_) => return Ok(Reply::Silence),
            Ok(Ok(0) | Err(_)) => return Ok(Reply::Closed),
            Ok(Ok(count)) => found.extend_from_slice(&buffer[..count]),
        }
        if let Some(reply) = read(&found) {
            return Ok(reply);
        }
    }
}

/// Suites that servers of every age have: AES-GCM and `ChaCha20` for TLS 1.2, CBC for what is older, RC4 and 3DES for what
/// is oldest; with keys of both kinds, and with renegotiation said to be secure (RFC 5746).
const SUITES: [u16; 25] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009c, 0x009d, 0xc009, 0xc013, 0xc00a, 0xc014,
    0x0033, 0x0039, 0x002f, 0x0035, 0xc008, 0xc012, 0x0016, 0x000a, 0xc007, 0xc011, 0x0005, 0x0004,
    0x00ff,
];
/// TLS 1.3 has its own.
const SUITES_13: [u16; 3] = [0x1301, 0x1302, 0x1303];
/// x25519, P-256, P-384, P-521.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];
/// ECDSA, RSA-PSS and RSA with SHA-2, and SHA-1 with both, which older servers sign with.
const SIGNATURES: [u16; 11] =
    [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201];

/// A `ClientHello` in its record. Half of what is random stands for the key that TLS 1.3 wants to be sent.
fn client_hello(version: Version, server_name: Option<&str>, random: &[u8; 64]) -> Vec<u8> {
    let is_13 = version == Version::Tls13;
    // TLS 1.3 says 1.2 here, and its number in an extension.
    let number = version.number().min(0x0303);
    let mut body = number.to_be_bytes().to_vec();
    body.extend(&random[..32]);
    body.push(0);
    let suites = if is_13 { &SUITES_13[..] } else { &SUITES[..] };
    body.extend(list(suites));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        let entry = [&[0], &*counted(name.as_bytes())].concat();
        extensions.extend(extension(0, &counted(&entry)));
    }
    extensions.extend(extension(10, &list(&GROUPS)));
    extensions.extend(extension(11, &[1, 0]));
    extensions.extend(extension(13, &list(&SIGNATURES)));
    if is_13 {
        extensions.extend(extension(43, &[2, 0x03, 0x04]));
        let share = [&GROUPS[0].to_be_bytes(), &*counted(&random[32..])].concat();
        extensions.extend(extension(51, &counted(&share)));
    }
    body.extend(counted(&extensions));
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    // The record's version is the oldest that is understood (RFC 5246, appendix E.1).
    [&[22], &number.min(0x0301).to_be_bytes()[..], &counted(&message)].concat()
}

/// Bytes after their number, in two bytes.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], bytes].concat()
}

fn list(numbers: &[u16]) -> Vec<u8> {
    counted(&numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>())
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(data)].concat()
}

/// What a server said, once enough of it is there.
fn read(mut bytes: &[u8]) -> Option<Reply> {
    loop {
        let (head, rest) = bytes.split_at_checked(5)?;
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        if !matches!(head[0], 21 | 22) || head[1] != 3 {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
            return Some(Reply::Nonsense(format!("{text:?}")));
        }
        let (record, after) = rest.split_at_checked(length)?;
        match (head[0], record) {
            // A warning, such as one about the name, does not end anything.
            (21, [1, number, ..]) if *number != 0 => bytes = after,
            (21, [_, number, ..]) => return Some(Reply::Alert(*number)),
            (22, [2, ..]) => return Some(server_hello(record)),
            _ => return Some(Reply::Nonsense(format!("a record of kind {}", head[0]))),
        }
    }
}

/// RFC 8446, section 4.1.3, and the same section of RFC 5246.
fn server_hello(record: &[u8]) -> Reply {
    let fields = || {
        let (version, rest) = record.get(4..)?.split_first_chunk::<2>()?;
        let session = usize::from(*rest.get(32)?);
        let (suite, rest) = rest.get(33 + session..)?.split_first_chunk::<2>()?;
        let chosen = selected(rest.get(3..).unwrap_or_default());
        let version = chosen.unwrap_or(u16::from_be_bytes(*version));
        Some(Reply::Hello { version, suite: u16::from_be_bytes(*suite) })
    };
    fields().unwrap_or_else(|| Reply::Nonsense("a ServerHello that is cut off".to_owned()))
}

/// The version that stands in an extension, as TLS 1.3 says it.
fn selected(mut extensions: &[u8]) -> Option<u16> {
    loop {
        let (head, rest) = extensions.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (data, after) = rest.split_at_checked(length)?;
        if head[..2] == [0, 43] {
            return data.first_chunk().map(|number| u16::from_be_bytes(*number));
        }
        extensions = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, 3, 1], &*counted(content)].concat()
    }

    fn hello(version: [u8; 2], extensions: &[u8]) -> Vec<u8> {
        let mut message = vec![2, 0, 0, 0, version[0], version[1]];
        message.extend([7; 32]);
        message.extend([2, 9, 9, 0xc0, 0x13, 0]);
        message.extend(counted(extensions));
        record(22, &message)
    }

    #[test]
    fn offers_differ_in_nothing_but_the_version() {
        let made = |version| client_hello(version, Some("a.example"), &[5; 64]);
        let (old, new) = (made(Version::Tls10), made(Version::Tls12));
        let differ: Vec<usize> = (0..old.len()).filter(|at| old[*at] != new[*at]).collect();
        assert_eq!((old.len(), differ), (new.len(), vec![10]));
        assert_eq!(made(Version::Ssl30)[..3], [22, 3, 0]);
    }

    #[test]
    fn answers_are_told_apart() {
        let accepted = Reply::Hello { version: 0x0301, suite: 0xc013 };
        assert_eq!(read(&hello([3, 1], &[])), Some(accepted.clone()));
        let in_13 = hello([3, 3], &extension(43, &[3, 4]));
        assert_eq!(read(&in_13), Some(Reply::Hello { version: 0x0304, suite: 0xc013 }));
        assert_eq!(read(&record(21, &[2, 70])), Some(Reply::Alert(70)));
        let warned = [record(21, &[1, 112]), hello([3, 1], &[])].concat();
        assert_eq!(read(&warned), Some(accepted), "a warning is no refusal");
        assert!(matches!(read(b"HTTP/1.1 400 Bad Request"), Some(Reply::Nonsense(_))));
        assert!(matches!(read(&record(22, &[2, 0, 0])), Some(Reply::Nonsense(_))));
        assert_eq!(read(&hello([3, 1], &[])[..20]), None, "more is to come");
    }
}
