//! Names have the form that what is made from them needs: Rust names, environment variables, names of platforms.

use std::collections::HashMap;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, Location, codes};
use crate::document::{Binding, Operation, TaskOperation};

/// A form of names.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `luna-rag-backend`
    Kebab,
    /// `EMAIL_QUEUE`
    Screaming,
    /// `list_users`
    Snake,
    /// `NewUser`
    Pascal,
    /// `SEC-JWT-FORGERY`
    ClaimId,
}

impl Form {
    fn accepts(self, name: &str) -> bool {
        let word = |first: fn(char) -> bool, rest: fn(char) -> bool| {
            name.starts_with(first) && name.chars().all(rest)
        };
        match self {
            Self::Kebab => {
                word(
                    |c| c.is_ascii_lowercase(),
                    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
                ) && !name.ends_with('-')
                    && !name.contains("--")
            }
            Self::Screaming => word(
                |c| c.is_ascii_uppercase(),
                |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_',
            ),
            Self::Snake => word(
                |c| c.is_ascii_lowercase(),
                |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_',
            ),
            Self::Pascal => word(|c| c.is_ascii_uppercase(), |c| c.is_ascii_alphanumeric()),
            Self::ClaimId => {
                name.contains('-')
                    && name.split('-').all(|part| {
                        !part.is_empty()
                            && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                    })
                    && name.starts_with(|c: char| c.is_ascii_uppercase())
            }
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Kebab => "lower-case letters, digits and hyphens, such as `rate-limited`",
            Self::Screaming => "upper-case letters, digits and `_`, such as `EMAIL_QUEUE`",
            Self::Snake => "lower-case letters, digits and `_`, such as `list_users`",
            Self::Pascal => "letters and digits, beginning with a capital, such as `NewUser`",
            Self::ClaimId => "upper-case words with hyphens, such as `SEC-JWT-FORGERY`",
        }
    }

    /// The name in this form, where one is near.
    fn repaired(self, name: &str) -> Option<String> {
        let words = words(name);
        let repaired = match self {
            Self::Kebab => words.join("-"),
            Self::Snake => words.join("_"),
            Self::Screaming => words.join("_").to_uppercase(),
            Self::ClaimId => words.join("-").to_uppercase(),
            Self::Pascal => {
                words.iter().map(|word| word[..1].to_uppercase() + &word[1..]).collect()
            }
        };
        self.accepts(&repaired).then_some(repaired)
    }
}

/// The words of a name in any form, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = '-';
    for c in name.chars() {
        let begins = c.is_ascii_uppercase() && !previous.is_ascii_uppercase();
        if c.is_ascii_alphanumeric() {
            match words.last_mut() {
                Some(word) if previous.is_ascii_alphanumeric() && !begins => {
                    word.push(c.to_ascii_lowercase());
                }
                _ => words.push(c.to_ascii_lowercase().to_string()),
            }
        }
        previous = c;
    }
    words
}

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    identity(context, found);
    let config = At::root("config");
    let service = context.service;
    keys(context, &config.key("secrets"), Form::Screaming, service.config.secrets.keys(), found);
    keys(context, &config.key("vars"), Form::Screaming, service.config.vars.keys(), found);
    keys(context, &At::root("bindings"), Form::Screaming, service.bindings.keys(), found);
    keys(context, &At::root("auth"), Form::Snake, service.auth.keys(), found);
    keys(context, &At::root("flags"), Form::Screaming, service.flags.keys(), found);
    keys(context, &At::root("limits"), Form::Snake, service.limits.keys(), found);
    keys(context, &At::root("machines"), Form::Snake, service.machines.keys(), found);
    keys(context, &At::root("problems"), Form::Kebab, service.problems.keys(), found);
    keys(context, &At::root("schemas"), Form::Pascal, service.schemas.keys(), found);
    keys(context, &At::root("queries"), Form::Snake, service.queries.keys(), found);
    keys(context, &At::root("tasks"), Form::Kebab, service.tasks.keys(), found);
    keys(context, &At::root("alerts"), Form::Kebab, service.alerts.keys(), found);
    keys(context, &At::root("claims"), Form::ClaimId, service.claims.keys(), found);
    for (section, names) in [("roles", &service.roles), ("tiers", &service.tiers)] {
        let at = At::root(section);
        for (index, name) in names.iter().enumerate() {
            let here = at.index(index);
            if !Form::Snake.accepts(name) {
                found.push(wrong(name, Form::Snake, context.value(&here)));
            } else if names[..index].contains(name) {
                let message = format!("`{name}` is listed twice");
                found.push(
                    context.at_value(codes::NAME_FORM, &here, message).fix("remove one of them"),
                );
            }
        }
    }
    problems(context, found);
    handlers(context, found);
    values(context, found);
    types(context, found);
}

