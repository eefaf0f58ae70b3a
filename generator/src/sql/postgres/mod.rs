//! The Postgres form of a spec's SQL, which is written once, as SQLite and D1 understand it.
//!
//! Statements are read into a tree and written again; what has no form that gives the same results is
//! refused, with its place. The migrations are followed statement by statement, so that the types of
//! columns are known: parameters, comparisons and the order of NULL depend on them.

mod change;
mod expression;
mod function;
mod migration;
mod model;
mod piece;
mod query;
mod refusal;
mod scope;
mod script;
mod search;
mod time;
mod trigger;
mod writer;

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{ParameterType, Query, SchemaType, Service, Target};

use self::model::{Kind, Model};
use self::refusal::Refusal;
use self::scope::Scope;
use self::writer::Writer;
use super::{Finding, Migration, Prepared, binding_of};

/// Whether a service may run on Postgres: it has a database, and is put into containers.
pub fn is_wanted(service: &Service) -> bool {
    let has_database = service.bindings.values().any(|binding| binding.kind() == "sql");
    has_database && service.targets.contains(&Target::Container)
}

/// Adds the Postgres form to what was prepared, and gives the migrations in that form.
pub(super) fn translate(
    service: &Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
    prepared: &mut BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    if !is_wanted(service) {
        return;
    }
    let mut models = BTreeMap::new();
    for (binding, files) in migrations {
        match follow(binding, files) {
            Ok((model, _)) => {
                models.insert(binding.as_str(), model);
            }
            Err(finding) => findings.push(*finding),
        }
    }
    for (name, query) in &service.queries {
        let model = binding_of(service, query).and_then(|binding| models.get(binding));
        let (Some(model), Some(one)) = (model, prepared.get_mut(name)) else { continue };
        match statement(service, query, one, model) {
            Ok(text) => one.postgres = Some(text),
            Err(refusal) => {
                let offset = refusal.offset(&query.sql);
                let what = format!("query `{name}`: {} has no Postgres form", refusal.what);
                findings.push(finding(&["queries", name, "sql"], offset, &what, refusal));
            }
        }
    }
}

/// Migrations in the form for Postgres; nothing when one of them has none.
pub fn migrations(binding: &str, files: &[Migration]) -> Vec<Migration> {
    follow(binding, files).map(|(_, files)| files).unwrap_or_default()
}

fn follow(binding: &str, files: &[Migration]) -> Result<(Model, Vec<Migration>), Box<Finding>> {
    let mut model = Model::default();
    let mut translated = Vec::new();
    for Migration { file, sql } in files {
        let sql = migration::translate(sql, &mut model).map_err(|refusal| {
            let line = refusal.at.map_or(String::new(), |at| format!(":{}", at.line));
            let what = format!("migration `{file}{line}`: {} has no Postgres form", refusal.what);
            Box::new(finding(&["bindings", binding, "migrations"], None, &what, refusal))
        })?;
        translated.push(Migration { file: file.clone(), sql });
    }
    Ok((model, translated))
}

fn finding(pointer: &[&str], offset: Option<usize>, message: &str, refusal: Refusal) -> Finding {
    Finding::new(codes::SQL_ON_POSTGRES, pointer, offset, message.replace(", has no", " has no"))
        .caused_by(
            "a service for containers runs on Postgres, too, where its SQL must give the same results",
        )
        .fixed_by(refusal.fix)
}

fn statement(
    service: &Service,
    query: &Query,
    prepared: &Prepared,
    model: &Model,
) -> Result<String, Refusal> {
    let kind = |kind| match kind {
        Some(SchemaType::Integer | SchemaType::Boolean) => Kind::Integer,
        Some(SchemaType::Number) => Kind::Real,
        _ => Kind::Unknown,
    };
    let parameters: Vec<(String, Kind)> = prepared
        .parameters
        .iter()
        .map(|name| {
            let declared = match query.params.get(name) {
                Some(ParameterType::Integer | ParameterType::Boolean) => Kind::Integer,
                Some(ParameterType::Number) => Kind::Real,
                Some(ParameterType::String | ParameterType::Json) => Kind::Text,
                None => Kind::Unknown,
            };
            (name.clone(), declared)
        })
        .collect();
    let schema = query.returns.as_ref().and_then(|name| service.schemas.get(name));
    let outputs: Vec<(String, Kind)> = schema
        .into_iter()
        .flat_map(|schema| &schema.properties)
        .map(|(name, property)| (name.to_lowercase(), kind(property.main_type())))
        .collect();
    let writer = Writer::new(model, &parameters);
    let statement = script::one(&query.sql)?;
    let text = writer.statement(&statement, &outputs, &Scope::default())?;
    Ok(writer.finish(&text))
}
