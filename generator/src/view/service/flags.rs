//! Feature flags, emergency switches, and where it is kept what was switched.

use proofline_spec::document::{
    Beta, Condition, Flag, FlagRule, Overrides, RouteKey, Service, Switch,
};
use proofline_spec::unit::Percent;

use super::literals::{duration, number, optional_text, text, texts};
use super::routes::method;
use super::schemas::Static;
use crate::view::names;

/// The name of a flag's constant.
pub(crate) fn constant(flag: &str) -> String {
    format!("{}_FLAG", names::screaming(flag))
}

/// The constant of every flag.
pub(crate) fn statics(service: &Service) -> Vec<Static> {
    let flag = |(name, flag): (&String, &Flag)| Static {
        name: constant(name),
        doc: format!("The feature flag `{name}`."),
        value: value(name, flag),
    };
    service.flags.iter().map(flag).collect()
}

/// The fields of the definition that are about what can be switched.
pub(crate) fn fields(service: &Service) -> Vec<String> {
    let mut fields = Vec::new();
    if !service.flags.is_empty() {
        let names: Vec<String> =
            service.flags.keys().map(|name| format!("&{}", constant(name))).collect();
        fields.push(format!("flags: &[{}]", names.join(", ")));
    }
    if let Some(switches) = &service.switches {
        let one = |found: &Option<Switch>| {
            found.as_ref().map_or_else(|| "None".to_owned(), |s| format!("Some({})", switch(s)))
        };
        fields.push(format!(
            "switches: Switches {{ read_only: {}, maintenance: {} }}",
            one(&switches.read_only),
            one(&switches.maintenance)
        ));
    }
    if let Some(Overrides { read, write, refresh }) = &service.overrides {
        fields.push(format!(
            "overrides: Some(Overrides {{ read: &statements::{}, write: &statements::{}, refresh: {} }})",
            names::screaming(read),
            names::screaming(write),
            duration(*refresh)
        ));
    }
    fields
}

fn value(name: &str, flag: &Flag) -> String {
    let all = rule(FlagRule { default: flag.default, percentage: flag.percentage });
    let environments: Vec<String> = flag
        .environments
        .iter()
        .map(|(environment, own)| format!("({}, {})", text(environment), rule(*own)))
        .collect();
    format!(
        "Flag {{ name: {}, summary: {}, rule: {all}, beta: {}, environments: &[{}], group: {} }}",
        text(name),
        text(&flag.summary),
        flag.beta.as_ref().map_or_else(|| "Beta::NOBODY".to_owned(), beta),
        environments.join(", "),
        text(flag.group.as_deref().unwrap_or(name))
    )
}

fn rule(rule: FlagRule) -> String {
    match rule.percentage.filter(|_| !rule.default) {
        Some(share) => format!("Rule::share({})", number(hundredths(share))),
        None => format!("Rule::fixed({})", rule.default),
    }
}

/// A share in hundredths of a percent.
fn hundredths(share: Percent) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentage is from 0 to 100"
    )]
    let hundredths = (share.get() * 100.0).round() as u64;
    hundredths
}

fn beta(beta: &Beta) -> String {
    let list = |names: &[String]| texts(names.iter().map(String::as_str));
    format!(
        "Beta {{ users: {}, roles: {}, tiers: {} }}",
        list(&beta.users),
        list(&beta.roles),
        list(&beta.tiers)
    )
}

fn switch(switch: &Switch) -> String {
    let route = |key: &RouteKey| format!("(Method::{}, {})", method(key.method), text(&key.path));
    let except: Vec<String> = switch.except.iter().map(route).collect();
    format!(
        "Switch {{ retry_after: {}, message: {}, except: &[{}] }}",
        duration(switch.retry_after),
        optional_text(switch.message.as_deref()),
        except.join(", ")
    )
}

/// A route's condition, and what of `definition` it refers to.
pub(crate) fn condition(condition: &Condition) -> (String, Vec<String>) {
    let flag = constant(&condition.flag);
    let mut refers = vec![flag.clone()];
    let otherwise = if condition.otherwise == Condition::NOT_FOUND {
        "proofline_runtime::problem::NOT_FOUND".to_owned()
    } else {
        let problem = names::screaming(&condition.otherwise);
        refers.push(problem.clone());
        problem
    };
    (format!("when: Some(Condition {{ flag: &{flag}, otherwise: &{otherwise} }})"), refers)
}
