//! Models, and indexes of vectors.

use proofline_spec::document::{Binding, Metric, Service};

use super::literals::text;
use crate::view::names;

/// The definition's fields.
pub(crate) fn fields(service: &Service) -> Vec<String> {
    let models = service.bindings.iter().filter_map(|(name, binding)| match binding {
        Binding::Ai { model } => {
            Some(format!("Ai {{ name: {}, model: {} }}", text(name), text(model)))
        }
        _ => None,
    });
    let indexes = service.bindings.iter().filter_map(|(name, binding)| vector(name, binding));
    let lists = [("ais", models.collect::<Vec<_>>()), ("vectors", indexes.collect())];
    lists
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(field, items)| format!("{field}: &[{}]", items.join(", ")))
        .collect()
}

fn vector(name: &str, binding: &Binding) -> Option<String> {
    let Binding::Vector { index, dimensions, metric, ai, rows, table } = binding else {
        return None;
    };
    let metric = match metric {
        Metric::Cosine => "Cosine",
        Metric::Euclidean => "Euclidean",
        Metric::DotProduct => "DotProduct",
    };
    let statement = |query: &str| format!("&statements::{}", names::screaming(query));
    let table = table.as_ref().map_or_else(
        || "None".to_owned(),
        |table| {
            format!(
                "Some(VectorTable {{ put: {}, remove: {}, all: {} }})",
                statement(&table.put),
                statement(&table.remove),
                statement(&table.all)
            )
        },
    );
    Some(format!(
        "Vector {{ name: {}, index: {}, dimensions: {dimensions}, metric: Metric::{metric}, ai: {}, text: {}, \
         pending: {}, done: {}, table: {table} }}",
        text(name),
        text(index),
        text(ai),
        statement(&rows.text),
        statement(&rows.pending),
        statement(&rows.done)
    ))
}
