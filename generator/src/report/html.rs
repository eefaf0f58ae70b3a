//! The report as one self-contained page.

use proofline_spec::evidence::Overall;
use tera::{Context, Kwargs, State, Tera, Value};

use super::data::{Change, ReportData};
use super::{ReportError, ReportInput, chart, text, top, view};

/// Every template. A name that ends in `.html` is what makes tera escape: keep it.
const TEMPLATES: [(&str, &str); 19] = [
    ("report.html", include_str!("../../templates/report/report.html")),
    ("style.css", include_str!("../../templates/report/style.css")),
    ("top.html", include_str!("../../templates/report/top.html")),
    ("scorecard.html", include_str!("../../templates/report/scorecard.html")),
    ("checklists.html", include_str!("../../templates/report/checklists.html")),
    ("claims.html", include_str!("../../templates/report/claims.html")),
    ("evidence.html", include_str!("../../templates/report/evidence.html")),
    ("load.html", include_str!("../../templates/report/load.html")),
    ("chart.html", include_str!("../../templates/report/chart.html")),
    ("mutants.html", include_str!("../../templates/report/mutants.html")),
    ("release.html", include_str!("../../templates/report/release.html")),
    ("steps.html", include_str!("../../templates/report/steps.html")),
    ("capacity.html", include_str!("../../templates/report/capacity.html")),
    ("coverage.html", include_str!("../../templates/report/coverage.html")),
    ("spec.html", include_str!("../../templates/report/spec.html")),
    ("cost.html", include_str!("../../templates/report/cost.html")),
    ("bench.html", include_str!("../../templates/report/bench.html")),
    ("parity.html", include_str!("../../templates/report/parity.html")),
    ("provenance.html", include_str!("../../templates/report/provenance.html")),
];

/// The page.
pub(super) fn render(input: &ReportInput<'_>, data: &ReportData) -> Result<String, ReportError> {
    let mut tera = engine();
    tera.add_raw_templates(TEMPLATES)?;
    let mut context = Context::new();
    context.insert("data", data);
    context.insert("groups", &view::groups(input, data));
    context.insert("frame", &chart::FRAME);
    context.insert("because", &because(data));
    context.insert("spec_path", input.spec_path);
    let (open, more_open) = top::open_claims(data);
    context.insert("open", &open);
    context.insert("more_open", &more_open);
    context.insert("claims_changed", &data.change.as_ref().and_then(Change::claims));
    context.insert("never_sentence", &data.seen_failing.sentence());
    let release = data.release.as_ref().map(super::release::ReleaseChange::sentence);
    context.insert("release_sentence", &release);
    context.insert("never_unknown", &data.seen_failing.unknown());
    Ok(tera.render("report.html", &context)?)
}

/// What every page's templates can say.
pub(super) fn engine() -> Tera {
    let mut tera = Tera::new();
    tera.register_filter("moment", |text: &str, _: Kwargs, _: &State<'_>| text::moment(text));
    tera.register_filter("sentence", |text: &str, _: Kwargs, _: &State<'_>| text::capital(text));
    tera.register_filter("prose", |text: &str, _: Kwargs, _: &State<'_>| prose(text));
    tera.register_filter("short", |text: &str, _: Kwargs, _: &State<'_>| {
        text.chars().take(12).collect::<String>()
    });
    tera.register_filter("micros", |us: u64, _: Kwargs, _: &State<'_>| text::micros(us));
    tera.register_filter("millis", |ms: u64, _: Kwargs, _: &State<'_>| text::millis(ms));
    tera.register_filter("grouped", |count: u64, _: Kwargs, _: &State<'_>| text::grouped(count));
    tera
}

/// A message as a sentence, with its `code` marked as such; everything in it is escaped here.
fn prose(text: &str) -> Value {
    let text = text::capital(text);
    let parts: Vec<&str> = text.split('`').collect();
    let mut html = String::with_capacity(text.len() + 16);
    for (at, part) in parts.iter().enumerate() {
        // A last backtick without a partner is only a backtick.
        let code = at % 2 == 1 && at + 1 < parts.len();
        html.push_str(if code {
            "<code>"
        } else if at % 2 == 1 {
            "`"
        } else {
            ""
        });
        html.push_str(&escaped(part));
        html.push_str(if code { "</code>" } else { "" });
    }
    Value::safe_string(&html)
}

fn escaped(text: &str) -> String {
    let mut html = Vec::with_capacity(text.len());
    // Writing into memory does not fail.
    let _ = tera::escape_html(text, &mut html);
    String::from_utf8_lossy(&html).into_owned()
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
            "Of {all} P0 and P1 claims {verified} are verified; {failed} failed, {unverified} unverified, {waived} waived."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn code_in_messages_is_marked_and_nothing_in_it_is_markup() {
        assert_eq!(prose("`a<b>` is & 1").to_string(), "<code>a&lt;b&gt;</code> is &amp; 1");
        assert_eq!(prose("one ` only").to_string(), "One ` only");
        assert_eq!(prose("`a` and `<b").to_string(), "<code>a</code> and `&lt;b");
    }
}
