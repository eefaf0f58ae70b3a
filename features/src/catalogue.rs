//! The features of the catalogue, and the rules that their texts keep.

use cucumber::gherkin::{Feature, GherkinEnv, Scenario};
use cucumber::step::Collection;

use crate::needs;
use crate::world::World;

macro_rules! catalogue {
    ($($name:literal,)*) => {
        /// Name and text of every feature.
        pub const TEXTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../catalogue/", $name, ".feature"))),)*];
    };
}

catalogue! {
    "observability/configuration",
    "observability/correlation",
    "observability/figures",
    "observability/health",
    "observability/liveness",
    "observability/logs",
    "observability/readiness",
    "observability/request-records",
    "performance/cache-lifetime",
    "performance/upload",
    "reliability/atomicity",
    "reliability/cache",
    "reliability/download",
    "reliability/flags",
    "reliability/isolation",
    "reliability/live-sessions",
    "reliability/progress",
    "reliability/queue",
    "reliability/replicas",
    "reliability/rollback",
    "reliability/search",
    "reliability/shutdown",
    "reliability/switches",
    "reliability/tasks",
    "reliability/timeout",
    "reliability/upstream",
    "security/cors",
    "security/errors",
    "security/function-authorisation",
    "security/headers",
    "security/https",
    "security/inventory",
    "security/jwt",
    "security/lti",
    "security/markup",
    "security/mass-assignment",
    "security/object-authorisation",
    "security/overdraw",
    "security/rate-limit-endpoint",
    "security/rate-limit-global",
    "security/rate-limit-health",
    "security/rate-limit-ip",
    "security/rate-limit-key",
    "security/rate-limit-user",
    "security/request-forgery",
    "security/smuggling",
    "security/sql-injection",
    "security/state",
    "security/upload",
    "security/upload-size",
    "security/validation",
    "security/webhook",
}

/// Parses the text of a feature.
pub fn parse(name: &str, text: &str) -> Result<Feature, String> {
    let mut feature = Feature::parse(text, GherkinEnv::default())
        .map_err(|error| format!("catalogue/{name}.feature: {error}"))?;
    feature.path = Some(format!("catalogue/{name}.feature").into());
    Ok(feature)
}

/// The feature of that name.
pub fn feature(name: &str) -> Option<Result<Feature, String>> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(name, text)| parse(name, text))
}

/// Every problem of a feature's text: what would be counted as passed although it checks nothing, for a start.
pub fn lint(name: &str, text: &str, steps: &Collection<World>) -> Vec<String> {
    let feature = match parse(name, text) {
        Ok(feature) => feature,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::new();
    let mut report = |line: usize, problem: &str| {
        problems.push(format!("catalogue/{name}.feature:{line}: {problem}"));
    };
    if feature.scenarios.is_empty() {
        report(feature.position.line, "the feature has no scenario");
    }
    if !feature.rules.is_empty() {
        report(
            feature.position.line,
            "rules are not used here: their scenarios would not be counted",
        );
    }
    for line in feature.description.as_deref().unwrap_or_default().lines().map(str::trim) {
        let keyword = ["Scen", "Exam", "Given ", "When ", "Then ", "And ", "Background", "Rule"];
        if keyword.iter().any(|word| line.starts_with(word)) {
            report(
                feature.position.line,
                &format!("`{line}` is read as description: is a keyword misspelt?"),
            );
        }
    }
    for tag in &feature.tags {
        lint_tag(tag, &mut |problem| report(feature.position.line, problem));
    }
    for (index, scenario) in feature.scenarios.iter().enumerate() {
        let line = scenario.position.line;
        lint_scenario(scenario, steps, &mut report);
        if feature.scenarios[..index].iter().any(|other| other.name == scenario.name) {
            report(line, "another scenario has the same name");
        }
    }
    problems
}

fn lint_scenario(
    scenario: &Scenario,
    steps: &Collection<World>,
    report: &mut impl FnMut(usize, &str),
) {
    use cucumber::gherkin::StepType;
    let line = scenario.position.line;
    for tag in &scenario.tags {
        lint_tag(tag, &mut |problem| report(line, problem));
    }
    if scenario.steps.is_empty() {
        report(line, "the scenario has no steps: it would pass");
    } else if !scenario.steps.iter().any(|step| step.ty == StepType::Then) {
        report(line, "the scenario has no `Then`: it checks nothing");
    }
    if !scenario.examples.is_empty() {
        report(line, "outlines are not used here: their examples would not be counted");
    }
    for step in &scenario.steps {
        match steps.find(step) {
            Ok(Some(_)) => {}
            Ok(None) => report(step.position.line, &format!("no step is called `{}`", step.value)),
            Err(_) => {
                report(step.position.line, &format!("several steps are called `{}`", step.value));
            }
        }
    }
}

fn lint_tag(tag: &str, report: &mut impl FnMut(&str)) {
    if tag.starts_with("retry") {
        report("retries hide what is unstable");
    } else if tag != "serial" && !needs::is_known(tag) {
        report(&format!("nobody knows the tag `@{tag}`"));
    }
}

/// Every problem of the catalogue.
pub fn lint_all() -> Vec<String> {
    let steps = crate::steps::all();
    TEXTS.iter().flat_map(|(name, text)| lint(name, text, &steps)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        lint("x/y", text, &crate::steps::all())
    }

    #[test]
    fn the_catalogue_has_no_problems() {
        assert_eq!(lint_all(), Vec::<String>::new());
    }

    #[test]
    fn every_feature_file_is_in_the_catalogue() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
        let mut found = Vec::new();
        for category in std::fs::read_dir(root).unwrap() {
            let category = category.unwrap();
            for file in std::fs::read_dir(category.path()).unwrap() {
                let file = file.unwrap().path();
                let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
                found.push(format!("{}/{stem}", category.file_name().to_str().unwrap()));
            }
        }
        found.sort();
        let known: Vec<_> = TEXTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, known);
    }

    #[test]
    fn a_scenario_that_checks_nothing_is_refused() {
        let found = problems("Feature: x\n  Scenario: a\n  Scenario: b\n    Given a user\n");
        assert!(found.iter().any(|p| p.contains("has no steps")), "{found:?}");
        assert!(found.iter().any(|p| p.contains("has no `Then`")), "{found:?}");
    }

    #[test]
    fn a_misspelt_keyword_is_refused() {
        let found = problems("Feature: x\n  Scenari: a\n    Then all is well\n");
        assert!(!found.is_empty());
    }

    #[test]
    fn unknown_steps_and_tags_and_retries_are_refused() {
        let found = problems(
            "Feature: x\n  @retry(3) @needs:luck\n  Scenario: a\n    Then nobody wrote this\n",
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
