//! A run as `CycloneDX` 1.6 declarations, for tools that read those: each claim is a requirement, and the run attests it.
//!
//! `CycloneDX` has no word for "it is not known": such a requirement has neither a claim nor a counter-claim, conforms by
//! 0, and its rationale says so. What failed has a counter-claim with its evidence. Our own four states are in `properties`.

use std::collections::BTreeMap;

use proofline_spec::document::Service;
use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckOutcome, ClaimVerdict, Digest, Manifest, Readiness, Verdict,
};
use serde_json::{Value, json};

/// What was checked, and what names it in the document.
const TARGET: &str = "target";
const SERVICE: &str = "service";
const ASSESSOR: &str = "assessor";

/// Everything that the document is made from.
#[derive(Debug)]
pub struct CycloneDxInput<'a> {
    /// The checked spec.
    pub service: &'a Service,
    /// What the run was about.
    pub manifest: &'a Manifest,
    /// The evidence whose digests agree with the manifest.
    pub evidence: &'a BTreeMap<CheckId, CheckEvidence>,
    /// The verdicts, computed from the same evidence.
    pub readiness: &'a Readiness,
    /// Files beside the documents, by path, with their digests: the manifest, the verdicts, the signature.
    pub files: &'a BTreeMap<String, Digest>,
}

/// The document; the same run gives the same bytes.
pub fn cyclonedx(input: &CycloneDxInput<'_>) -> Value {
    let manifest = input.manifest;
    let tool =
        json!({"type": "application", "name": "proofline", "version": manifest.tool_version});
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(input),
        "version": 1,
        "metadata": {
            "timestamp": manifest.finished_at,
            "tools": {"components": [tool]},
            "component": {
                "type": "application",
                "bom-ref": SERVICE,
                "name": manifest.service,
                "version": manifest.spec_version,
                "description": input.service.service.summary,
            },
            "properties": metadata(manifest, input.readiness),
        },
        "externalReferences": files(input),
        "declarations": declarations(input),
        "definitions": {"standards": [standard(input)]},
    })
}

/// A UUID of version 8 (RFC 9562) made of the digests of the run's files, so that it is the run's own.
fn serial_number(input: &CycloneDxInput<'_>) -> String {
    let parts = input.files.iter().map(|(name, digest)| (name.as_str(), &digest.as_bytes()[..]));
    let digest = Digest::of_parts(parts.chain([("run", input.manifest.run.as_bytes())]));
    // The version is 8, and the variant `a`; every other digit is the digest's.
    let hex = digest.to_string();
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    )
}

fn property(name: &str, value: impl std::fmt::Display) -> Value {
    json!({"name": format!("proofline:{name}"), "value": value.to_string()})
}

fn metadata(manifest: &Manifest, readiness: &Readiness) -> Vec<Value> {
    let counts = readiness.counts;
    let mut properties = vec![
        property("run", &manifest.run),
        property("environment", &manifest.environment),
        property("spec-digest", manifest.spec_digest),
        property("started-at", &manifest.started_at),
        property("interrupted", manifest.interrupted),
        property("uncommitted-changes", manifest.dirty),
        property("verdict", readiness.overall.name()),
        property("score-percent", readiness.score.percent()),
        property("verified", counts.verified),
        property("failed", counts.failed),
        property("unverified", counts.unverified),
        property("waived", counts.waived),
    ];
    properties.extend(manifest.generated_digest.map(|digest| property("generated-digest", digest)));
    properties.extend(manifest.commit.as_ref().map(|commit| property("commit", commit)));
    properties
}

/// Every file of the run with its digest.
fn files(input: &CycloneDxInput<'_>) -> Vec<Value> {
    let documents = input.manifest.documents.iter().map(|entry| (&entry.path, entry.sha256));
    let others = input.files.iter().map(|(path, digest)| (path, *digest));
    others
        .chain(documents)
        .map(|(path, digest)| {
            let kind = if path == "attestation.json" { "attestation" } else { "evidence" };
            json!({"type": kind, "url": path, "hashes": [{"alg": "SHA-256", "content": digest.to_string()}]})
        })
        .collect()
}

fn declarations(input: &CycloneDxInput<'_>) -> Value {
    let readiness = input.readiness;
    let summary = format!(
        "{} {} on {}: {}; {}",
        input.manifest.service,
        input.manifest.spec_version,
        input.manifest.environment,
        readiness.overall.name(),
        readiness.counts,
    );
    let decided = readiness.claims.iter().filter(|claim| is_decided(claim));
    json!({
        "assessors": [{
            "bom-ref": ASSESSOR,
            "thirdParty": false,
            "organization": {"name": format!("proofline {}", input.manifest.tool_version)},
        }],
        "attestations": [{
            "summary": summary,
            "assessor": ASSESSOR,
            "map": readiness.claims.iter().map(mapped).collect::<Vec<_>>(),
        }],
        "claims": decided.map(|claim| of_claim(input, claim)).collect::<Vec<_>>(),
        "evidence": input.evidence.values().map(|check| of_check(input, check)).collect::<Vec<_>>(),
        "targets": {"services": [{
            "bom-ref": TARGET,
            "name": input.manifest.service,
            "version": input.manifest.reported_version.as_ref().unwrap_or(&input.manifest.spec_version),
            "endpoints": [input.manifest.url],
        }]},
    })
}

