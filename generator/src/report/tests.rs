//! The report as a whole: every format from made-up inputs, and what must never happen.

use std::collections::BTreeMap;

use proofline_spec::document::{Environment, Service, Severity};
use proofline_spec::evidence::{
    Bench, CheckEvidence, CheckId, CheckOutcome, Digest, Manifest, Overall, Parity, Readiness,
    Verdict, judge,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cyclonedx::{CycloneDxInput, cyclonedx};
use super::fixture::{ENVIRONMENT, Made, NOW, SERVICE, make};
use super::mutants::tests::seen;
use super::{
    BenchData, ClaimPlaces, Elsewhere, NextStep, ReleaseInput, Rendered, ReportData, ReportInput,
    render,
};

const TODAY: &str = "2026-11-21";

fn parsed<T: DeserializeOwned>(text: &str) -> T {
    serde_saphyr::from_str(text).unwrap()
}

/// Nothing says where claims stand.
static NOWHERE: ClaimPlaces = ClaimPlaces::new();

/// No check ran anywhere else.
static NO_PLACE: Elsewhere = Elsewhere { ran: BTreeMap::new(), untried: BTreeMap::new() };

impl Made {
    /// The input of a report with nothing else: no report before, no mutant, no release.
    pub(super) fn input<'a>(&'a self, readiness: &'a Readiness) -> ReportInput<'a> {
        ReportInput {
            service: &self.service,
            spec_path: "spec/services/pantry/service.yaml",
            places: &NOWHERE,
            environment: &self.environment,
            manifest: &self.manifest,
            signed_by: None,
            evidence: &self.evidence,
            readiness,
            previous: None,
            problems: &[],
            parity: None,
            bench: None,
            mutants: None,
            release: None,
            elsewhere: &NO_PLACE,
            now: NOW,
            commits: &[],
        }
    }
}

fn pantry(failing: &[&str], left_out: &[&str]) -> Made {
    make(parsed(SERVICE), parsed(ENVIRONMENT), failing, left_out)
}

fn judged(made: &Made) -> Readiness {
    judge(&made.service, Some(&made.manifest), &made.evidence, None, TODAY)
}

fn rendered(made: &Made, previous: Option<&ReportData>, problems: &[String]) -> Rendered {
    let readiness = judged(made);
    let (mutants, release) = (seen(""), release(""));
    render(&ReportInput {
        places: &places(),
        previous,
        problems,
        mutants: Some(&mutants),
        release: Some(&release),
        commits: &["1f3870b pantry: jars have labels".to_owned()],
        ..made.input(&readiness)
    })
    .unwrap()
}

/// The data of a report with this verdict and these next steps.
pub(super) fn data_with(verdict: Overall, next_steps: Vec<NextStep>) -> ReportData {
    let mut data: ReportData =
        serde_json::from_value(rendered_plainly(&pantry(&[], &[])).json).unwrap();
    (data.verdict, data.next_steps) = (verdict, next_steps);
    data
}

/// Where one claim stands.
fn places() -> ClaimPlaces {
    [("SEC-HEADERS".to_owned(), ("spec/services/common.yaml".to_owned(), 7))].into()
}

/// A report where no mutant was tried, and nothing was released.
fn rendered_plainly(made: &Made) -> Rendered {
    let readiness = judged(made);
    render(&made.input(&readiness)).unwrap()
}

/// A release before with another limit.
fn release(text: &str) -> ReleaseInput {
    let mut service: Service = parsed(SERVICE);
    service.limits["ip"].rate = Some("90/min".parse().unwrap());
    service.service.version = format!("1.1.0{text}");
    ReleaseInput {
        name: format!("tag v1.1.0{text}"),
        commit: format!("aaaabbbbccccdddd{text}"),
        when: Some(NOW.to_owned() + text),
        service: Some(service),
        incomplete: false,
        commits: vec![format!("aaaabbb pantry: fewer requests{text}")],
        more_commits: 0,
    }
}

/// A benchmark of ours and a peer that needs twice the processor time.
fn bench(text: &str) -> BenchData {
    let peer = |name: &str, micros: f64| {
        let round = |factor: f64| json!({"requests_per_second": 9000.0, "processor_micros": micros * factor});
        let peer = json!({
            "name": name, "title": text, "on_workers": true, "memory_mib": [300.4],
            "cold_starts_ms": [40.0, 60.0], "size": {"bytes": 4096, "gzip_bytes": 2048},
            "routes": [{"route": text, "rounds": [round(1.0), round(9.0), round(0.5)]}],
        });
        serde_json::from_value(peer).unwrap()
    };
    let machine = json!({
        "processor": text, "cores": 2, "kernel": text, "load": text, "wrk": text, "rustc": text,
    });
    let method = json!({"rounds": 3, "seconds": 4, "connections": 32, "placement": text});
    let bench = Bench::new(
        NOW.to_owned(),
        text.to_owned(),
        serde_json::from_value(machine).unwrap(),
        serde_json::from_value(method).unwrap(),
        vec![peer("proofline-workerd", 100.0), peer("other", 200.0)],
    );
    BenchData::of(&bench, Digest::of(b"bench"))
}

#[test]
fn speed_is_shown_as_medians_and_ratios_of_the_benchmark_or_as_not_measured() {
    let data = bench("x");
    assert_eq!(data.peers[0].routes[0].micros, "100.0");
    assert_eq!(data.peers[0].routes[0].ratio, None);
    assert_eq!(data.peers[1].routes[0].ratio.as_deref(), Some("2.00"));
    assert_eq!(data.peers[1].cold_start_ms, "50.0");
    assert_eq!(data.peers[1].size_kib, "2");
    let html = rendered(&pantry(&[], &[]), None, &[]).html;
    assert!(html.contains("<p>Not measured. <code>cargo xtask bench</code>"));
}

/// A comparison with a difference that is declared and one that is not.
fn parity(text: &str) -> Parity {
    let difference = |because: Option<&str>| {
        json!({
            "part": "header", "name": text, "values": [text, text], "times": 3, "feature": text,
            "example": text, "because": because,
        })
    };
    serde_json::from_value(json!({
        "environments": [text, text], "runs": [text, text], "scenarios": 7, "requests": 90,
        "deviations": [difference(None), difference(Some(text))], "unseen": [text],
    }))
    .unwrap()
}

/// A report with a claim of every verdict, after one in which all checks passed.
fn mixed() -> Rendered {
    let before = rendered(&pantry(&[], &[]), None, &[]).json;
    let before: ReportData = serde_json::from_value(before).unwrap();
    let now = pantry(&["security/headers", "reliability/cache"], &["observability/logs"]);
    rendered(
        &now,
        Some(&before),
        &["checks/x.json does not have the digest of the manifest".into()],
    )
}

#[test]
fn markdown_says_what_the_inputs_say() {
    insta::assert_snapshot!(mixed().markdown);
}

#[test]
fn json_says_what_the_inputs_say() {
    insta::assert_json_snapshot!(mixed().json);
}

#[test]
fn announcement_is_short_and_plain() {
    insta::assert_snapshot!(mixed().announcement);
}

#[test]
fn json_reads_back_as_the_same_data() {
    let json = mixed().json;
    let data: ReportData = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&data).unwrap(), json);
    assert_eq!(data.counts.total() as usize, data.claims.len());
    assert_eq!(data.verdict, Overall::NotReady);
}

