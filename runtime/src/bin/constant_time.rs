//! Tells from measured times whether signatures and hashes are compared in constant time.
//!
//! The method is dudect's (Reparaz, Balasch, Verbauwhede 2017): two classes of input, here a mismatch in the first
//! byte and one in the last, are timed in random order, the slowest samples are cropped, and Welch's t compares the
//! means. The functions are those that the policies call. Beside them stand controls that do the same work but
//! compare with an early exit: when those are not caught, nothing was found out and the outcome is `inconclusive`.
//!
//! Meant for a release build. Prints one JSON object: `control_t`, `results`, `outcome`, `reason`.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proofline_runtime::binding::sql::Statement;
use proofline_runtime::definition::{Credential, Jwt, PrincipalLookup, SignatureEncoding};
use proofline_runtime::policy::auth::compare;
use proofline_runtime::policy::auth::jwt::Signer;
use proofline_runtime::policy::auth::webhook::Verifier;
use proofline_runtime::secret::Secret;
use serde_json::json;
use sha2::Sha256;

/// Times of one subject are collected in so many rounds; the median round decides, so that one noisy round does not.
const ROUNDS: usize = 9;
/// So often a difference must be found, each time in the same direction: one that is there is there again.
const CONFIRMED: usize = 3;
/// Bytes lie at a place of their own within so many (a page), another one in each round.
const PLACES: usize = 4096;
/// Samples in a round.
const SAMPLES: usize = 12_000;
/// Above this, times differ (dudect's first threshold).
const DIFFERENT: f64 = 4.5;
/// A control must be caught at least so clearly (dudect's threshold for certainty).
const CAUGHT: f64 = 10.0;
/// Which part of the samples is kept, from the fastest on.
const CROPS: [f64; 5] = [0.5, 0.7, 0.8, 0.9, 0.97];

const KEY: &str = "a key that only signs in this measurement, 0123456789abcdef";
const SIGNED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoyMDAwMDAwMDAwfQ";

type Comparison<'a> = Box<dyn Fn(&[u8]) -> bool + 'a>;

/// What is timed: a name, an early and a late mismatch of the same length, and the comparison.
struct Subject<'a> {
    name: &'static str,
    early: Vec<u8>,
    late: Vec<u8>,
    /// Calls in one sample, so that a sample is longer than the clock's step.
    calls: u32,
    compare: Comparison<'a>,
}

fn main() -> std::io::Result<()> {
    let outcome = measure();
    writeln!(std::io::stdout().lock(), "{outcome}")
}

fn measure() -> serde_json::Value {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()));
    let mac = mac_of(SIGNED.as_bytes());
    let jwt = Jwt {
        secret: "KEY",
        issuer: "",
        audience: "",
        lifetime: Duration::from_secs(1),
        principal: Some(PrincipalLookup {
            statement: &STATEMENT,
            with: &[("id", Credential::TokenClaim("sub"))],
        }),
    };
    let signer = Signer::new(&jwt, &Secret::new(KEY.to_owned()));
    let verifier = Verifier::new(SignatureEncoding::Hex, &Secret::new(KEY.to_owned()));

    let controls = [mac_control(&mac), hash_control()];
    let subjects =
        [jwt_subject(&signer, &mac), webhook_subject(&verifier, &mac), api_key_subject()];
    let works = accepts_the_right_one(&signer, &verifier, &mac);

    let control_t = controls
        .iter()
        .map(|control| median_t(control, &mut random).abs())
        .fold(f64::INFINITY, f64::min);
    let results: Vec<_> =
        subjects.iter().map(|subject| (subject.name, confirmed_t(subject, &mut random))).collect();
    let leaking: Vec<_> =
        results.iter().filter(|(_, t)| t.abs() > DIFFERENT).map(|(name, _)| *name).collect();

    let (outcome, reason) = if !works {
        ("failed", "a comparison refuses the right signature, or accepts a wrong one".to_owned())
    } else if control_t <= CAUGHT {
        ("inconclusive", format!("an early exit shows only as t = {control_t:.1} on this machine"))
    } else if leaking.is_empty() {
        ("passed", "no difference between early and late mismatches".to_owned())
    } else {
        (
            "failed",
            format!("early and late mismatches take different times: {}", leaking.join(", ")),
        )
    };
    let results: Vec<_> = results
        .iter()
        .map(|(name, t)| json!({"subject": name, "t": round(*t), "samples": ROUNDS * SAMPLES}))
        .collect();
    json!({"control_t": round(control_t), "results": results, "outcome": outcome, "reason": reason})
}