/// Schemas become types, beside those that generated code uses already.
fn types(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    const TAKEN: [&str; 27] = [
        "Answer",
        "AsJson",
        "Box",
        "Call",
        "Check",
        "Clone",
        "Copy",
        "Debug",
        "Default",
        "Deserialize",
        "Err",
        "Handlers",
        "Login",
        "None",
        "Ok",
        "Option",
        "Outcome",
        "Result",
        "Self",
        "Send",
        "Serialize",
        "Some",
        "String",
        "Sync",
        "ToString",
        "Transaction",
        "Vec",
    ];
    let section = At::root("schemas");
    for name in context.service.schemas.keys().filter(|name| TAKEN.contains(&name.as_str())) {
        let message = format!("`{name}` is the name of a type that generated code uses");
        found.push(
            context
                .at_key(codes::NAME_FORM, &section.key(name), message)
                .because("each schema becomes a Rust type of its name")
                .fix(format!("rename it, for example to `{name}Data`")),
        );
    }
}

/// Names under `let` become variables of the generated code.
fn values(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let Some(transaction) = route.op.transaction() else { continue };
        let at = routes.key(text);
        let op = at.key("op");
        let upload = op.key("upload");
        let transaction_at = match &route.op {
            Operation::Upload(_) => upload.key("record"),
            _ => op.key("transaction"),
        };
        let names = transaction.values.keys();
        keys(context, &transaction_at.key("let"), Form::Snake, names, found);
    }
}

fn identity(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let at = At::root("service");
    let identity = &context.service.service;
    let name = at.key("name");
    if !Form::Kebab.accepts(&identity.name) {
        found.push(wrong(&identity.name, Form::Kebab, context.value(&name)));
    } else if identity.name.len() > 63 {
        found.push(
            context
                .at_value(
                    codes::NAME_FORM,
                    &name,
                    format!("the name has {} characters", identity.name.len()),
                )
                .because("it names a container and a worker, and they allow 63")
                .fix("shorten it"),
        );
    }
    if !is_version(&identity.version) {
        found.push(
            context
                .at_value(
                    codes::VERSION,
                    &at.key("version"),
                    format!("`{}` is not a version", identity.version),
                )
                .because("versions have three numbers (semantic versioning)")
                .fix("write a version such as `1.0.0`"),
        );
    }
    if identity.summary.trim().is_empty() {
        let message = "the summary is empty";
        found.push(
            context
                .at_value(codes::EMPTY_TEXT, &at.key("summary"), message)
                .fix("say in one line what the service is"),
        );
    }
    let targets = At::root("targets");
    for (index, target) in context.service.targets.iter().enumerate() {
        if context.service.targets[..index].contains(target) {
            let message = "the target is listed twice";
            found.push(
                context
                    .at_value(codes::NAME_FORM, &targets.index(index), message)
                    .fix("remove one of them"),
            );
        }
    }
}

/// Whether a text is a semantic version.
fn is_version(text: &str) -> bool {
    let (core, rest) = match text.find(['-', '+']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    core.split('.').count() == 3
        && core.split('.').all(number)
        && rest.is_none_or(|rest| !rest.is_empty() && rest.chars().all(label))
}

fn keys<'n>(
    context: &Context<'_>,
    section: &At<'_>,
    form: Form,
    names: impl Iterator<Item = &'n String>,
    found: &mut Vec<Diagnostic>,
) {
    for name in names.filter(|name| !form.accepts(name)) {
        found.push(wrong(name, form, context.key(&section.key(name))));
    }
}

