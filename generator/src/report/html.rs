//! The report as one self-contained page.

use proofline_spec::evidence::Overall;
use tera::{Context, Kwargs, State, Tera};

use super::data::ReportData;
use super::{ReportError, ReportInput, chart, text, view};

/// Every template. A name that ends in `.html` is what makes tera escape: keep it.
const TEMPLATES: [(&str, &str); 12] = [
    ("report.html", include_str!("../../templates/report/report.html")),
    ("style.css", include_str!("../../templates/report/style.css")),
    ("top.html", include_str!("../../templates/report/top.html")),
    ("scorecard.html", include_str!("../../templates/report/scorecard.html")),
    ("claims.html", include_str!("../../templates/report/claims.html")),
    ("evidence.html", include_str!("../../templates/report/evidence.html")),
    ("load.html", include_str!("../../templates/report/load.html")),
    ("chart.html", include_str!("../../templates/report/chart.html")),
    ("steps.html", include_str!("../../templates/report/steps.html")),
    ("spec.html", include_str!("../../templates/report/spec.html")),
    ("cost.html", include_str!("../../templates/report/cost.html")),
    ("provenance.html", include_str!("../../templates/report/provenance.html")),
];

/// The page.
pub(super) fn render(input: &ReportInput<'_>, data: &ReportData) -> Result<String, ReportError> {
    let mut tera = Tera::new();
    tera.register_filter("moment", |text: &str, _: Kwargs, _: &State<'_>| text::moment(text));
    tera.register_filter("sentence", |text: &str, _: Kwargs, _: &State<'_>| text::capital(text));
    tera.register_filter("short", |text: &str, _: Kwargs, _: &State<'_>| {
        text.chars().take(12).collect::<String>()
    });
    tera.add_raw_templates(TEMPLATES)?;
    let mut context = Context::new();
    context.insert("data", data);
    context.insert("groups", &view::groups(input, data));
    context.insert("frame", &chart::FRAME);
    context.insert("because", &because(data));
    context.insert("spec_path", input.spec_path);
    Ok(tera.render("report.html", &context)?)
}

/// Why the verdict is what it is, in one sentence made of the counts.
fn because(data: &ReportData) -> String {
    let weighty = |pick: fn(&super::SeverityData) -> u32| -> u32 {
        use proofline_spec::document::Severity;
        data.by_severity.iter().filter(|s| s.severity != Severity::P2).map(pick).sum()
    };
    let (all, verified) = (weighty(|s| s.counts.total()), weighty(|s| s.counts.verified));
    let (failed, unverified) = (weighty(|s| s.counts.failed), weighty(|s| s.counts.unverified));
    let waived = weighty(|s| s.counts.waived);
    match data.verdict {
        Overall::Ready => format!("All {all} P0 and P1 claims are verified."),
        Overall::ReadyWithWaivers => {
            format!("Of {all} P0 and P1 claims, {verified} are verified and {waived} are waived.")
        }
        Overall::NotReady if all == 0 => "The spec has no P0 or P1 claim.".to_owned(),
        Overall::NotReady => format!(
            "Of {all} P0 and P1 claims, {verified} are verified, {failed} failed, {unverified} are unverified and {waived} are waived."
        ),
    }
}