static STATEMENT: Statement = Statement::DEFAULT;

/// A comparison that refuses everything would be in constant time too.
fn accepts_the_right_one(signer: &Signer, verifier: &Verifier, mac: &[u8; 32]) -> bool {
    let sent = URL_SAFE_NO_PAD.encode(mac);
    let wrong = URL_SAFE_NO_PAD.encode(flipped(mac, 31));
    signer.signature_matches(SIGNED, &sent)
        && !signer.signature_matches(SIGNED, &wrong)
        && verifier.matches(None, SIGNED.as_bytes(), &hex(mac))
        && !verifier.matches(None, SIGNED.as_bytes(), &hex(&flipped(mac, 31)))
        && compare::same(mac, mac)
        && !compare::same(mac, &flipped(mac, 31))
}

fn jwt_subject<'a>(signer: &'a Signer, mac: &[u8; 32]) -> Subject<'a> {
    Subject {
        name: "jwt-signature",
        early: URL_SAFE_NO_PAD.encode(flipped(mac, 0)).into_bytes(),
        late: URL_SAFE_NO_PAD.encode(flipped(mac, 31)).into_bytes(),
        calls: 4,
        compare: Box::new(|sent| {
            std::str::from_utf8(sent).is_ok_and(|sent| signer.signature_matches(SIGNED, sent))
        }),
    }
}

fn webhook_subject<'a>(verifier: &'a Verifier, mac: &[u8; 32]) -> Subject<'a> {
    Subject {
        name: "webhook-signature",
        early: hex(&flipped(mac, 0)).into_bytes(),
        late: hex(&flipped(mac, 31)).into_bytes(),
        calls: 4,
        compare: Box::new(|sent| {
            std::str::from_utf8(sent)
                .is_ok_and(|sent| verifier.matches(None, SIGNED.as_bytes(), sent))
        }),
    }
}

fn api_key_subject() -> Subject<'static> {
    let stored = [b'a'; 64];
    Subject {
        name: "api-key-hash",
        early: flipped(&stored, 0).to_vec(),
        late: flipped(&stored, 63).to_vec(),
        calls: 32,
        compare: Box::new(move |sent| compare::same(black_box(&stored), sent)),
    }
}

/// The work of a signature's check, but with an early exit: what the same measurement must catch.
fn mac_control(mac: &[u8; 32]) -> Subject<'static> {
    Subject {
        name: "control-signature",
        early: flipped(mac, 0).to_vec(),
        late: flipped(mac, 31).to_vec(),
        calls: 4,
        compare: Box::new(|sent| early_exit(&mac_of(SIGNED.as_bytes()), sent)),
    }
}

fn hash_control() -> Subject<'static> {
    let stored = [b'a'; 64];
    Subject {
        name: "control-hash",
        early: flipped(&stored, 0).to_vec(),
        late: flipped(&stored, 63).to_vec(),
        calls: 32,
        compare: Box::new(move |sent| early_exit(black_box(&stored), sent)),
    }
}

/// What must not be written: it stops at the first byte that differs.
#[inline(never)]
fn early_exit(one: &[u8], other: &[u8]) -> bool {
    for (a, b) in one.iter().zip(other) {
        if black_box(*a) != black_box(*b) {
            return false;
        }
    }
    one.len() == other.len()
}

fn mac_of(signed: &[u8]) -> [u8; 32] {
    // An HMAC takes keys of any length; a failure would show as controls that are not caught.
    Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).map_or([0; 32], |mut mac| {
        mac.update(signed);
        mac.finalize().into_bytes().into()
    })
}

