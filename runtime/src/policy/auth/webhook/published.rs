//! Signatures over bodies beside published vectors: RFC 4231 and Project Wycheproof (`runtime/tests/vectors`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Verifier;
use crate::definition::SignatureEncoding;

const WYCHEPROOF: &str = include_str!("../../../../tests/vectors/hmac_sha256_test.json");
const RFC_4231: &str = include_str!("../../../../tests/vectors/rfc4231.json");
const SOURCES: &str = include_str!("../../../../tests/vectors/README.md");

/// The bits of a whole signature. Shorter ones are valid elsewhere, and nowhere here.
const WHOLE: u64 = 256;

fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Whether a signature is accepted, however it is written.
fn accepted(vector: &Value) -> bool {
    let (key, body, tag) = (bytes(&vector["key"]), bytes(&vector["msg"]), bytes(&vector["tag"]));
    let hex = vector["tag"].as_str().unwrap().to_owned();
    let forms = [
        (SignatureEncoding::Hex, hex.clone()),
        (SignatureEncoding::Hex, format!("sha256={hex}")),
        (SignatureEncoding::Base64, STANDARD.encode(tag)),
    ];
    let answers = forms.map(|(encoding, text)| {
        let verifier = Verifier { encoding, key: Hmac::new_from_slice(&key).ok() };
        verifier.matches(None, &body, &text)
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{vector}: {answers:?}");
    answers[0]
}

#[test]
fn vectors_are_those_that_their_list_names() {
    for text in [WYCHEPROOF, RFC_4231] {
        let digest = Sha256::digest(text);
        let digest = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert!(SOURCES.contains(&digest), "README.md does not name {digest}");
    }
}

#[test]
fn vectors_of_rfc_4231_hold_and_a_part_of_a_signature_is_none() {
    let vectors: Vec<Value> = serde_json::from_str(RFC_4231).unwrap();
    assert_eq!(vectors.len(), 7);
    for vector in &vectors {
        let is_whole = bytes(&vector["tag"]).len() == 32;
        assert_eq!(accepted(vector), is_whole, "case {}", vector["case"]);
    }
}

#[test]
fn vectors_of_wycheproof_are_accepted_and_refused_as_they_say() {
    let file: Value = serde_json::from_str(WYCHEPROOF).unwrap();
    let (mut valid, mut invalid, mut parts) = (0, 0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let is_whole = group["tagSize"].as_u64() == Some(WHOLE);
        for vector in group["tests"].as_array().unwrap() {
            let is_valid = vector["result"] == "valid";
            match (is_whole, is_valid) {
                (true, true) => valid += 1,
                (true, false) => invalid += 1,
                (false, _) => parts += 1,
            }
            assert_eq!(
                accepted(vector),
                is_whole && is_valid,
                "{} {}",
                vector["tcId"],
                vector["comment"]
            );
        }
    }
    assert_eq!((valid, invalid, parts), (33, 54, 87));
    assert_eq!(file["numberOfTests"], valid + invalid + parts);
}