/// Whether evidence says something about it, for or against; a waiver changes nothing about that.
fn is_decided(claim: &ClaimVerdict) -> bool {
    matches!(claim.without_waiver, Verdict::Verified | Verdict::Failed)
}

/// What the attestation says about the requirement that a claim is.
fn mapped(claim: &ClaimVerdict) -> Value {
    let holds = claim.without_waiver == Verdict::Verified;
    let mut mapped = json!({
        "requirement": requirement_ref(&claim.id),
        "conformance": {
            "score": u8::from(holds),
            "rationale": format!("{}: {}", claim.verdict.name(), claim.reason),
        },
    });
    match claim.without_waiver {
        Verdict::Verified => mapped["claims"] = json!([claim_ref(&claim.id)]),
        Verdict::Failed => mapped["counterClaims"] = json!([claim_ref(&claim.id)]),
        Verdict::Unverified | Verdict::Waived => {}
    }
    mapped
}

fn of_claim(input: &CycloneDxInput<'_>, claim: &ClaimVerdict) -> Value {
    let statement = statement(input, &claim.id);
    let failed = claim.without_waiver == Verdict::Failed;
    // A load check passes or fails by its own limits; a claim may set others. So of a failed claim only what passed
    // without being a load test speaks for it.
    let (against, supports): (Vec<&CheckId>, Vec<&CheckId>) = claim
        .evidence
        .iter()
        .filter(|check| input.evidence.contains_key(*check))
        .partition(|check| failed && !passed_as_a_feature(input, check));
    let refs = |checks: Vec<&CheckId>| -> Vec<String> {
        let mut refs: Vec<String> = checks.into_iter().map(evidence_ref).collect();
        refs.dedup();
        refs
    };
    json!({
        "bom-ref": claim_ref(&claim.id),
        "target": TARGET,
        "predicate": statement,
        "reasoning": claim.reason,
        "evidence": refs(supports),
        "counterEvidence": refs(against),
    })
}

fn passed_as_a_feature(input: &CycloneDxInput<'_>, check: &CheckId) -> bool {
    let found = input.evidence.get(check);
    found.is_some_and(|found| found.outcome == CheckOutcome::Passed && found.load.is_none())
}

fn of_check(input: &CycloneDxInput<'_>, check: &CheckEvidence) -> Value {
    let documents = input.manifest.documents.iter().filter(|entry| entry.check == check.check);
    let data: Vec<Value> = documents
        .map(|entry| json!({"name": entry.path, "contents": {"url": entry.path}, "classification": "evidence"}))
        .collect();
    json!({
        "bom-ref": evidence_ref(&check.check),
        "propertyName": format!("proofline:{}", check.check),
        "description": format!("{}: {}", check.outcome.name(), check.summary),
        "data": data,
        "created": check.started_at,
        "author": {"name": format!("proofline {}", input.manifest.tool_version)},
    })
}

/// The spec's claims as a standard of its own.
fn standard(input: &CycloneDxInput<'_>) -> Value {
    let requirement = |claim: &ClaimVerdict| {
        let said = input.service.claims.get(&claim.id);
        let mut properties = vec![
            property("severity", claim.severity),
            property("category", claim.category),
            property("verdict", claim.verdict.name()),
        ];
        let maps = said.into_iter().flat_map(|claim| &claim.maps);
        properties.extend(maps.map(|id| property("answers-to", id)));
        let references = said.into_iter().flat_map(|claim| &claim.references);
        properties.extend(references.map(|text| property("reference", text)));
        json!({
            "bom-ref": requirement_ref(&claim.id),
            "identifier": claim.id,
            "text": statement(input, &claim.id),
            "properties": properties,
        })
    };
    json!({
        "bom-ref": "standard",
        "name": format!("Claims of {}", input.manifest.service),
        "version": input.manifest.spec_version,
        "description": format!("What its spec with the digest {} claims.", input.manifest.spec_digest),
        "owner": input.manifest.service,
        "requirements": input.readiness.claims.iter().map(requirement).collect::<Vec<_>>(),
    })
}

fn statement<'a>(input: &'a CycloneDxInput<'_>, id: &'a str) -> &'a str {
    input.service.claims.get(id).map_or(id, |claim| claim.statement.as_str())
}

fn claim_ref(id: &str) -> String {
    format!("claim:{id}")
}

fn requirement_ref(id: &str) -> String {
    format!("requirement:{id}")
}

fn evidence_ref(check: &CheckId) -> String {
    format!("evidence:{check}")
}