#[test]
fn next_steps_come_gravest_first_and_leave_nothing_out() {
    let data: ReportData = serde_json::from_value(mixed().json).unwrap();
    let severities: Vec<Severity> = data.next_steps.iter().map(|step| step.severity).collect();
    assert!(severities.is_sorted());
    let open = data.claims.iter().filter(|claim| claim.verdict != Verdict::Verified).count();
    assert_eq!(data.next_steps.len(), open);
    assert_eq!(open, 4);
}

#[test]
fn junit_has_a_case_per_claim_and_never_skips_what_is_unverified() {
    let xml = mixed().junit;
    let document = roxmltree::Document::parse(&xml).unwrap();
    let count = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
    assert_eq!(count("testcase"), 9);
    assert_eq!((count("failure"), count("error"), count("skipped")), (1, 2, 1));
    let skipped = document.descendants().find(|node| node.has_tag_name("skipped")).unwrap();
    assert!(!skipped.text().unwrap().is_empty(), "a waiver says why");
    let suites = document.root_element();
    assert_eq!(suites.attribute("tests"), Some("9"));
    let suites = suites.children().filter(roxmltree::Node::is_element);
    let sum = |name: &str| -> usize {
        suites.clone().map(|suite| suite.attribute(name).unwrap().parse::<usize>().unwrap()).sum()
    };
    assert_eq!([sum("tests"), sum("failures"), sum("errors"), sum("skipped")], [9, 1, 2, 1]);
}

