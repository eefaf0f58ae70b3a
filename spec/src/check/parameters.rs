//! Parameters of SQL statements: every `:name` is given a value wherever the statement is run, and nothing else is.

use std::collections::{BTreeMap, HashMap};

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, Location, codes};

/// Parameters that metering hands over.
const METERING: [&str; 3] = ["principal", "day", "calls"];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let parameters: HashMap<&str, BTreeMap<&str, usize>> = context
        .service
        .queries
        .iter()
        .filter(|(name, _)| {
            let path = ["queries", name.as_str()];
            !context.source.is_broken(&path) && !context.source.is_broken_within(&path)
        })
        .map(|(name, query)| (name.as_str(), placeholders(&query.sql)))
        .collect();
    declared(context, &parameters, found);
    for run in context.runs() {
        let Some(needed) = parameters.get(run.query) else { continue };
        let with = [run.path.as_slice(), &["with".to_owned()]].concat();
        given(context, run.query, needed, &run.path, found);
        for (name, _) in needed.iter().filter(|(name, _)| !run.with.contains_key(**name)) {
            if context.source.is_broken(&with) || context.source.is_broken_within(&with) {
                continue;
            }
            let path = if run.with.is_empty() { &run.path } else { &with };
            let key = [run.path.as_slice(), &[run.key.to_owned()]].concat();
            let place = if run.with.is_empty() {
                context.source.span_of(&key)
            } else {
                context.source.key_of(path)
            };
            found.push(
                Diagnostic::new(
                    codes::PARAMETER_MISSING,
                    place,
                    format!("the query `{}` needs a value for `{name}`", run.query),
                )
                .fix(format!("add `{name}: <value>` to `with`"))
                .label(placeholder(context, run.query, needed[name], name), "used here"),
            );
        }
    }
    metering(context, &parameters, found);
}

/// Every value that is given has a parameter.
fn given(
    context: &Context<'_>,
    query: &str,
    needed: &BTreeMap<&str, usize>,
    path: &[String],
    found: &mut Vec<Diagnostic>,
) {
    let with = [path, &["with".to_owned()]].concat();
    let Some(mapping) = context.source.node(&with).and_then(|node| node.mapping()) else { return };
    for entry in mapping.entries() {
        if needed.contains_key(entry.key.as_str()) {
            continue;
        }
        let at = [with.as_slice(), std::slice::from_ref(&entry.key)].concat();
        let place = context.source.key_of(&at);
        let diagnostic = Diagnostic::new(
            codes::PARAMETER_UNUSED,
            place,
            format!("the query `{query}` has no parameter `{}`", entry.key),
        );
        let names: Vec<String> = needed.keys().map(|name| format!("`:{name}`")).collect();
        let diagnostic = diagnostic.because(match names.as_slice() {
            [] => "its SQL has no parameters".to_owned(),
            names => format!("its SQL has {}", names.join(", ")),
        });
        found.push(match context.closest(&entry.key, needed.keys().copied()) {
            Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
            None => diagnostic.fix("remove it, or use it in the SQL"),
        });
    }
}

/// Types are declared only for parameters that exist.
fn declared(
    context: &Context<'_>,
    parameters: &HashMap<&str, BTreeMap<&str, usize>>,
    found: &mut Vec<Diagnostic>,
) {
    let queries = At::root("queries");
    for (name, query) in &context.service.queries {
        let Some(used) = parameters.get(name.as_str()) else { continue };
        let at = queries.key(name);
        let params = at.key("params");
        for parameter in query.params.keys().filter(|p| !used.contains_key(p.as_str())) {
            let here = params.key(parameter);
            let diagnostic = context.at_key(
                codes::PARAMETER_UNUSED,
                &here,
                format!("the SQL has no parameter `:{parameter}`"),
            );
            found.push(match context.closest(parameter, used.keys().copied()) {
                Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                None => diagnostic.fix("remove it, or use it in the SQL"),
            });
        }
    }
}

fn metering(
    context: &Context<'_>,
    parameters: &HashMap<&str, BTreeMap<&str, usize>>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(metering) = &context.service.metering else { return };
    let Some(needed) = parameters.get(metering.query.as_str()) else { return };
    let here = At::root("metering");
    let at = here.key("query");
    for (name, offset) in needed.iter().filter(|(name, _)| !METERING.contains(*name)) {
        found.push(
            context
                .at_value(
                    codes::PARAMETER_MISSING,
                    &at,
                    format!("metering gives the query no value for `{name}`"),
                )
                .because("metering gives `principal`, `day` and `calls`")
                .fix("use only these three in the SQL")
                .label(placeholder(context, &metering.query, *offset, name), "used here"),
        );
    }
    for name in METERING.iter().filter(|name| !needed.contains_key(**name)) {
        found.push(
            context
                .at_value(
                    codes::PARAMETER_UNUSED,
                    &at,
                    format!("the query does not use `:{name}`, which metering gives it"),
                )
                .because("without all of `principal`, `day` and `calls` the counts mean nothing")
                .fix(format!("use `:{name}` in the SQL of `{}`", metering.query)),
        );
    }
}

/// Where a parameter stands in the SQL of a query.
fn placeholder(context: &Context<'_>, query: &str, offset: usize, name: &str) -> Location {
    context.source.locate_in_string(&["queries", query, "sql"], offset, name.len() + 1)
}

/// The parameters `:name` of a statement with the byte offset of their first use; texts, names in quotes and comments are passed over.
pub(super) fn placeholders(sql: &str) -> BTreeMap<&str, usize> {
    let bytes = sql.as_bytes();
    let mut parameters = BTreeMap::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => at = after(bytes, at + 1, &[quote]),
            b'[' => at = after(bytes, at + 1, b"]"),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at = after(bytes, at, b"\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => at = after(bytes, at + 2, b"*/"),
            b':' if bytes.get(at + 1) == Some(&b':') => at += 2,
            b':' => {
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let length = bytes[at + 1..].iter().take_while(|byte| is_name(byte)).count();
                if length > 0 {
                    parameters.entry(&sql[at + 1..=at + length]).or_insert(at);
                }
                at += 1 + length;
            }
            _ => at += 1,
        }
    }
    parameters
}

/// The offset after the next `end`, or the end of the text.
fn after(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let found = rest.windows(end.len()).position(|window| window == end);
    found.map_or(bytes.len(), |position| from + position + end.len())
}

#[cfg(test)]
mod tests {
    use super::placeholders;

    fn names(sql: &str) -> Vec<&str> {
        placeholders(sql).into_keys().collect()
    }

    #[test]
    fn parameters_are_found_once_with_their_first_place() {
        let found = placeholders("select :a, :b where a = :a");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("a", 7), ("b", 11)]);
    }

    #[test]
    fn texts_comments_and_casts_hold_no_parameters() {
        assert!(names("select ':a', \":b\", `:c`, [:d], 'it''s :e' -- :f\n/* :g */").is_empty());
        assert_eq!(names("select :x::text, '12:30' ,:y"), ["x", "y"]);
        assert!(names("select ': unfinished").is_empty());
    }
}
