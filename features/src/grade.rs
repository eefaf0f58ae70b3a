//! What an answer's headers are worth by the rules of a public observatory: its points and grades are data
//! (`features/vectors/observatory.yaml`), what they are given for is here, as its tests say it.

mod policy;

use std::collections::BTreeMap;

use serde::Deserialize;

use policy::Policy;

/// 180 days, in seconds.
const SIX_MONTHS: u64 = 15_552_000;

/// The observatory's rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observatory {
    /// Where they come from.
    pub source: String,
    /// Under which licence they are published.
    pub licence: String,
    /// From which score on extra points count.
    pub extra_from: i32,
    /// The grade from each score on.
    pub grades: BTreeMap<i32, String>,
    /// The points of each finding.
    pub points: BTreeMap<String, i32>,
    /// Rules that are not applied, and why.
    pub not_applied: BTreeMap<String, String>,
}

/// What headers are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// From 0 up; more than 100 with extra points.
    pub score: i32,
    /// `A+` to `F`.
    pub grade: String,
    /// What was found about each header, and its points.
    pub findings: Vec<(&'static str, i32)>,
}

/// `B (75 points; csp-missing -25)`
impl std::fmt::Display for Grade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} points", self.grade, self.score)?;
        let bad = self.findings.iter().filter(|(_, points)| *points < 0);
        for (index, (name, points)) in bad.enumerate() {
            write!(f, "{} {name} {points}", if index == 0 { ";" } else { "," })?;
        }
        f.write_str(")")
    }
}

impl Observatory {
    /// The rules as they are kept.
    pub fn read() -> Result<Self, String> {
        serde_saphyr::from_str(include_str!("../vectors/observatory.yaml"))
            .map_err(|error| format!("vectors/observatory.yaml: {error}"))
    }

    /// Grades headers; `header` gives the value of one, by its name in lower case, several joined with commas.
    ///
    /// # Errors
    /// When a finding has no points.
    pub fn grade<'a>(&self, header: impl Fn(&str) -> Option<&'a str>) -> Result<Grade, String> {
        let policy = header("content-security-policy").map(Policy::parse);
        let names = [
            policy.as_ref().map_or("csp-missing", Policy::finding),
            transport(header("strict-transport-security")),
            referrer(header("referrer-policy")),
            sniffing(header("x-content-type-options")),
            match &policy {
                Some(policy) if policy.says("frame-ancestors") => "framing-by-csp",
                _ => framing(header("x-frame-options")),
            },
            resources(header("cross-origin-resource-policy")),
        ];
        let points = |name: &'static str| {
            let points = self.points.get(name).ok_or_else(|| format!("`{name}` has no points"))?;
            Ok((name, *points))
        };
        let findings = names.into_iter().map(points).collect::<Result<Vec<_>, String>>()?;
        let sum = |wanted: fn(i32) -> bool| -> i32 {
            findings.iter().map(|(_, points)| *points).filter(|points| wanted(*points)).sum()
        };
        let plain = 100 + sum(|points| points < 0);
        let extra = if plain >= self.extra_from { sum(|points| points > 0) } else { 0 };
        let score = (plain + extra).max(0);
        let grade = self.grades.range(..=score).next_back().map(|(_, grade)| grade.clone());
        let grade = grade.ok_or_else(|| format!("there is no grade for {score}"))?;
        Ok(Grade { score, grade, findings })
    }
}

fn transport(value: Option<&str>) -> &'static str {
    let Some(value) = value else { return "hsts-missing" };
    let value = value.to_ascii_lowercase();
    let age = value.split(';').find_map(|part| part.trim().strip_prefix("max-age="));
    match age.and_then(|age| age.trim_matches('"').parse::<u64>().ok()) {
        // Two headers are one value with a comma.
        _ if value.contains(',') => "hsts-invalid",
        None => "hsts-invalid",
        Some(age) if age < SIX_MONTHS => "hsts-shorter",
        Some(_) => "hsts-six-months",
    }
}

fn referrer(value: Option<&str>) -> &'static str {
    const PRIVATE: [&str; 4] =
        ["no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"];
    const UNSAFE: [&str; 4] =
        ["origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"];
    let Some(value) = value else { return "referrer-policy-missing" };
    let value = value.to_ascii_lowercase();
    // Browsers take the last one that they know.
    let known = |policy: &&str| PRIVATE.contains(policy) || UNSAFE.contains(policy);
    match value.split(',').map(str::trim).rfind(known) {
        None => "referrer-policy-invalid",
        Some(policy) if PRIVATE.contains(&policy) => "referrer-policy-private",
        Some(_) => "referrer-policy-unsafe",
    }
}

fn sniffing(value: Option<&str>) -> &'static str {
    match value.map(|value| value.trim().to_ascii_lowercase()) {
        None => "nosniff-missing",
        Some(value) if value == "nosniff" => "nosniff",
        Some(_) => "nosniff-invalid",
    }
}

fn framing(value: Option<&str>) -> &'static str {
    match value.map(|value| value.trim().to_ascii_lowercase()) {
        None => "framing-missing",
        Some(value) if value == "deny" || value == "sameorigin" => "framing-by-x-frame-options",
        Some(value) if value.starts_with("allow-from") => "framing-allow-from",
        Some(_) => "framing-invalid",
    }
}

fn resources(value: Option<&str>) -> &'static str {
    match value.map(|value| value.trim().to_ascii_lowercase()).as_deref() {
        None => "resource-policy-missing",
        Some("same-origin") => "resource-policy-same-origin",
        Some("same-site") => "resource-policy-same-site",
        Some("cross-origin") => "resource-policy-cross-origin",
        Some(_) => "resource-policy-invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers, and what the package itself says of them: its results and its grade.
    #[derive(Debug, Deserialize)]
    struct Case {
        headers: BTreeMap<String, String>,
        score: i32,
        grade: String,
    }

    #[test]
    fn headers_are_graded_as_the_observatory_itself_grades_them() {
        let cases: Vec<Case> =
            serde_saphyr::from_str(include_str!("../vectors/observatory-cases.yaml")).unwrap();
        let rules = Observatory::read().unwrap();
        assert!(cases.len() > 20);
        let mut wrong = Vec::new();
        for case in cases {
            let found = rules.grade(|name| case.headers.get(name).map(String::as_str)).unwrap();
            if (found.score, &found.grade) != (case.score, &case.grade) {
                wrong.push(format!("{case:?}: {found}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn an_answer_without_headers_is_graded_badly_and_says_why() {
        let found = Observatory::read().unwrap().grade(|_| None).unwrap();
        assert_eq!(
            found.to_string(),
            "D (30 points; csp-missing -25, hsts-missing -20, nosniff-missing -5, framing-missing -20)"
        );
    }

    #[test]
    fn every_finding_has_points_and_every_rule_that_is_left_out_a_reason() {
        let rules = Observatory::read().unwrap();
        assert!(rules.not_applied.values().all(|reason| !reason.is_empty()));
        assert_eq!(rules.grades.first_key_value().map(|(score, _)| *score), Some(0));
    }
}
