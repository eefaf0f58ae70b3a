//! Paths of routes: their form, their parameters, and whether one request could mean two of them.

use std::collections::HashMap;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Route, RouteKey, SchemaType};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    let mut shapes: HashMap<String, String> = HashMap::new();
    for (text, key, route) in context.routes() {
        let at = routes.key(text.as_str());
        if let Some((message, fix)) = malformed(&key.path) {
            found.push(context.at_key(codes::PATH_FORM, &at, message).fix(fix));
            continue;
        }
        parameters(context, key, route, &at, found);
        let shape = shape(key);
        if let Some(first) = shapes.get(&shape) {
            let other = routes.key(first.as_str());
            found.push(
                context
                    .at_key(
                        codes::PATH_TWICE,
                        &at,
                        format!("`{text}` and `{first}` are the same route"),
                    )
                    .because(
                        "both match the same requests; names of parameters do not tell them apart",
                    )
                    .fix("remove one of them, or give it another path")
                    .label(context.key(&other), "the first one"),
            );
        } else {
            shapes.insert(shape, text);
        }
    }
}

/// What is wrong with the form of a path, and what helps.
fn malformed(path: &str) -> Option<(String, String)> {
    if path == "/" {
        return None;
    }
    if path.ends_with('/') {
        let fix = format!("write `{}`", path.trim_end_matches('/'));
        return Some((format!("the path `{path}` ends with `/`"), fix));
    }
    let mut seen: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        if segment.is_empty() {
            return Some((
                format!("the path `{path}` has an empty segment"),
                "remove the second `/`".into(),
            ));
        }
        if segment == "." || segment == ".." {
            let fix = "write the path that is meant".to_owned();
            return Some((format!("the path `{path}` has the segment `{segment}`"), fix));
        }
        if let Some(name) = segment.strip_prefix(':').filter(|name| is_parameter_name(name)) {
            let fix = format!("write `{}`", path.replace(segment, &format!("{{{name}}}")));
            return Some((format!("`{segment}` is not a parameter of a path"), fix));
        }
        if !segment.contains(['{', '}']) {
            if let Some(wrong) = segment.chars().find(|c| !is_path_character(*c)) {
                let fix = "use letters, digits, `-`, `_`, `.` and `~`".to_owned();
                return Some((format!("the path `{path}` holds `{wrong}`"), fix));
            }
            continue;
        }
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name.filter(|name| is_parameter_name(name)) else {
            return Some((
                format!("`{segment}` is not a parameter of a path"),
                "write a whole segment `{name}`, with lower-case letters, digits and `_`"
                    .to_owned(),
            ));
        };
        if seen.contains(&name) {
            let fix = "give each parameter a name of its own".to_owned();
            return Some((format!("the path `{path}` has the parameter `{name}` twice"), fix));
        }
        seen.push(name);
    }
    None
}

fn is_path_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~')
}

fn is_parameter_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The path without the names of its parameters.
fn shape(key: &RouteKey) -> String {
    let segments = key.path.split('/').map(|s| if s.starts_with('{') { "{}" } else { s });
    format!("{} {}", key.method, segments.collect::<Vec<_>>().join("/"))
}

fn parameters(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let declared = at.key("path");
    for name in key.parameters() {
        if !route.path.contains_key(name) && !context.is_broken(&declared) {
            found.push(
                context
                    .at_key(
                        codes::PATH_PARAMETER,
                        at,
                        format!("the parameter `{name}` of the path has no schema"),
                    )
                    .because("without a schema its value would reach the operation unchecked")
                    .fix(format!("add `path: {{{name}: <schema>}}`")),
            );
        }
    }
    for (name, schema) in &route.path {
        let here = declared.key(name);
        if !key.parameters().any(|parameter| parameter == name) {
            let known: Vec<&str> = key.parameters().collect();
            let diagnostic = context.at_key(
                codes::PATH_PARAMETER,
                &here,
                format!("the path has no parameter `{name}`"),
            );
            found.push(match context.closest(name, known.into_iter()) {
                Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                None => diagnostic.fix(format!("remove it, or write `{{{name}}}` in the path")),
            });
        } else if let Some(resolved) = context.schema(schema)
            && matches!(resolved.main_type(), Some(SchemaType::Object | SchemaType::Array) | None)
        {
            found.push(
                context
                    .at_value(
                        codes::PATH_PARAMETER,
                        &here,
                        format!("`{schema}` cannot be the schema of a path parameter"),
                    )
                    .because("a parameter of a path is one text, number or boolean")
                    .fix(
                        "name a schema whose `type` is `string`, `integer`, `number` or `boolean`",
                    ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::malformed;

    #[test]
    fn good_paths_are_accepted() {
        for path in ["/", "/a", "/a/{id}", "/.well-known/x", "/a/{a_1}/b"] {
            assert_eq!(malformed(path), None, "{path}");
        }
    }

    #[test]
    fn bad_paths_are_refused() {
        for path in
            ["/a/", "//a", "/a/../b", "/a{id}", "/{Id}", "/:id", "/{a}/{a}", "/ä", "/{", "/a%20b"]
        {
            assert!(malformed(path).is_some(), "{path}");
        }
    }
}