#[test]
fn sarif_has_a_result_per_open_claim_and_a_suppression_per_waiver() {
    let sarif = mixed().sarif;
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    let found: Vec<_> = results
        .iter()
        .map(|r| {
            (
                r["ruleId"].as_str().unwrap(),
                r["level"].as_str().unwrap(),
                r.get("suppressions").is_some(),
            )
        })
        .collect();
    let expected = [
        ("SEC-HEADERS", "error", false),
        ("OBS-LOGS", "warning", false),
        ("REL-TX", "warning", false),
        ("REL-CACHE", "error", true),
    ];
    assert_eq!(found, expected);
    for result in results {
        let rule = &run["tool"]["driver"]["rules"]
            [usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        let (file, line) = match result["ruleId"].as_str() {
            Some("SEC-HEADERS") => ("spec/services/common.yaml", 7),
            _ => ("spec/services/pantry/service.yaml", 1),
        };
        assert_eq!(place["artifactLocation"]["uri"], file);
        assert_eq!(place["region"]["startLine"], line);
    }
}

#[test]
fn checks_that_were_never_seen_failing_are_marked_and_change_no_verdict() {
    let made = pantry(&[], &[]);
    let with = rendered(&made, None, &[]);
    assert_eq!(with.html.matches("<span class=\"badge never\">").count(), 7);
    assert!(
        with.html.contains(
            "It is broken (mutant <code>mutant-of-SEC-HEADERS</code>): Then they are there"
        )
    );
    assert!(with.html.contains("6 of 7 checks were never seen failing."));
    assert_eq!(with.json["mutants"][0]["failed_step"], "Then they are there");
    let without = rendered_plainly(&made);
    assert_eq!(without.html.matches("<span class=\"badge never\">").count(), 0);
    let unknown = "Nobody has shown for this spec that these 7 checks can fail: run <code>cargo xtask prove -s pantry -e local</code>.";
    assert!(without.html.contains(unknown));
    assert!(!without.html.contains("never seen failing"), "one statement for all of them");
    assert!(without.markdown.contains("No mutants were tried"));
    assert!(without.html.contains("There is no last release to compare with"));
    assert_eq!(without.json["verdict"], with.json["verdict"]);
    assert_eq!(without.json["score"], with.json["score"]);
}

#[test]
fn change_since_the_last_release_is_on_the_page() {
    let html = mixed().html;
    assert!(html.contains(
        "<span class=\"badge failed\">breaking</span> <code>ip</code> rate is 60/min, was 90/min"
    ));
    assert!(html.contains("aaaabbb pantry: fewer requests"));
}

#[test]
fn first_screen_says_why_and_how_far_the_checks_can_be_trusted() {
    let html = mixed().html;
    let top = html.split("</header>").next().unwrap();
    for part in [
        "Not ready",
        "#claim-SEC-HEADERS",
        "the answer has no header",
        "#claim-REL-TX",
        "6 of 7 checks were never seen failing.",
        "2 changes since tag v1.1.0, 1 of them breaking.",
    ] {
        assert!(top.contains(part), "the first screen lacks {part}");
    }
    for part in [
        "#claim-REL-CACHE",
        "#claim-OBS-LOGS",
        "What was not looked at",
        "This is <code>local</code> (native) and no other environment",
        "it did not show <code>feature/observability/logs</code>",
        "limits: 3 of 3 (ip, user and all)",
        "The rule.",
    ] {
        assert!(top.contains(part), "the first screen lacks {part}");
    }
}

#[test]
fn page_needs_nothing_from_elsewhere() {
    let html = mixed().html;
    for forbidden in ["<script", "<link", "<img", "@import", "url(", " src=", "href=\"http"] {
        assert!(!html.contains(forbidden), "the page holds {forbidden}");
    }
}

#[test]
fn page_names_every_claim_its_reason_and_the_digests_of_its_evidence() {
    let rendered = mixed();
    let data: ReportData = serde_json::from_value(rendered.json).unwrap();
    for claim in &data.claims {
        assert!(rendered.html.contains(&format!("id=\"claim-{}\"", claim.id)));
        for digest in claim.evidence.iter().filter_map(|part| part.sha256) {
            assert!(rendered.html.contains(&digest.to_string()));
        }
    }
    for text in
        ["$1.30", "$64.80", "Sun 22 Nov 2026, 02:00 UTC", "digest of the manifest", "made up"]
    {
        assert!(rendered.html.contains(text), "the page lacks {text}");
    }
}

#[test]
fn long_exchanges_are_capped_and_the_page_says_so() {
    let html = mixed().html;
    assert!(html.contains("41 more exchanges are not shown"), "46 sent, 5 shown");
}

/// What would run, load or break out of an attribute or an element if it were not escaped.
const HOSTILE: &str = "<script>x</script>\"'><img/src=x>&]]>";

/// Puts [`HOSTILE`] after every text of a document, keys included, that can hold it.
fn poisoned<T: Serialize + DeserializeOwned>(document: &T) -> T {
    let mut value = serde_json::to_value(document).unwrap();
    let mut at = 0;
    while let Some(candidate) = poison_nth(&value, at) {
        if serde_json::from_value::<T>(candidate.clone()).is_ok() {
            value = candidate;
        }
        at += 1;
    }
    assert!(at > 0);
    serde_json::from_value(value).unwrap()
}

/// The document with its `n`th text poisoned; `None` when it has fewer.
fn poison_nth(value: &Value, n: usize) -> Option<Value> {
    fn walk(value: &mut Value, left: &mut Option<usize>) {
        match value {
            Value::String(text) => hit(text, left),
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, left)),
            Value::Object(members) => {
                let old = std::mem::take(members);
                for (mut key, mut member) in old {
                    hit(&mut key, left);
                    walk(&mut member, left);
                    members.insert(key, member);
                }
            }
            _ => {}
        }
    }
    fn hit(text: &mut String, left: &mut Option<usize>) {
        match left {
            Some(0) => {
                text.push_str(HOSTILE);
                *left = None;
            }
            Some(n) => *n -= 1,
            None => {}
        }
    }
    let mut value = value.clone();
    let mut left = Some(n);
    walk(&mut value, &mut left);
    left.is_none().then_some(value)
}

