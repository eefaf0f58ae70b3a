//! The report as SARIF 2.1.0: a result per claim that failed, is unverified or waived.

use std::fmt::Write as _;

use proofline_spec::document::Severity;
use proofline_spec::evidence::Verdict;
use serde_json::{Value, json};

use super::ClaimPlaces;
use super::data::{ClaimData, ReportData};

/// The log, with one run.
pub(super) fn render(data: &ReportData, spec_path: &str, places: &ClaimPlaces) -> Value {
    let rules: Vec<Value> = data.claims.iter().map(rule).collect();
    let results: Vec<Value> = data
        .claims
        .iter()
        .enumerate()
        .filter(|(_, claim)| claim.verdict != Verdict::Verified)
        .map(|(index, claim)| result(data, claim, index, &place(claim, spec_path, places)))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "proofline",
                "version": data.run.tool_version,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "automationDetails": {"id": format!("proofline/{}/{}", data.service.name, data.environment.name)},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(claim: &ClaimData) -> Value {
    let level = match claim.severity {
        Severity::P0 | Severity::P1 => "error",
        Severity::P2 => "warning",
    };
    json!({
        "id": claim.id,
        "shortDescription": {"text": claim.statement},
        "defaultConfiguration": {"level": level},
        "properties": {
            "severity": claim.severity,
            "category": claim.category,
            "tags": claim.maps.iter().chain(&claim.references).collect::<Vec<_>>(),
        },
    })
}

/// Where a claim stands, as a `physicalLocation`. Code scanning shows nothing without a line.
fn place(claim: &ClaimData, spec_path: &str, places: &ClaimPlaces) -> Value {
    let whole = (spec_path.to_owned(), 1);
    let (path, line) = places.get(&claim.id).unwrap_or(&whole);
    let end = claim.id.chars().count() + 3;
    json!({
        "artifactLocation": {"uri": uri(path)},
        "region": {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": end},
    })
}

fn result(data: &ReportData, claim: &ClaimData, index: usize, place: &Value) -> Value {
    // A waiver suppresses what the verdict would be without it.
    let level = match claim.without_waiver {
        Verdict::Failed => "error",
        Verdict::Unverified | Verdict::Waived => "warning",
        Verdict::Verified => "note",
    };
    let mut result = json!({
        "ruleId": claim.id,
        "ruleIndex": index,
        "level": level,
        "message": {"text": format!("{} is {}: {}", claim.id, claim.verdict.name(), claim.reason)},
        "locations": [{
            "physicalLocation": place,
            "logicalLocations": [{"fullyQualifiedName": format!("claims.{}", claim.id)}],
        }],
        "partialFingerprints": {
            "claim/v1": format!("{}/{}/{}", data.service.name, data.environment.name, claim.id),
        },
    });
    if claim.verdict == Verdict::Waived {
        let justification = claim.waiver.as_ref().map_or_else(
            || claim.reason.clone(),
            |waiver| format!("{}, until {}: {}", waiver.owner, waiver.expires, waiver.reason),
        );
        result["suppressions"] =
            json!([{"kind": "external", "status": "accepted", "justification": justification}]);
    }
    result
}

/// A path as a relative URI reference: everything but unreserved characters and `/` is encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
