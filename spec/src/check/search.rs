//! Search by meaning: indexes and models that fit together, and what stands in for them where they are not there.

use super::at::At;
use super::context::Context;
use super::requests::suggest_binding;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{
    Binding, Environment, IndexRow, Operation, Service, Substitute, Target, TaskOperation,
};
use crate::load::SourceMap;

/// The most numbers that a vector of the platform's has.
const MOST_DIMENSIONS: u32 = 1536;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("bindings");
    for (name, binding) in &context.service.bindings {
        let at = section.key(name);
        if matches!(binding, Binding::Ai { .. } | Binding::Vector { .. }) {
            platform(context, binding, &at, found);
        }
        let Binding::Vector { dimensions, ai, .. } = binding else { continue };
        if !(1..=MOST_DIMENSIONS).contains(dimensions) {
            let message = format!("a vector cannot have {dimensions} dimensions");
            found.push(
                context
                    .at_value(codes::VECTOR_SIZE, &at.key("dimensions"), message)
                    .because("an index of the platform has vectors of 1 to 1536 numbers")
                    .fix("write how many numbers the model makes, such as `768`"),
            );
        }
        of_kind(context, ai, "ai", &at.key("ai"), found);
    }
    operations(context, found);
}

/// Both are services of one platform.
fn platform(context: &Context<'_>, binding: &Binding, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let elsewhere = [Target::Native, Target::Container];
    if elsewhere.into_iter().any(|target| context.targets(target)) {
        let message = format!("a binding of kind `{}` is there on Workers alone", binding.kind());
        found.push(
            context
                .at_value(codes::SEARCH_PLATFORM, &at.key("kind"), message)
                .because("the other targets of the service have neither the platform's models nor its indexes")
                .fix("write `targets: [workers]`, or search with a query over a full-text table"),
        );
    }
}

fn operations(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let at = routes.key(text.as_str());
        let op = at.key("op");
        let index = |row: &IndexRow, of: &At<'_>, found: &mut Vec<Diagnostic>| {
            let here = of.key("index");
            of_kind(context, &row.binding, "vector", &here.key("in"), found);
        };
        match &route.op {
            Operation::Search(search) => {
                let here = op.key("search");
                of_kind(context, &search.binding, "vector", &here.key("in"), found);
            }
            Operation::Transaction(transaction) => {
                if let Some(row) = &transaction.index {
                    index(row, &op.key("transaction"), found);
                }
            }
            Operation::Upload(upload) => {
                if let Some(row) = &upload.record.index {
                    let here = op.key("upload");
                    found.push(
                        context
                            .at_key(
                                codes::SEARCH_PLATFORM,
                                &here.key("record").key("index"),
                                "what is written with a file is not indexed",
                            )
                            .because(format!(
                                "a file may be taken in several requests, and `{}` is told by one",
                                row.binding
                            ))
                            .fix("index the row in a task: `op: {index: <binding>}`"),
                    );
                }
            }
            _ => {}
        }
    }
    let tasks = At::root("tasks");
    for (name, task) in &context.service.tasks {
        if let TaskOperation::Index(binding) = &task.op {
            let at = tasks.key(name);
            of_kind(context, binding, "vector", &at.key("op").key("index"), found);
        }
    }
}

/// A name that is not there is found elsewhere.
fn of_kind(
    context: &Context<'_>,
    name: &str,
    kind: &str,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(binding) = context.service.bindings.get(name) else { return };
    if binding.kind() != kind {
        let message = format!("`{name}` is a binding of kind `{}`", binding.kind());
        found.push(
            context
                .at_value(codes::WRONG_BINDING, at, message)
                .because(format!("what is needed here is a binding of kind `{kind}`"))
                .fix(suggest_binding(context, kind)),
        );
    }
}

/// What stands in for the platform's services in an environment: declared where it must be, and only what can.
pub(super) fn substitutes(
    environment: &Environment,
    source: &SourceMap,
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    for (folder, service) in services {
        for (name, binding) in &service.bindings {
            let Some(usual) = Substitute::of(binding.kind()) else { continue };
            match environment.substitutes.get(name) {
                None if environment.start.is_some() => found.push(
                    Diagnostic::new(
                        codes::SUBSTITUTE_MISSING,
                        source.key_of(&["start"]),
                        format!("`{name}` of `{folder}` is not there on this machine"),
                    )
                    .because(
                        "the platform's local runtime has neither models nor vector indexes, and nothing stands in \
                         for them unless it is declared",
                    )
                    .fix(format!("add `substitutes: {{{name}: {}}}`", usual.name())),
                ),
                Some(Substitute::Table)
                    if matches!(binding, Binding::Vector { table: None, .. }) =>
                {
                    found.push(
                        Diagnostic::new(
                            codes::SUBSTITUTE,
                            source.span_of(&["substitutes", name]),
                            format!("`{name}` of `{folder}` has no `table`"),
                        )
                        .because("the substitute keeps the vectors in a table of the service's own")
                        .fix("name the queries of that table in the binding's `table`"),
                    );
                }
                _ => {}
            }
        }
    }
    for (name, substitute) in &environment.substitutes {
        let mut kinds =
            services.iter().filter_map(|(_, s)| s.bindings.get(name)).map(Binding::kind);
        let wrong = match kinds.next() {
            None => format!("no service here has a binding `{name}`"),
            Some(kind) if kind != substitute.kind() => {
                format!("`{}` does not stand in for a binding of kind `{kind}`", substitute.name())
            }
            Some(_) => continue,
        };
        found.push(
            Diagnostic::new(codes::SUBSTITUTE, source.span_of(&["substitutes", name]), wrong)
                .because("`hashing` stands in for `ai`, `table` for `vector`, and nothing for other kinds")
                .fix("remove it, or write the substitute of the binding's kind"),
        );
    }
}