#[test]
fn no_text_of_the_inputs_is_markup_in_any_format() {
    let made = pantry(&["security/headers"], &["observability/logs"]);
    let service: Service = poisoned(&made.service);
    let environment: Environment = poisoned(&made.environment);
    let mut again = make(service, environment, &[], &["nothing"]);
    again.manifest = poisoned::<Manifest>(&again.manifest);
    let evidence: Vec<CheckEvidence> = again.evidence.values().map(poisoned).collect();
    // Both the check that the claim asks for and the one that the document names.
    again.evidence = again.evidence.keys().cloned().zip(evidence).collect();
    let true_readiness = judged(&again);
    let mut readiness = poisoned(&true_readiness);
    // Names stay those of the inputs, or no evidence would be found and shown.
    for (claim, named) in readiness.claims.iter_mut().zip(true_readiness.claims) {
        (claim.id, claim.evidence) = (named.id, named.evidence);
    }
    let previous = rendered(&again, None, &[]).json;
    let previous: ReportData = poisoned(&serde_json::from_value::<ReportData>(previous).unwrap());
    let rendered = render(&ReportInput {
        places: &places(),
        spec_path: HOSTILE,
        previous: Some(&previous),
        problems: &[HOSTILE.to_owned()],
        parity: Some(&parity(HOSTILE)),
        bench: Some(&bench(HOSTILE)),
        mutants: Some(&seen(HOSTILE)),
        release: Some(&release(HOSTILE)),
        now: HOSTILE,
        commits: &[HOSTILE.to_owned()],
        ..again.input(&readiness)
    })
    .unwrap();
    for (format, text) in [("html", &rendered.html), ("markdown", &rendered.markdown)] {
        for raw in ["<script", "<img", "\"'>"] {
            assert!(
                !text.contains(raw) || (format == "markdown" && raw == "\"'>"),
                "{format} holds {raw}"
            );
        }
    }
    let hits = rendered.html.matches("&lt;script&gt;").count();
    assert!(hits > 300, "only {hits} hostile texts reached the page");
    let junit = roxmltree::Document::parse(&rendered.junit).unwrap();
    assert!(!junit.descendants().any(|node| node.has_tag_name("script")));
    assert!(rendered.sarif["runs"][0]["results"].as_array().is_some());
}