fn flipped<const N: usize>(bytes: &[u8; N], at: usize) -> [u8; N] {
    let mut bytes = *bytes;
    bytes[at] ^= 1;
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The t that is nearest to none of several, until one is not different: a busy machine may show one for a while.
fn confirmed_t(subject: &Subject<'_>, random: &mut Random) -> f64 {
    let mut least = median_t(subject, random);
    for _ in 1..CONFIRMED {
        if least.abs() <= DIFFERENT {
            break;
        }
        let again = median_t(subject, random);
        if again.signum() != least.signum() {
            return 0.0;
        }
        if again.abs() < least.abs() {
            least = again;
        }
    }
    least
}

/// The median of the rounds' t. Noise has no sign, so it stays near zero; a difference has one and stays.
fn median_t(subject: &Subject<'_>, random: &mut Random) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round_t(subject, random)).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// One round's t: of the crops, that which tells most.
fn round_t(subject: &Subject<'_>, random: &mut Random) -> f64 {
    let (early, late) = times(subject, random);
    let mut pooled: Vec<f64> = early.iter().chain(&late).copied().collect();
    pooled.sort_by(f64::total_cmp);
    let ts = CROPS.iter().map(|part| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index made from a fraction of a small length"
        )]
        let limit = pooled[((pooled.len() - 1) as f64 * part) as usize];
        welch(&Moments::of(&early, limit), &Moments::of(&late, limit))
    });
    ts.fold(0.0, |most: f64, t| if t.abs() > most.abs() { t } else { most })
}

/// Samples of both classes, taken in random order from one buffer, so that only the bytes differ.
fn times(subject: &Subject<'_>, random: &mut Random) -> (Vec<f64>, Vec<f64>) {
    let (mut early, mut late) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    // Where bytes lie in memory tells as well, as what was just copied from there may not have arrived.
    let (first, last) = (Placed::new(&subject.early, random), Placed::new(&subject.late, random));
    let mut placed = Placed::new(&subject.early, random);
    let buffer = placed.bytes_mut();
    for sample in 0..SAMPLES + SAMPLES / 10 {
        let is_late = random.bit();
        buffer.copy_from_slice(if is_late { last.bytes() } else { first.bytes() });
        let started = Instant::now();
        for _ in 0..subject.calls {
            black_box((subject.compare)(black_box(&*buffer)));
        }
        let time = started.elapsed().as_secs_f64() * 1e9;
        // The first tenth warms caches and clocks up.
        if sample >= SAMPLES / 10 {
            if is_late { late.push(time) } else { early.push(time) }
        }
    }
    (early, late)
}

/// Bytes at a random place of a page.
struct Placed {
    page: Vec<u8>,
    from: usize,
    length: usize,
}

impl Placed {
    fn new(bytes: &[u8], random: &mut Random) -> Self {
        let from = random.below(PLACES);
        let mut page = vec![0; PLACES + bytes.len()];
        page[from..from + bytes.len()].copy_from_slice(bytes);
        Self { page, from, length: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.page[self.from..self.from + self.length]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.page[self.from..self.from + self.length]
    }
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Of the samples up to a limit (Welford's method).
    fn of(samples: &[f64], limit: f64) -> Self {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for sample in samples.iter().filter(|sample| **sample <= limit) {
            count += 1.0;
            let difference = sample - mean;
            mean += difference / count;
            squares += difference * (sample - mean);
        }
        Self { count, mean, variance: squares / f64::max(count - 1.0, 1.0) }
    }
}

/// Welch's t; zero when a class has too few samples to say anything.
fn welch(early: &Moments, late: &Moments) -> f64 {
    if early.count < 100.0 || late.count < 100.0 {
        return 0.0;
    }
    let spread = early.variance / early.count + late.variance / late.count;
    if spread > 0.0 { (late.mean - early.mean) / spread.sqrt() } else { 0.0 }
}

fn round(t: f64) -> f64 {
    (t * 100.0).round() / 100.0
}

/// xorshift64*: the order of the classes must not follow a pattern, nothing more.
struct Random(u64);

impl Random {
    fn bit(&mut self) -> bool {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 63 == 1
    }

    /// A number below a power of two.
    fn below(&mut self, power: usize) -> usize {
        (0..power.ilog2()).fold(0, |number, _| number << 1 | usize::from(self.bit()))
    }
}
