//! A signed run holds as it was written, and with any other byte it does not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proofline_generator::tree::write_atomically;
use proofline_spec::document::{Category, Severity};
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckId, CheckKind, CheckOutcome, ClaimVerdict, Counts, Digest,
    DocumentEntry, Manifest, Overall, RawEntry, Readiness, ScenarioEvidence, ScenarioOutcome,
    Score, Verdict, Verdicts,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::integrity::{self, MANIFEST, REPORT_FILES};
use super::keys::{PublicKey, SigningKey};
use super::{signature, sums};

const RUN: &str = "20260101000000000-abcdef";

/// A file with measurements.
const RAW: &str = "load/smoke.histograms.json";

/// A whole run, signed.
struct Signed {
    home: TempDir,
    key: SigningKey,
}

impl Signed {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = SigningKey::create(&home.path().join("key.pem")).unwrap();
        let signed = Self { home, key };
        let checks = [
            CheckId::new(CheckKind::Feature, "security/headers"),
            CheckId::new(CheckKind::Load, "smoke"),
        ];
        let documents = checks.map(|check| {
            let path = format!("checks/{}", check.file_name());
            let bytes = serde_json::to_vec_pretty(&evidence(&check)).unwrap();
            signed.write(&path, &bytes);
            DocumentEntry { check, path, sha256: Digest::of(&bytes) }
        });
        signed.write(RAW, b"{}\n");
        let verdicts = serde_json::to_vec_pretty(&verdicts()).unwrap();
        signed.write(Verdicts::FILE, &verdicts);
        let manifest = manifest(documents.into(), Digest::of(&verdicts));
        signed.write(MANIFEST, &serde_json::to_vec_pretty(&manifest).unwrap());
        let pages = REPORT_FILES.map(|name| name.trim_start_matches("report/"));
        let pages = pages.into_iter().filter(|name| *name != sums::NAME);
        let pages: Vec<(&str, String)> =
            pages.map(|name| (name, format!("a report in {name}"))).collect();
        for (name, text) in &pages {
            signed.write(&format!("report/{name}"), text.as_bytes());
        }
        let sums = sums::text(pages.iter().map(|(name, text)| (*name, text.as_str())));
        signed.write("report/SHA256SUMS", sums.as_bytes());
        signature::sign(&signed.run(), &signed.key).unwrap();
        signed
    }

    fn run(&self) -> PathBuf {
        self.home.path().join(RUN)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        write_atomically(&self.run().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.run().join(name)).unwrap()
    }

    fn files() -> Vec<String> {
        let fixed = [MANIFEST, Verdicts::FILE, signature::FILE, RAW].map(str::to_owned);
        let checks = ["checks/feature-security-headers.json", "checks/load-smoke.json"];
        fixed
            .into_iter()
            .chain(checks.map(str::to_owned))
            .chain(REPORT_FILES.map(str::to_owned))
            .collect()
    }

    fn troubles(&self, keys: &[PublicKey]) -> Vec<String> {
        let found = integrity::check(&self.run(), keys).unwrap();
        found.troubles.iter().map(ToString::to_string).collect()
    }

    fn believed(&self) -> Vec<String> {
        self.troubles(&[self.key.public().clone()])
    }
}

