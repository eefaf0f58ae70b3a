//! Writes a report of made-up evidence into a folder, so that its look can be judged: `report_demo FOLDER [SPEC]`, or
//! `report_demo FOLDER --claims COUNT` for one with so many claims.

#[path = "../src/report/fixture.rs"]
mod fixture;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use proofline_generator::report::{
    ClaimPlaces, Rendered, ReportData, ReportInput, cost_ceiling, render,
};
use proofline_spec::document::{Claim, Proof, Service};
use proofline_spec::evidence::judge;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: report_demo FOLDER [SPEC | --claims COUNT]")?;
    let service = match arguments.next().as_deref() {
        Some("--claims") => {
            let count = arguments.next().ok_or("--claims needs a count")?.parse()?;
            with_claims(serde_saphyr::from_str(fixture::SERVICE)?, count)
        }
        Some(path) => serde_saphyr::from_str(&std::fs::read_to_string(path)?)?,
        None => serde_saphyr::from_str(fixture::SERVICE)?,
    };
    let before =
        report(&service, &["security/cors", "security/errors"], &["security/https"], None)?;
    let before: ReportData = serde_json::from_value(before.json)?;
    let now = report(&service, &["security/headers"], &["security/https"], Some(&before))?;
    std::fs::create_dir_all(&folder)?;
    let folder = Path::new(&folder);
    write(folder, "report.html", &now.html)?;
    write(folder, "report.md", &now.markdown)?;
    write(folder, "report.json", &serde_json::to_string_pretty(&now.json)?)?;
    write(folder, "report.junit.xml", &now.junit)?;
    write(folder, "report.sarif", &serde_json::to_string_pretty(&now.sarif)?)
}

/// The service with so many claims, each with a check of its own.
fn with_claims(mut service: Service, count: usize) -> Service {
    let given: Vec<(String, Claim)> = service.claims.clone().into_iter().collect();
    for n in given.len()..count {
        let (id, claim) = &given[n % given.len()];
        let mut claim = claim.clone();
        for proof in &mut claim.proven_by {
            if let Proof::Feature(name) = proof {
                *name = format!("{name}-{n}");
            }
        }
        service.claims.insert(format!("{id}-{n}"), claim);
    }
    service.claims.truncate(count);
    service
}

fn report(
    service: &Service,
    failing: &[&str],
    left_out: &[&str],
    previous: Option<&ReportData>,
) -> Result<Rendered, Box<dyn Error>> {
    let environment = serde_saphyr::from_str(fixture::ENVIRONMENT)?;
    let made = fixture::make(service.clone(), environment, failing, left_out);
    let readiness = judge(&made.service, Some(&made.manifest), &made.evidence, None, "2026-11-21");
    Ok(render(&ReportInput {
        service: &made.service,
        spec_path: "spec/services/demo/service.yaml",
        places: &ClaimPlaces::default(),
        environment: &made.environment,
        manifest: &made.manifest,
        evidence: &made.evidence,
        readiness: &readiness,
        previous,
        problems: &["This evidence is made up, to show what a report looks like.".to_owned()],
        parity: None,
        bench: None,
        mutants: None,
        release: None,
        elsewhere: &proofline_generator::report::Elsewhere::default(),
        signed_by: None,
        now: fixture::NOW,
        commits: &["1f3870b made up: the report has an example".to_owned()],
    })?)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(folder.join(name))?;
    Ok(())
}