#[test]
fn five_hundred_claims_are_rendered() {
    let mut service: Service = parsed(SERVICE);
    let claim = service.claims["SEC-HEADERS"].clone();
    for n in 0..500 {
        let mut claim = claim.clone();
        claim.proven_by = vec![
            serde_json::from_value(serde_json::json!({"feature": format!("security/made-up-{n}")}))
                .unwrap(),
        ];
        service.claims.insert(format!("SEC-MADE-UP-{n}"), claim);
    }
    let made = make(service, parsed(ENVIRONMENT), &["7"], &["3"]);
    let html = rendered(&made, None, &[]).html;
    assert_eq!(html.matches("<details class=\"claim").count(), 509);
    assert!(!html.contains("<details open"));
    assert!(html.len() < 20_000_000, "{} bytes", html.len());
}

#[test]
fn report_without_claims_or_evidence_is_not_ready_and_still_rendered() {
    let mut service: Service = parsed(SERVICE);
    service.claims.clear();
    service.routes.clear();
    let made = make(service, parsed(ENVIRONMENT), &[], &[]);
    let rendered = rendered(&made, None, &[]);
    assert!(rendered.html.contains("Not ready"));
    assert_eq!(rendered.json["score"]["percent"], 0);
}

fn rank(overall: Overall) -> u8 {
    match overall {
        Overall::NotReady => 0,
        Overall::ReadyWithWaivers => 1,
        Overall::Ready => 2,
    }
}

proptest! {
    #[test]
    fn removing_evidence_never_raises_a_score_or_the_verdict(
        outcomes in proptest::collection::vec(0..4_u8, 16),
        kept in proptest::collection::vec(any::<bool>(), 16),
    ) {
        let mut made = pantry(&[], &[]);
        made.service.claims.shift_remove("REL-TX");
        for (evidence, outcome) in made.evidence.values_mut().zip(outcomes) {
            evidence.outcome = match outcome {
                0 => CheckOutcome::Failed,
                1 => CheckOutcome::Inconclusive("made up".into()),
                _ => CheckOutcome::Passed,
            };
        }
        let all = judged(&made);
        let mut kept = kept.into_iter();
        let fewer: BTreeMap<CheckId, CheckEvidence> =
            made.evidence.clone().into_iter().filter(|_| kept.next().unwrap_or(false)).collect();
        let fewer = judge(&made.service, Some(&made.manifest), &fewer, None, TODAY);
        prop_assert!(fewer.score.verified <= all.score.verified);
        prop_assert!(fewer.score.with_waivers <= all.score.with_waivers);
        prop_assert!(fewer.score.percent() <= all.score.percent());
        prop_assert!(rank(fewer.overall) <= rank(all.overall));
        for ((_, few, _), (_, many, _)) in fewer.by_category.iter().zip(&all.by_category) {
            prop_assert!(few.verified <= many.verified);
        }
    }
}

#[test]
fn differences_between_environments_are_shown_with_what_the_spec_says_about_them() {
    let made = pantry(&[], &[]);
    let readiness = judged(&made);
    let rendered = render(&ReportInput {
        parity: Some(&parity("elsewhere")),
        bench: Some(&bench("elsewhere")),
        ..made.input(&readiness)
    })
    .unwrap();
    let html = &rendered.html;
    assert!(html.contains("7 scenarios and 90 requests"));
    assert!(html.contains("<td><span class=\"badge failed\">no</span></td>"));
    assert!(html.contains("<td>elsewhere</td></tr>"));
    assert_eq!(rendered.json["parity"]["deviations"][0]["times"], 3);
}

