//! What a certificate says (RFC 5280): nothing in it is secret.

use jiff::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whose it is, as RFC 4514 writes it; many have no name here, only among the alternative ones.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The first moment at which it is valid.
    pub not_before: Timestamp,
    /// The last one.
    pub not_after: Timestamp,
}

impl Facts {
    /// What a certificate in DER says.
    pub fn of(der: &[u8]) -> Result<Self, String> {
        let read = Certificate::from_der(der);
        let certificate = read.map_err(|error| format!("a certificate cannot be read: {error}"))?;
        let body = certificate.tbs_certificate;
        let moment = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
        };
        Ok(Self {
            subject: name(&body.subject.to_string()),
            issuer: name(&body.issuer.to_string()),
            not_before: moment(body.validity.not_before),
            not_after: moment(body.validity.not_after),
        })
    }

    /// Whether it names itself as the one who signed it.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whole days from then to its end; below 0 after it.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        (self.not_after.as_second() - now.as_second()).div_euclid(24 * 60 * 60)
    }
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} issued by {}, until {}", self.subject, self.issuer, self.not_after)
    }
}

fn name(text: &str) -> String {
    if text.is_empty() { "a certificate without a subject".to_owned() } else { format!("`{text}`") }
}
