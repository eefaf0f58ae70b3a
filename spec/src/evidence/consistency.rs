//! Whether a manifest agrees with itself, and a document with the manifest: times, names, address, commit.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::{CheckEvidence, Digest, Manifest};

/// How far the clocks of two machines may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// What features round their times to, and what a clock may be set back meanwhile.
const ROUNDING: SignedDuration = SignedDuration::from_secs(2);

#[expect(clippy::expect_used, reason = "the patterns are constants")]
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^https?://[^\s/?#@<>\x22]+(/[^\s<>\x22]*)?$").expect("a pattern of an address")
});

#[expect(clippy::expect_used, reason = "the patterns are constants")]
static COMMIT: LazyLock<Regex> = LazyLock::new(|| {
    // SHA-1, or SHA-256 where a repository says so.
    Regex::new("^([0-9a-f]{40}|[0-9a-f]{64})$").expect("a pattern of a commit")
});

impl Manifest {
    /// The version of the form that is written and read: what older ones did not say cannot be missed in them.
    pub const FORMAT: u32 = 3;

    /// The digest of everything in it but the seal.
    pub fn sealed_as(&self) -> Digest {
        let open = Self { seal: None, ..self.clone() };
        // A manifest is of texts, numbers and lists of these, which can always be written.
        let text = serde_json::to_string(&open).unwrap_or_default();
        Digest::of_parts([("manifest", text.as_bytes())])
    }

    /// It with its seal, as the run that wrote it closes it.
    #[must_use]
    pub fn sealed(self) -> Self {
        Self { seal: Some(self.sealed_as()), ..self }
    }

    /// What in it speaks against what it says of itself; nothing in one that a run wrote. `now` is the reader's time.
    pub fn contradiction(&self, now: Timestamp) -> Option<String> {
        if self.format != Self::FORMAT {
            let (is, read) = (self.format, Self::FORMAT);
            return Some(format!("it has form {is}, and this tool reads form {read}"));
        }
        if self.seal != Some(self.sealed_as()) {
            return Some(
                "it was changed after the run: its seal is that of another text".to_owned(),
            );
        }
        let (from, to) = match self.window() {
            Ok(window) => window,
            Err(cause) => return Some(cause),
        };
        if from > to {
            return Some(format!(
                "the run ended at {} and began at {}",
                self.finished_at, self.started_at
            ));
        }
        if to.duration_since(now) > SKEW {
            return Some(format!("the run ended at {}, which is yet to come", self.finished_at));
        }
        // A run is named after the moment at which it began.
        let stamp: String = from.strftime("%Y%m%d%H%M%S%3f").to_string();
        if self.run.split('-').next() != Some(stamp.as_str()) {
            return Some(format!(
                "the run is named `{}`, and began at {}",
                self.run, self.started_at
            ));
        }
        if !URL.is_match(&self.url) {
            return Some(format!("`{}` is no address that checks can be sent to", self.url));
        }
        let commit = self.commit.as_deref().filter(|commit| !COMMIT.is_match(commit));
        if let Some(commit) = commit {
            return Some(format!("`{commit}` is no commit"));
        }
        let none = self.verdicts.is_none();
        none.then(|| "it names no verdicts: every run keeps those that it came to".to_owned())
    }

    /// Why a document is not of this run; nothing for one that it wrote.
    pub fn disowns(&self, evidence: &CheckEvidence) -> Option<String> {
        match &evidence.run {
            Some(run) if *run != self.run => {
                return Some(format!("it is of the run `{run}`, not of `{}`", self.run));
            }
            None => return Some(format!("it does not name its run, which is `{}`", self.run)),
            Some(_) => {}
        }
        let Ok((from, to)) = self.window() else { return None };
        let Ok(began) = evidence.started_at.parse::<Timestamp>() else {
            // What never began has no time.
            let ran = evidence.executed > 0 || !evidence.started_at.is_empty();
            return ran.then(|| format!("it began at `{}`, which is no time", evidence.started_at));
        };
        let took = i64::try_from(evidence.duration_ms).unwrap_or(i64::MAX);
        let before = from.duration_since(began) > ROUNDING;
        let left = to.duration_since(began).saturating_add(ROUNDING);
        if before || SignedDuration::from_millis(took) > left {
            return Some(format!(
                "it began at {} and took {took} ms, and the run lasted from {} to {}",
                evidence.started_at, self.started_at, self.finished_at
            ));
        }
        let target =
            evidence.details.as_ref().filter(|_| evidence.load.is_some())?.get("target")?;
        let target = target.as_str().unwrap_or_default();
        (origin(target) != origin(&self.url)).then(|| {
            format!("its load was sent to `{target}`, and the run's checks to `{}`", self.url)
        })
    }