fn wrong(name: &str, form: Form, place: Location) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(codes::NAME_FORM, place, format!("`{name}` is not a name of this kind"))
            .because(format!("such a name has {}", form.example()));
    match form.repaired(name) {
        Some(repaired) => {
            diagnostic.fix(format!("write `{repaired}`, here and wherever it is used"))
        }
        None => diagnostic.fix("rename it"),
    }
}

/// Problems have an error's status.
fn problems(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("problems");
    for (name, problem) in &context.service.problems {
        if !(400..600).contains(&problem.status) {
            let at = section.key(name);
            found.push(
                context
                    .at_value(
                        codes::STATUS,
                        &at.key("status"),
                        format!("{} is not the status of a problem", problem.status),
                    )
                    .because("problems have statuses from 400 to 599 (RFC 9457)")
                    .fix("write a status such as `404` or `409`"),
            );
        }
    }
}

/// Methods of the `Handlers` trait.
fn handlers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut names: Vec<(&str, Vec<String>)> = Vec::new();
    let (routes, tasks, bindings) = (At::root("routes"), At::root("tasks"), At::root("bindings"));
    for (text, _, route) in context.routes() {
        if let Operation::Custom(name) = &route.op {
            names.push((name, routes.key(text).key("op").key("custom").path()));
        }
    }
    for (task_name, task) in &context.service.tasks {
        if let TaskOperation::Custom(name) = &task.op {
            names.push((name, tasks.key(task_name).key("op").key("custom").path()));
        }
    }
    for (binding_name, binding) in &context.service.bindings {
        if let Binding::Queue { consumer, .. } = binding {
            names.push((consumer, bindings.key(binding_name).key("consumer").path()));
        }
    }
    let mut seen: HashMap<&str, Vec<String>> = HashMap::new();
    for (name, path) in names {
        let place = context.source.span_of(&path);
        if !Form::Snake.accepts(name) || is_keyword(name) {
            let diagnostic = Diagnostic::new(
                codes::HANDLER,
                place,
                format!("`{name}` cannot be the name of a method"),
            )
            .because("it becomes a method of the generated `Handlers` trait");
            found.push(match Form::Snake.repaired(name).filter(|name| !is_keyword(name)) {
                Some(repaired) => diagnostic.fix(format!("write `{repaired}`")),
                None => {
                    diagnostic.fix("use lower-case letters, digits and `_`, and no word of Rust")
                }
            });
        } else if let Some(first) = seen.get(name) {
            found.push(
                Diagnostic::new(
                    codes::HANDLER,
                    place,
                    format!("`{name}` is already the name of another method"),
                )
                .because("each route, task and queue has a method of its own, with its own types")
                .fix("give it another name")
                .label(context.source.span_of(first), "the first one"),
            );
        } else {
            seen.insert(name, path);
        }
    }
}

/// Whether a word means something in Rust (edition 2024).
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 50] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
        "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
        "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
        "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type",
        "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
    ];
    KEYWORDS.contains(&word) || word == "yield"
}

#[cfg(test)]
mod tests {
    use super::{Form, is_version};

    #[test]
    fn names_are_repaired_into_their_form() {
        let repaired = |form: Form, name| form.repaired(name);
        assert_eq!(repaired(Form::Snake, "listUsers").as_deref(), Some("list_users"));
        assert_eq!(repaired(Form::Pascal, "new_user").as_deref(), Some("NewUser"));
        assert_eq!(repaired(Form::Screaming, "emailQueue").as_deref(), Some("EMAIL_QUEUE"));
        assert_eq!(repaired(Form::Kebab, "Luna RAG").as_deref(), Some("luna-rag"));
        assert_eq!(repaired(Form::ClaimId, "sec_jwt").as_deref(), Some("SEC-JWT"));
        assert_eq!(repaired(Form::Snake, "日本"), None);
    }

    #[test]
    fn versions_have_three_numbers() {
        for good in ["1.0.0", "0.1.10-rc.1", "3.0.0+build"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["1.0", "v1.0.0", "1.0.x", "01.0.0", "1.0.0-", ""] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
