//! Expressions of the spec as Rust expressions.

use proofline_spec::document::{Expression, Route, Schema, SchemaType, Service, Source};

use super::literals;
use super::types::is_optional;
use crate::view::names;

/// Where an expression stands: what it can read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) service: &'a Service,
    pub(crate) route: Option<&'a Route>,
}

/// A Rust expression and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) text: String,
    /// Whether it is an `Option`.
    pub(crate) optional: bool,
    /// Whether it is bound as JSON text.
    pub(crate) json: bool,
}

/// The schema behind `$ref`s.
pub(crate) fn resolve<'a>(service: &'a Service, schema: &'a Schema) -> &'a Schema {
    let mut schema = schema;
    // A cycle of references is refused by the spec's checks; here it only must not hang.
    for _ in 0..=service.schemas.len() {
        match schema.referenced().and_then(|name| service.schemas.get(name)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// A statement's parameter: `&dyn ToParameter`.
pub(crate) fn parameter(scope: Scope<'_>, expression: &Expression) -> String {
    match expression {
        Expression::Read(Source::Path, path) => {
            format!("call.path({})", literals::text(&path.join(".")))
        }
        Expression::Null => "&()".to_owned(),
        Expression::Integer(number) => format!("&{number}_i64"),
        Expression::Number(number) => format!("&{number:?}_f64"),
        Expression::Json(inner) => {
            let code = value(scope, inner);
            format!("&AsJson(&{})", code.text)
        }
        other => {
            let code = value(scope, other);
            if code.json { format!("&AsJson(&{})", code.text) } else { format!("&{}", code.text) }
        }
    }
}

/// A place or a fresh value.
pub(crate) fn value(scope: Scope<'_>, expression: &Expression) -> Code {
    let plain = |text: String| Code { text, optional: false, json: false };
    match expression {
        Expression::Read(Source::Body, path) => member(scope, "body", body(scope), path),
        Expression::Read(Source::Query, path) => member(scope, "query", query(scope), path),
        Expression::Read(Source::Principal, path) => {
            let name = path.first().map_or("id", String::as_str);
            Code { text: format!("principal.{name}"), optional: name == "key_id", json: false }
        }
        Expression::Read(Source::Path, path) => {
            plain(format!("call.path({})", literals::text(&path.join("."))))
        }
        Expression::Read(Source::Config, path) => {
            plain(format!("call.var({})?", literals::text(&path.join("."))))
        }
        Expression::Read(Source::Let | Source::Token | Source::Key, path) => {
            plain(names::field(&path.join("_")))
        }
        Expression::Read(Source::Upload, path) => {
            let member = path.first().map_or("id", String::as_str);
            plain(format!("upload.{}", if member == "type" { "media_type" } else { member }))
        }
        Expression::NewId => plain("call.new_id()?".to_owned()),
        Expression::NewSecret => plain("call.new_secret()?".to_owned()),
        Expression::Now => plain("call.now()".to_owned()),
        Expression::Today => plain("call.today()".to_owned()),
        Expression::HashPassword(inner) => {
            plain(format!("call.hash_password({}).await?", str_of(scope, inner)))
        }
        Expression::HashToken(inner) => plain(format!("hash_token({})", str_of(scope, inner))),
        Expression::SearchTerms(inner) => plain(format!("search_terms({})", str_of(scope, inner))),
        Expression::Json(inner) => {
            let code = value(scope, inner);
            Code { json: true, ..code }
        }
        Expression::Text(text) => plain(literals::text(text)),
        Expression::Integer(number) => plain(format!("{number}_i64")),
        Expression::Number(number) => plain(format!("{number:?}_f64")),
        Expression::Boolean(value) => plain(value.to_string()),
        Expression::Null => plain("()".to_owned()),
    }
}

/// A `&str`; nothing is the empty text.
pub(crate) fn str_of(scope: Scope<'_>, expression: &Expression) -> String {
    match expression {
        Expression::Read(Source::Path, path) => {
            format!("call.path({}).as_str().unwrap_or_default()", literals::text(&path.join(".")))
        }
        Expression::Read(Source::Config, _) | Expression::Text(_) => value(scope, expression).text,
        other => {
            let code = value(scope, other);
            if code.optional {
                format!("{}.as_deref().unwrap_or_default()", code.text)
            } else {
                format!("&{}", code.text)
            }
        }
    }
}

/// An owned value, for a field that is optional or not.
pub(crate) fn owned(scope: Scope<'_>, expression: &Expression, wanted_optional: bool) -> String {
    let (text, optional) = match expression {
        Expression::Read(Source::Path | Source::Config, _) => {
            (format!("{}.to_owned()", str_of(scope, expression)), false)
        }
        Expression::Text(_) => (format!("{}.to_owned()", value(scope, expression).text), false),
        Expression::Read(..) => {
            let code = value(scope, expression);
            (format!("{}.clone()", code.text), code.optional)
        }
        Expression::Null => return "None".to_owned(),
        other => {
            let code = value(scope, other);
            (code.text, code.optional)
        }
    };
    match (optional, wanted_optional) {
        (false, true) => format!("Some({text})"),
        (true, false) => format!("{text}.unwrap_or_default()"),
        _ => text,
    }
}

fn body(scope: Scope<'_>) -> Option<&Schema> {
    let name = scope.route?.body.as_ref()?;
    scope.service.schemas.get(name).map(|schema| resolve(scope.service, schema))
}

fn query(scope: Scope<'_>) -> Option<&Schema> {
    let name = scope.route?.query.as_ref()?;
    scope.service.schemas.get(name).map(|schema| resolve(scope.service, schema))
}

/// A member of a member; once one of them may be absent, so may the whole.
fn member(scope: Scope<'_>, variable: &str, schema: Option<&Schema>, path: &[String]) -> Code {
    let mut code = Code { text: variable.to_owned(), optional: false, json: false };
    let mut schema = schema;
    for name in path {
        let field = names::field(name);
        let property = schema.and_then(|schema| schema.properties.get(name));
        let absent = match (schema, property) {
            (Some(schema), Some(property)) => {
                let resolved = resolve(scope.service, property);
                is_optional(schema, name, property)
                    || property.is_nullable()
                    || resolved.is_nullable()
            }
            _ => false,
        };
        code.text = match (code.optional, absent) {
            (false, _) => format!("{}.{field}", code.text),
            (true, false) => format!("{}.as_ref().map(|value| &value.{field})", code.text),
            (true, true) => {
                format!("{}.as_ref().and_then(|value| value.{field}.as_ref())", code.text)
            }
        };
        code.optional |= absent;
        schema = property.map(|property| resolve(scope.service, property));
    }
    code.json = schema.is_some_and(|schema| {
        schema.variants.is_none()
            && matches!(schema.main_type(), Some(SchemaType::Object | SchemaType::Array))
    });
    code
}
