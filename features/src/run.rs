//! What all scenarios of a run share: the target, the client, known secrets, client addresses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proofline_spec::evidence::Redactor;
use rustls::pki_types::CertificateDer;

use crate::exchange::{Bulk, Http, HttpError, Recorder, Request};
use crate::failure::Failure;
use crate::harness::Harness;
use crate::plan::Target;

/// 198.18.0.0/15 is set aside for benchmarks (RFC 2544), so that no real client has these addresses.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const ADDRESSES: u32 = 1 << 17;

/// What all scenarios of a run share.
#[derive(Debug)]
pub struct Run {
    /// The service under test.
    pub target: Target,
    /// The client.
    pub http: Arc<Http>,
    /// Sends many requests at the pace of the whole run.
    pub bulk: Arc<Bulk>,
    /// Authorities that are trusted besides this machine's.
    pub authorities: Vec<CertificateDer<'static>>,
    harness: tokio::sync::Mutex<Harness>,
    vault: Mutex<Vault>,
    addresses: AtomicU32,
    recorders: Mutex<HashMap<ScenarioKey, Arc<Recorder>>>,
}

/// A scenario: the path of its feature and the line it stands on.
pub type ScenarioKey = (String, usize);

#[derive(Debug, Default)]
struct Vault {
    redactor: Redactor,
    values: Vec<(String, String)>,
}

impl Run {
    /// A run against `target`.
    pub fn new(target: Target) -> Result<Self, HttpError> {
        let authorities = target.authorities().map_err(HttpError::plain)?;
        let http = Arc::new(Http::trusting(&target.base, &authorities)?);
        let bulk = Arc::new(Bulk::new(target.bulk_pace()));
        let run = Self {
            http,
            bulk,
            authorities,
            harness: tokio::sync::Mutex::default(),
            vault: Mutex::default(),
            // A random start: an earlier run against the same service must not have used the addresses up.
            addresses: AtomicU32::new(fastrand::u32(..ADDRESSES)),
            recorders: Mutex::default(),
            target,
        };
        for (name, value) in run.target.secrets.iter().chain(&run.target.tokens) {
            run.know(name, value);
        }
        Ok(run)
    }

    /// Asks whoever started us for what only they can do, such as `kill`, and waits until it is done.
    pub async fn ask(&self, what: &str) -> Result<(), Failure> {
        self.harness.lock().await.ask(what).await
    }

    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `value` is kept out of everything that is written.
    pub fn know(&self, name: &str, value: &str) {
        let mut vault = self.vault();
        vault.redactor.add(name, value);
        vault.values.push((name.to_owned(), value.to_owned()));
    }

    /// What is known so far, to redact with.
    pub fn redactor(&self) -> Redactor {
        self.vault().redactor.clone()
    }

    /// The names of the secrets that a text holds.
    pub fn secrets_in(&self, text: &str) -> Vec<String> {
        let vault = self.vault();
        vault
            .values
            .iter()
            .filter(|(_, value)| value.len() >= 6 && text.contains(value.as_str()))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// A client address that nobody has used in this run.
    pub fn fresh_address(&self) -> String {
        let number = self.addresses.fetch_add(1, Ordering::Relaxed) % ADDRESSES;
        std::net::Ipv4Addr::from(FIRST_ADDRESS + number).to_string()
    }

    /// The header by which a client address is passed on, where checks may do that.
    pub fn address_header(&self) -> Option<&str> {
        self.target.environment.client_address.as_deref()
    }

    /// The header that makes a request appear to come from `address`.
    pub fn address_headers(&self, address: &str) -> Option<(String, String)> {
        let header = self.address_header()?;
        let value = if header.eq_ignore_ascii_case("forwarded") {
            if address.contains(':') {
                format!("for=\"[{address}]\"")
            } else {
                format!("for={address}")
            }
        } else {
            address.to_owned()
        };
        Some((header.to_owned(), value))
    }

    /// The request with a client address where the environment lets the checks choose one.
    pub fn placed(&self, mut request: Request) -> Request {
        let chosen = self.address_header().is_some_and(|header| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header))
        });
        if request.connect_from.is_none() && !chosen {
            let address = request.address.clone().unwrap_or_else(|| self.fresh_address());
            if let Some((name, value)) = self.address_headers(&address) {
                request.headers.push((name, value.into_bytes()));
            }
        }
        request
    }

    /// The recorder of a scenario.
    pub fn recorder(&self, key: &ScenarioKey) -> Arc<Recorder> {
        let mut recorders = self.recorders.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(recorders.entry(key.clone()).or_default())
    }
}
