//! Secrets and variables: names that can be environment variables, and values that fit their own rules.

use super::at::At;
use super::context::Context;
use super::schemas::bad_pattern;
use crate::diagnostic::{Diagnostic, codes};

/// Environment variables that the host reads itself.
const HOST: [&str; 15] = [
    "HOST",
    "PORT",
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "TRUSTED_PROXIES",
    "MAX_CONNECTIONS",
    "LOG_LEVEL",
    "METRICS",
    "METRICS_TOKEN",
    "FAULTS",
    "READ_ONLY",
    "MAINTENANCE",
];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let config = At::root("config");
    let (secrets, vars) = (config.key("secrets"), config.key("vars"));
    for name in context.service.config.secrets.keys() {
        let at = secrets.key(name);
        reserved(context, name, &at, found);
        if context.service.config.vars.contains_key(name) {
            found.push(
                context
                    .at_key(
                        codes::CONFIG_VALUE,
                        &vars.key(name),
                        format!("`{name}` is a secret and a variable"),
                    )
                    .because("both are read from the environment variable of that name")
                    .fix("remove one of them, or rename it")
                    .label(context.key(&at), "the secret"),
            );
        }
    }
    for (name, var) in &context.service.config.vars {
        let at = vars.key(name);
        reserved(context, name, &at, found);
        if var.default.is_some() && var.from.is_some() {
            found.push(
                context
                    .at_key(
                        codes::CONFIG_VALUE,
                        &at.key("default"),
                        format!("`{name}` has both `default` and `from`"),
                    )
                    .because("`from` always gives a value, so the default is never used")
                    .fix("remove one of them"),
            );
        }
        let Some(pattern) = &var.pattern else { continue };
        if let Some(diagnostic) = bad_pattern(context, pattern, &at.key("pattern")) {
            found.push(diagnostic);
        } else if let Some(default) = &var.default
            && regex::Regex::new(pattern).is_ok_and(|regex| !regex.is_match(default))
        {
            found.push(
                context
                    .at_value(
                        codes::CONFIG_VALUE,
                        &at.key("default"),
                        format!("`{default}` does not match the variable's pattern"),
                    )
                    .because("the service would not start with its own default")
                    .fix("correct the default or the pattern")
                    .label(context.value(&at.key("pattern")), "the pattern"),
            );
        }
    }
}

fn reserved(context: &Context<'_>, name: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let upstream = name.strip_suffix("_BASE_URL");
    let of_host = HOST.contains(&name)
        || upstream.is_some_and(|binding| context.service.bindings.contains_key(binding));
    if of_host {
        found.push(
            context
                .at_key(codes::CONFIG_VALUE, at, format!("`{name}` is read by the host itself"))
                .because("two meanings of one environment variable cannot both be set")
                .fix("rename it"),
        );
    }
}
