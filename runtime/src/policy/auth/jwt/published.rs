//! Signatures of tokens beside the examples of RFC 7515 (appendix A.1) and RFC 7520 (section 4.4).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _};

use super::Signer;

/// Key, what is signed, and the signature, all as the RFCs write them.
const EXAMPLES: [(&str, &str, &str); 2] = [
    (
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
    (
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
        "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
    ),
];

#[test]
fn examples_of_the_rfcs_hold_and_no_change_of_them_does() {
    for (key, signed, signature) in EXAMPLES {
        let key = URL_SAFE_NO_PAD.decode(key).unwrap();
        let signer = Signer {
            key: Hmac::new_from_slice(&key).ok(),
            issuer: "joe",
            audience: "",
            lifetime: Duration::ZERO,
        };
        assert!(signer.signature_matches(signed, signature));
        for at in 0..signature.len() {
            let other = if signature.as_bytes()[at] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &signature[..at], &signature[at + 1..]);
            assert!(!signer.signature_matches(signed, &changed), "{changed}");
        }
        for wrong in ["", &signature[..42], &format!("{signature}="), &format!("{signature}A")] {
            assert!(!signer.signature_matches(signed, wrong), "{wrong}");
        }
        assert!(!signer.signature_matches(&signed.replace('.', ".."), signature));
    }
}
