//! `deploy/prometheus/alerts.yaml`: the declared alerts as rules of Prometheus; `alerts.test.yaml`: series by which each
//! of them fires, and others by which it must not, for `promtool test rules`.

mod rule;
mod series;

use proofline_spec::document::{AlertSeverity, Target};
use proofline_spec::unit::Duration;
use serde_json::{Value, json};

use self::rule::Rule;
use crate::Input;
use crate::emit::{self, BoxError};
use crate::tree::{Owner, Tree};

/// How often the series of the tests have a value.
const INTERVAL: Duration = Duration::from_millis(15_000);

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), BoxError> {
    let folder = format!("{}/deploy/prometheus", input.crate_folder());
    let rules: Vec<Rule<'_>> = input
        .service
        .alerts
        .iter()
        .map(|(name, alert)| Rule::new(input.service, name, alert))
        .collect();
    let mut purpose = format!(
        "The declared alerts, for a server that scrapes /metrics as the job `{}`.",
        input.service.service.name
    );
    if !input.targets(Target::Native) && !input.targets(Target::Container) {
        purpose.push_str(
            "\n# On Workers nothing serves /metrics: an exporter of the platform's figures has to name them so.",
        );
    }
    let groups: Vec<Value> = rules.iter().map(written).collect();
    let value = json!({"groups": [{"name": input.service.service.name, "rules": groups}]});
    add(input, tree, &format!("{folder}/alerts.yaml"), &purpose, &value)?;
    let tests: Vec<Value> = rules.iter().flat_map(tests).collect();
    let value = json!({
        "rule_files": ["alerts.yaml"],
        "evaluation_interval": prometheus(INTERVAL),
        "tests": tests,
    });
    let purpose = "Each alert with series by which it fires, and others by which it must not.\n\
        # promtool test rules alerts.test.yaml";
    add(input, tree, &format!("{folder}/alerts.test.yaml"), purpose, &value)
}

fn add(
    input: &Input<'_>,
    tree: &mut Tree,
    path: &str,
    purpose: &str,
    value: &Value,
) -> Result<(), BoxError> {
    // An expression that is broken over lines is hard to read, and harder to search for.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let yaml = serde_saphyr::to_string_with_options(value, options)?;
    let text = format!("# {}\n# {purpose}\n{yaml}", emit::banner(input));
    tree.add(path.to_owned(), Owner::Generator, text);
    Ok(())
}

fn labels(rule: &Rule<'_>) -> Value {
    let severity = match rule.alert.severity {
        AlertSeverity::Page => "page",
        AlertSeverity::Warn => "warn",
    };
    json!({"severity": severity, "service": rule.service.service.name})
}

fn annotations(rule: &Rule<'_>) -> Value {
    json!({"summary": rule.alert.summary, "description": rule.alert.when.to_string()})
}

fn written(rule: &Rule<'_>) -> Value {
    let mut written = json!({"alert": rule.name, "expr": rule.expression()});
    if let Some(hold) = rule.alert.hold {
        written["for"] = prometheus(hold).into();
    }
    written["labels"] = labels(rule);
    written["annotations"] = annotations(rule);
    written
}

fn tests<'a>(rule: &'a Rule<'_>) -> impl Iterator<Item = Value> + 'a {
    let hold = rule.alert.hold.map_or(0, Duration::as_millis);
    let late = Duration::from_millis(rule.window().as_millis() * 2 + hold + 60_000);
    // The figure cannot be bad before the first value.
    let early = Duration::from_millis(hold.saturating_sub(INTERVAL.as_millis()));
    let steps = late.as_millis() / INTERVAL.as_millis() + 1;
    rule.cases().into_iter().map(move |case| {
        let series: Vec<Value> = case
            .series
            .iter()
            .map(
                |(series, values)| json!({"series": series, "values": format!("{values}x{steps}")}),
            )
            .collect();
        let at = if case.early { early } else { late };
        let fired = json!([{"exp_labels": labels(rule), "exp_annotations": annotations(rule)}]);
        json!({
            "name": format!("{}: {}", rule.name, case.what),
            "interval": prometheus(INTERVAL),
            "input_series": series,
            "alert_rule_test": [{
                "eval_time": prometheus(at),
                "alertname": rule.name,
                "exp_alerts": if case.fires { fired } else { json!([]) },
            }],
        })
    })
}

/// A length of time as Prometheus writes it.
fn prometheus(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}