fn evidence(check: &CheckId) -> CheckEvidence {
    CheckEvidence {
        run: Some(RUN.to_owned()),
        check: check.clone(),
        outcome: CheckOutcome::Passed,
        summary: "what was seen".to_owned(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        duration_ms: 1,
        planned: 1,
        executed: 1,
        scenarios: vec![ScenarioEvidence {
            name: "One".to_owned(),
            place: String::new(),
            outcome: ScenarioOutcome::Passed,
            steps: Vec::new(),
            exchanges: Vec::new(),
            answers: Answers::default(),
            about: Vec::new(),
            requests: 1,
            counted: 0,
            duration_ms: 1,
        }],
        load: None,
        details: None,
    }
}

fn verdicts() -> Verdicts {
    let claim = ClaimVerdict {
        id: "SEC-HEADERS".to_owned(),
        severity: Severity::P0,
        category: Category::Security,
        verdict: Verdict::Verified,
        without_waiver: Verdict::Verified,
        reason: "what was seen".to_owned(),
        evidence: vec![CheckId::new(CheckKind::Feature, "security/headers")],
    };
    let readiness = Readiness {
        overall: Overall::Ready,
        counts: Counts { verified: 1, ..Counts::default() },
        by_severity: Vec::new(),
        score: Score { verified: 10, with_waivers: 10, all: 10 },
        by_category: Vec::new(),
        claims: vec![claim],
    };
    Verdicts { format: Verdicts::FORMAT, judged_on: "2026-01-01".to_owned(), readiness }
}

fn manifest(documents: Vec<DocumentEntry>, verdicts: Digest) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        run: RUN.to_owned(),
        service: "tiny".to_owned(),
        environment: "local".to_owned(),
        url: "http://127.0.0.1:1".to_owned(),
        spec_version: "1.0.0".to_owned(),
        reported_version: None,
        reported_spec_digest: None,
        substitutes: BTreeMap::new(),
        spec_digest: Digest::of(b"spec"),
        generated_digest: None,
        tool_version: "0.1.0".to_owned(),
        commit: None,
        dirty: false,
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        finished_at: "2026-01-01T00:00:01Z".to_owned(),
        interrupted: false,
        ended: None,
        documents,
        raw: vec![RawEntry { path: RAW.to_owned(), sha256: Digest::of(b"{}\n") }],
        verdicts: Some(verdicts),
        left_out: Vec::new(),
        worker: None,
        seal: None,
    }
    .sealed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_byte_of_any_file_that_is_another_one_is_noticed(
        file in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        thread_local!(static SIGNED: Signed = Signed::new());
        SIGNED.with(|signed| {
            let files = Signed::files();
            let name = &files[file.index(files.len())];
            let before = signed.read(name);
            let mut bytes = before.clone();
            bytes[place.index(before.len())] ^= flip;
            signed.write(name, &bytes);
            let troubles = signed.believed();
            signed.write(name, &before);
            prop_assert!(!troubles.is_empty(), "{} at {} of {}", flip, place.index(before.len()), name);
            // The control: the same run with the byte put back.
            prop_assert_eq!(signed.believed(), Vec::<String>::new());
            Ok(())
        })?;
    }
}

/// The envelope is the one file whose own bytes nothing else has a digest of.
#[test]
fn no_byte_of_the_envelope_can_be_another_one() {
    let signed = Signed::new();
    let before = signed.read(signature::FILE);
    for at in 0..before.len() {
        let mut bytes = before.clone();
        bytes[at] ^= 1;
        signed.write(signature::FILE, &bytes);
        assert!(!signed.believed().is_empty(), "byte {at}");
    }
    signed.write(signature::FILE, &[&before[..], b"\n"].concat());
    assert!(!signed.believed().is_empty(), "a line at the end");
}

#[test]
fn file_that_is_added_or_missing_is_noticed() {
    for name in Signed::files() {
        let signed = Signed::new();
        assert_eq!(signed.believed(), Vec::<String>::new());
        std::fs::remove_file(signed.run().join(&name)).unwrap();
        let troubles = signed.believed();
        assert!(
            troubles.iter().any(|text| text.contains("missing") || text.contains("not signed")),
            "{name}: {troubles:?}"
        );
    }
    for name in ["checks/feature-security-jwt.json", "notes.txt", "report/more.html", "checks/a/b"]
    {
        let signed = Signed::new();
        signed.write(name, b"{}");
        let troubles = signed.believed();
        assert!(troubles.iter().any(|text| text.starts_with(name)), "{name}: {troubles:?}");
    }
}