    fn window(&self) -> Result<(Timestamp, Timestamp), String> {
        let time =
            |text: &str| text.parse().map_err(|_| format!("`{text}` is no time (RFC 3339, UTC)"));
        Ok((time(&self.started_at)?, time(&self.finished_at)?))
    }
}

/// Scheme, host and port of an address, in one form.
fn origin(url: &str) -> String {
    let url = url.to_ascii_lowercase();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", place.strip_suffix(usual).unwrap_or(place))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn manifest() -> Manifest {
        serde_json::from_value(json!({
            "format": 3, "run": "20260101000000123-abcdef", "service": "tiny", "environment": "local",
            "url": "http://127.0.0.1:8080", "spec_version": "1.0.0", "spec_digest": "0".repeat(64),
            "tool_version": "0.1.0", "commit": "a".repeat(40), "started_at": "2026-01-01T00:00:00.123Z",
            "finished_at": "2026-01-01T00:00:10Z", "verdicts": "0".repeat(64), "documents": [],
        }))
        .map(Manifest::sealed)
        .unwrap()
    }

    fn document() -> CheckEvidence {
        serde_json::from_value(json!({
            "run": "20260101000000123-abcdef", "check": "feature/security/jwt", "outcome": "passed", "summary": "",
            "started_at": "2026-01-01T00:00:00Z", "duration_ms": 10_000, "planned": 1, "executed": 1,
        }))
        .unwrap()
    }

    #[test]
    fn manifest_that_a_run_wrote_agrees_with_itself_and_a_changed_one_does_not() {
        let now: Timestamp = NOW.parse().unwrap();
        assert_eq!(manifest().contradiction(now), None);
        let elsewhere = Manifest { commit: None, ..manifest() };
        assert_eq!(elsewhere.clone().sealed().contradiction(now), None);
        assert!(elsewhere.contradiction(now).unwrap().contains("seal"));
        assert!(Manifest { seal: None, ..manifest() }.contradiction(now).unwrap().contains("seal"));
        let changes: [fn(&mut Manifest); 12] = [
            |m| m.format = 2,
            |m| m.format = 4,
            |m| m.started_at = "2026-01-01T00:00:20.123Z".to_owned(),
            |m| m.started_at = "yesterday".to_owned(),
            |m| m.finished_at = "2025-12-31T00:00:00Z".to_owned(),
            |m| m.finished_at = "2026-01-02T00:00:00Z".to_owned(),
            |m| m.run = "20260101000001123-abcdef".to_owned(),
            |m| m.url = "somewhere".to_owned(),
            |m| m.url = "https://me:secret@example.com".to_owned(),
            |m| m.commit = Some("main".to_owned()),
            |m| m.commit = Some("A".repeat(40)),
            |m| m.verdicts = None,
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut other = manifest();
            change(&mut other);
            let said = other.sealed().contradiction(now).unwrap_or_default();
            assert!(!said.is_empty() && !said.contains("seal"), "{at}: {said}");
        }
    }

    #[test]
    fn document_of_another_run_or_time_or_place_is_not_of_this_one() {
        assert_eq!(manifest().disowns(&document()), None);
        let changes: [fn(&mut CheckEvidence); 7] = [
            |d| d.run = Some("20260101000000123-fedcba".to_owned()),
            |d| d.run = None,
            |d| d.started_at = "2025-12-31T23:59:50Z".to_owned(),
            |d| d.started_at = "2026-01-01T00:00:30Z".to_owned(),
            |d| d.started_at = String::new(),
            |d| d.duration_ms = 60_000,
            |d| d.duration_ms = u64::MAX,
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut other = document();
            change(&mut other);
            assert!(manifest().disowns(&other).is_some(), "{at}");
        }
    }

    #[test]
    fn address_is_the_same_with_its_usual_port_and_path() {
        assert_eq!(origin("https://Example.com:443/"), origin("https://example.com/base"));
        assert_ne!(origin("http://example.com:8080"), origin("http://example.com"));
    }
}