#[test]
fn line_of_a_check_list_is_as_true_as_the_worst_of_its_claims() {
    let rendered = mixed();
    let data: ReportData = serde_json::from_value(rendered.json.clone()).unwrap();
    let list = &data.checklists[0];
    let verdict = |id: &str| data.claims.iter().find(|claim| claim.id == id).unwrap().verdict;
    for line in &list.lines {
        let worst = line.claims.iter().map(|(id, _)| verdict(id)).min();
        assert_eq!(Some(line.verdict), worst, "{}", line.text);
        assert!(rendered.html.contains(&line.text) && rendered.markdown.contains(&line.text));
    }
    let verdicts: std::collections::BTreeSet<_> =
        list.lines.iter().map(|line| line.verdict).collect();
    assert!(verdicts.len() > 1, "the fixture tells no verdicts apart: {verdicts:?}");
    assert_eq!(
        list.verified,
        list.lines.iter().filter(|line| line.verdict == Verdict::Verified).count()
    );
}

/// The made-up run as `CycloneDX` declarations.
fn declared(made: &Made) -> Value {
    let files = [("manifest.json".to_owned(), Digest::of(b"manifest"))].into();
    cyclonedx(&CycloneDxInput {
        service: &made.service,
        manifest: &made.manifest,
        evidence: &made.evidence,
        readiness: &judged(made),
        files: &files,
    })
}

/// The suite `cyclonedx` has the published schema judge this very file.
#[test]
fn declarations_say_what_the_inputs_say() {
    let made = pantry(&["security/headers", "reliability/cache"], &["observability/logs"]);
    let text = serde_json::to_string_pretty(&declared(&made)).unwrap() + "\n";
    insta::assert_binary_snapshot!("cyclonedx.json", text.into_bytes());
}

/// The suite `formats` has published schemas judge these very files.
#[test]
fn files_for_ci_say_what_the_inputs_say() {
    let rendered = mixed();
    let sarif = serde_json::to_string_pretty(&rendered.sarif).unwrap() + "\n";
    insta::assert_binary_snapshot!("sarif.json", sarif.into_bytes());
    insta::assert_binary_snapshot!("junit.xml", rendered.junit.into_bytes());
}

/// Every string below a key of this name.
fn under<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| under(item, keys, found)),
        Value::Object(members) => {
            for (key, value) in members {
                let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                if keys.contains(&key.as_str()) {
                    found.extend(items.iter().filter_map(Value::as_str));
                }
                under(value, keys, found);
            }
        }
        _ => {}
    }
}

#[test]
fn declarations_refer_only_to_what_they_hold_and_name_nothing_twice() {
    let document = declared(&pantry(&["security/headers"], &["observability/logs"]));
    let (mut names, mut references) = (Vec::new(), Vec::new());
    under(&document, &["bom-ref"], &mut names);
    let keys = [
        "requirement",
        "claims",
        "counterClaims",
        "evidence",
        "counterEvidence",
        "target",
        "assessor",
    ];
    under(&document, &keys, &mut references);
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands for two things");
    assert!(references.len() > count);
    for reference in references {
        assert!(names.contains(&reference), "{reference} is nowhere");
    }
}

#[test]
fn declarations_claim_only_what_is_verified_and_counter_only_what_failed() {
    let made = pantry(&["security/headers"], &["observability/logs"]);
    let document = declared(&made);
    let map = document["declarations"]["attestations"][0]["map"].as_array().unwrap();
    let readiness = judged(&made);
    assert_eq!(map.len(), readiness.claims.len());
    for (mapped, claim) in map.iter().zip(&readiness.claims) {
        let states = (mapped.get("claims").is_some(), mapped.get("counterClaims").is_some());
        let expected = match claim.without_waiver {
            Verdict::Verified => (true, false),
            Verdict::Failed => (false, true),
            Verdict::Unverified | Verdict::Waived => (false, false),
        };
        assert_eq!(states, expected, "{}", claim.id);
        let score = mapped["conformance"]["score"].as_u64().unwrap();
        assert_eq!(score == 1, claim.without_waiver == Verdict::Verified, "{}", claim.id);
        let rationale = mapped["conformance"]["rationale"].as_str().unwrap();
        assert!(rationale.starts_with(claim.verdict.name()), "{rationale}");
    }
    for verdict in [Verdict::Verified, Verdict::Failed, Verdict::Unverified] {
        assert!(
            readiness.claims.iter().any(|claim| claim.without_waiver == verdict),
            "the control"
        );
    }
}
