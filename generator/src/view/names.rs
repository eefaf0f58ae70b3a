//! Names in generated files, made from names in the spec.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{RouteKey, Service};

use crate::sql::Finding;

/// `get_api_v1_documents_by_id`, without `api` and the version: `get_documents_by_id`.
pub(crate) fn operation(key: &RouteKey) -> String {
    let mut parts = vec![key.method.as_str().to_lowercase()];
    for part in key.path.split('/').filter(|part| !part.is_empty()) {
        let is_version = part
            .strip_prefix('v')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if part == "api" || is_version {
            continue;
        }
        match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(parameter) => parts.push(format!("by_{}", snake(parameter))),
            None => parts.push(snake(part)),
        }
    }
    if parts.len() == 1 {
        parts.push("root".to_owned());
    }
    parts.join("_")
}

/// Routes whose operations would get the same name, as findings at the later one.
pub fn names_that_clash(service: &Service) -> Vec<Finding> {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for key in service.routes.keys() {
        let (name, route) = (operation(key), key.to_string());
        if let Some(other) = taken.get(&name) {
            findings.push(Finding {
                code: codes::NAME_CLASH,
                pointer: vec!["routes".to_owned(), route.clone()],
                offset: None,
                message: format!("`{route}` and `{other}` would both be the operation `{name}`"),
                cause:
                    "an operation is named after its method and path, without `api` and the version"
                        .to_owned(),
                fix: "change one of the paths".to_owned(),
            });
        } else {
            taken.insert(name, route);
        }
    }
    findings
}

/// `snake_case`, fit for a Rust identifier.
pub(crate) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut previous_lower = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && previous_lower {
                name.push('_');
            }
            previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
            name.push(c.to_ascii_lowercase());
        } else {
            if !name.ends_with('_') {
                name.push('_');
            }
            previous_lower = false;
        }
    }
    let name = name.trim_matches('_').to_owned();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("x{name}")
    } else {
        name
    }
}

/// `PascalCase`, fit for a Rust type.
pub(crate) fn pascal(text: &str) -> String {
    let name: String = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut chars = part.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        format!("X{name}")
    } else {
        name
    }
}

/// A different variant's name for each of several texts, fit for a Rust enum.
pub(crate) fn variants(texts: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in texts {
        let name = match pascal(text).as_str() {
            // The one identifier in this case that Rust keeps for itself.
            "Self" => "SelfValue".to_owned(),
            "X" if text.is_empty() => "Empty".to_owned(),
            name => name.to_owned(),
        };
        let mut unique = name.clone();
        let mut number = 2;
        while names.contains(&unique) {
            unique = format!("{name}{number}");
            number += 1;
        }
        names.push(unique);
    }
    names
}

/// `SCREAMING_SNAKE_CASE`, fit for a Rust static.
pub(crate) fn screaming(text: &str) -> String {
    snake(text).to_uppercase()
}

/// A Rust identifier that may be a keyword, made safe.
pub(crate) fn field(text: &str) -> String {
    let name = snake(text);
    if KEYWORDS.contains(&name.as_str()) {
        match name.as_str() {
            // These cannot be raw identifiers.
            "self" | "super" | "crate" => format!("{name}_"),
            _ => format!("r#{name}"),
        }
    } else {
        name
    }
}

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_after_method_and_path() {
        let name = |text: &str| operation(&text.parse().unwrap());
        assert_eq!(name("GET /api/v1/documents/{id}"), "get_documents_by_id");
        assert_eq!(name("POST /webhooks/lemon-squeezy"), "post_webhooks_lemon_squeezy");
        assert_eq!(name("GET /"), "get_root");
    }

    #[test]
    fn variants_differ_and_are_rust() {
        let texts = ["a-b", "a_b", "self", "", "1st", "über"].map(str::to_owned);
        assert_eq!(variants(&texts), ["AB", "AB2", "SelfValue", "Empty", "X1st", "Ber"]);
    }

    #[test]
    fn names_are_rust() {
        assert_eq!(snake("apiKey-2"), "api_key_2");
        assert_eq!(pascal("email-taken"), "EmailTaken");
        assert_eq!(screaming("user_by_id"), "USER_BY_ID");
        assert_eq!(field("type"), "r#type");
        assert_eq!(field("self"), "self_");
        assert_eq!(snake("9lives"), "x9lives");
    }
}