/// Nobody needs a key to see that a page is not the one that was written.
#[test]
fn page_of_an_unsigned_report_that_was_changed_added_or_taken_away_is_noticed() {
    let signed = Signed::new();
    std::fs::remove_file(signed.run().join(signature::FILE)).unwrap();
    assert_eq!(signed.troubles(&[]), Vec::<String>::new());
    for name in REPORT_FILES {
        let before = signed.read(name);
        signed.write(name, &[&before[..], b"100 % ready\n"].concat());
        let troubles = signed.troubles(&[]);
        assert!(troubles.iter().any(|text| text.starts_with(name)), "{name}: {troubles:?}");
        std::fs::remove_file(signed.run().join(name)).unwrap();
        let troubles = signed.troubles(&[]);
        assert!(troubles.iter().any(|text| text.contains("missing")), "{name}: {troubles:?}");
        signed.write(name, &before);
    }
}

#[test]
fn link_in_the_place_of_a_document_is_noticed() {
    let signed = Signed::new();
    let path = signed.run().join("checks/load-smoke.json");
    let elsewhere = signed.home.path().join("elsewhere.json");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let troubles = signed.believed();
    assert!(troubles.iter().any(|text| text.starts_with("checks/load-smoke.json")), "{troubles:?}");
}

/// Whoever changes a document, the manifest and the statement lacks one thing only: the key.
#[test]
fn run_that_is_forged_whole_is_refused_for_its_key_alone() {
    let signed = Signed::new();
    let mut forged = evidence(&CheckId::new(CheckKind::Load, "smoke"));
    forged.summary = "better than what was seen".to_owned();
    let bytes = serde_json::to_vec_pretty(&forged).unwrap();
    signed.write("checks/load-smoke.json", &bytes);
    let mut manifest: Manifest = serde_json::from_slice(&signed.read(MANIFEST)).unwrap();
    manifest.documents[1].sha256 = Digest::of(&bytes);
    signed.write(MANIFEST, &serde_json::to_vec_pretty(&manifest.sealed()).unwrap());
    let other = SigningKey::create(&signed.home.path().join("other.pem")).unwrap();
    signature::sign(&signed.run(), &other).unwrap();
    let troubles = signed.believed();
    assert!(troubles.len() == 1 && troubles[0].contains("signed by the key"), "{troubles:?}");
    // It may say that it is the other key's, which does not help it.
    let envelope = String::from_utf8(signed.read(signature::FILE)).unwrap();
    let lie = envelope.replace(other.public().id(), signed.key.public().id());
    signed.write(signature::FILE, lie.as_bytes());
    let troubles = signed.believed();
    assert!(troubles.len() == 1 && troubles[0].contains("signature is not of"), "{troubles:?}");
    // The control: who believes the other key believes the run.
    signed.write(signature::FILE, envelope.as_bytes());
    assert_eq!(signed.troubles(&[other.public().clone()]), Vec::<String>::new());
}

#[test]
fn folder_of_another_run_is_noticed() {
    let signed = Signed::new();
    let other = signed.home.path().join("20260101000000000-fedcba");
    std::fs::rename(signed.run(), &other).unwrap();
    let found = integrity::check(&other, &[]).unwrap();
    assert!(found.troubles.iter().any(|trouble| trouble.cause.contains("another's folder")));
}

#[test]
fn run_that_is_not_whole_is_not_signed() {
    let signed = Signed::new();
    signed.write("checks/load-smoke.json", b"{}");
    let refused = format!("{:#}", signature::sign(&signed.run(), &signed.key).unwrap_err());
    assert!(
        refused.contains("not whole") && refused.contains("checks/load-smoke.json"),
        "{refused}"
    );
}

#[test]
fn signing_again_gives_the_same_bytes() {
    let signed = Signed::new();
    let before = signed.read(signature::FILE);
    signature::sign(&signed.run(), &signed.key).unwrap();
    assert_eq!(signed.read(signature::FILE), before);
}
