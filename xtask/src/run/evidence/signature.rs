//! Signing a run: the statement about its files, in an envelope beside them.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, Statement, pae};

use super::contents::{Contents, file};
use super::integrity;
use super::keys::{PublicKey, SigningKey};
use super::trouble::Trouble;
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};

/// The envelope's name in the run's folder.
pub(crate) const FILE: &str = "attestation.json";

/// What to do about a signature that does not hold.
const AGAIN: &str = "take the run from where it was made, or run the checks again and sign them";

/// Signs every file of a finished run; a signature that was there is replaced.
pub(crate) fn sign(folder: &Path, key: &SigningKey) -> Result<()> {
    let contents = Contents::read(folder)?;
    let troubles = integrity::of_files(&contents);
    if let Some(first) = troubles.first() {
        let text = format!("the run is not whole, so it is not signed: {first}");
        return Err(Stopped::could_not_find_out(text));
    }
    let statement = contents.statement().context("the run has no manifest")?;
    let bytes = serde_json::to_vec(&statement)?;
    let envelope = seal(&bytes, key);
    let path = folder.join(FILE);
    write_atomically(&path, text(&envelope)?.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Signs a run where a key was given, and says so.
pub(crate) fn sign_with(context: &Context, folder: &Path, key: Option<&SigningKey>) -> Result<()> {
    if let Some(key) = key {
        sign(folder, key)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let text = format!("{name} by the key {}", short(key.public().id()));
        output::line(context, Tone::Good, "Signed", &text);
    }
    Ok(())
}

/// The key that a run's envelope names; nobody says that the signature holds.
pub(crate) fn named_key(folder: &Path) -> Option<String> {
    Some(open(&file(folder, FILE).ok()?).ok()?.keyid)
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

/// An envelope around a statement.
fn seal(statement: &[u8], key: &SigningKey) -> Envelope {
    let signature = key.sign(&pae(PAYLOAD_TYPE, statement));
    Envelope {
        payload: STANDARD.encode(statement),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![EnvelopeSignature {
            keyid: key.public().id().to_owned(),
            sig: STANDARD.encode(signature),
        }],
    }
}

/// The one form in which an envelope is written.
fn text(envelope: &Envelope) -> Result<String> {
    Ok(serde_json::to_string_pretty(envelope)? + "\n")
}

/// An envelope that could be read.
#[derive(Debug)]
pub(super) struct Opened {
    /// What was signed; nobody said yet that the signature holds.
    pub(super) statement: Statement,
    payload: Vec<u8>,
    signature: Vec<u8>,
    /// Which key signed it, as it says itself.
    pub(super) keyid: String,
}

/// Reads an envelope. Only the very bytes that [`sign`] writes are accepted, so that not even a space can be changed.
pub(super) fn open(bytes: &[u8]) -> Result<Opened, Trouble> {
    let trouble = |cause: String| Trouble::new(FILE, cause, AGAIN);
    let envelope: Envelope = serde_json::from_slice(bytes)
        .map_err(|error| trouble(format!("it is not a DSSE envelope: {error}")))?;
    if text(&envelope).ok().as_deref().map(str::as_bytes) != Some(bytes) {
        return Err(trouble("it is not in the form in which it was written".to_owned()));
    }
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(trouble(format!(
            "its payload is `{}`, not `{PAYLOAD_TYPE}`",
            envelope.payload_type
        )));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(trouble(format!("it has {} signatures, not one", envelope.signatures.len())));
    };
    let decode = |what: &str, text: &str| {
        STANDARD.decode(text).map_err(|error| trouble(format!("its {what} is not base64: {error}")))
    };
    let payload = decode("payload", &envelope.payload)?;
    let statement: Statement = serde_json::from_slice(&payload)
        .map_err(|error| trouble(format!("its payload is not a statement about a run: {error}")))?;
    Ok(Opened {
        statement,
        payload,
        signature: decode("signature", &signature.sig)?,
        keyid: signature.keyid.clone(),
    })
}

impl Opened {
    /// What is wrong with the signature, when these keys are believed.
    pub(super) fn distrust(&self, keys: &[PublicKey]) -> Option<Trouble> {
        let Some(key) = keys.iter().find(|key| key.id() == self.keyid) else {
            let known: Vec<String> = keys.iter().map(|key| short(key.id())).collect();
            let cause = format!(
                "it is signed by the key {}, not by {}",
                short(&self.keyid),
                known.join(", ")
            );
            return Some(Trouble::new(
                FILE,
                cause,
                "name the key of whoever signed it with `--key`",
            ));
        };
        let holds = key.verifies(&pae(PAYLOAD_TYPE, &self.payload), &self.signature);
        (!holds).then(|| {
            let cause = format!("the signature is not of the key {}", short(key.id()));
            Trouble::new(FILE, cause, AGAIN)
        })
    }
}
