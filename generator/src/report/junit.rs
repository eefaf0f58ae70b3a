//! The report as `JUnit` XML: a test case per claim. What is not verified is an error, never skipped.

use std::fmt::Write as _;

use proofline_spec::document::Category;
use proofline_spec::evidence::Verdict;

use super::data::{ClaimData, ReportData};

/// The document.
pub(super) fn render(data: &ReportData) -> String {
    let name =
        format!("{} {} on {}", data.service.name, data.service.version, data.environment.name);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let claims: Vec<_> = data.claims.iter().collect();
    let counts = totals(&claims);
    let _ = writeln!(xml, "<testsuites name=\"{}\"{counts}>", escaped(&name));
    for category in Category::ALL {
        let claims: Vec<_> = claims.iter().copied().filter(|c| c.category == category).collect();
        if !claims.is_empty() {
            suite(&mut xml, data, category, &claims);
        }
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, data: &ReportData, category: Category, claims: &[&ClaimData]) {
    let when = escaped(&data.run.started_at);
    let totals = totals(claims);
    // Only a suite may count what was skipped.
    let skipped = count(claims, Verdict::Waived);
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{category}\" timestamp=\"{when}\"{totals} skipped=\"{skipped}\">"
    );
    for claim in claims {
        case(xml, category, claim);
    }
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, category: Category, claim: &ClaimData) {
    let name = escaped(&format!("{}: {}", claim.id, claim.statement));
    let _ = write!(xml, "    <testcase classname=\"{category}\" name=\"{name}\"");
    let element = match claim.verdict {
        Verdict::Verified => {
            xml.push_str("/>\n");
            return;
        }
        Verdict::Failed => "failure",
        Verdict::Unverified => "error",
        Verdict::Waived => "skipped",
    };
    let reason = escaped(&claim.reason);
    if claim.verdict == Verdict::Waived {
        // The schema that Jenkins published knows no message here.
        let _ = writeln!(xml, ">\n      <{element}>{reason}</{element}>");
    } else {
        let _ = write!(xml, ">\n      <{element} message=\"{reason}\"");
        let _ = writeln!(xml, " type=\"{}\">{}</{element}>", claim.severity, escaped(&body(claim)));
    }
    xml.push_str("    </testcase>\n");
}

fn body(claim: &ClaimData) -> String {
    let mut text = format!("{}\n", claim.reason);
    for part in &claim.evidence {
        let digest =
            part.sha256.map_or_else(|| "no document".to_owned(), |d| format!("sha256 {d}"));
        let _ = writeln!(text, "{}: {}, {digest}", part.check, part.outcome);
    }
    text
}

fn totals(claims: &[&ClaimData]) -> String {
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        claims.len(),
        count(claims, Verdict::Failed),
        count(claims, Verdict::Unverified),
    )
}

fn count(claims: &[&ClaimData], verdict: Verdict) -> usize {
    claims.iter().filter(|claim| claim.verdict == verdict).count()
}

/// Text for content and attributes; characters that XML 1.0 cannot hold become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(
            escaped("<a b=\"c\">&'\u{1}\n"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\u{fffd}&#10;"
        );
    }
}
