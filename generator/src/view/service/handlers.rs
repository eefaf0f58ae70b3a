//! The trait that people implement, and how calls reach it.

use std::collections::BTreeSet;

use proofline_spec::document::{
    Answer, Binding, Operation, Route, RouteKey, Service, TaskOperation,
};
use serde::Serialize;

use super::literals;
use super::operations::doc;
use crate::view::names;
use crate::view::prose::prose;

/// Everything that the module `handlers` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Handlers {
    pub(crate) customs: Vec<Custom>,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) tasks: Vec<TaskView>,
    /// Operations that are not custom.
    pub(crate) declared: Vec<String>,
    pub(crate) types: Vec<String>,
    pub(crate) definitions: Vec<String>,
    /// What the scaffold imports of this module, sorted as rustfmt sorts.
    pub(crate) imported: Vec<String>,
    /// Types that the scaffolded methods take.
    pub(crate) taken: Vec<String>,
    /// Whether any method is given a context.
    pub(crate) has_contexts: bool,
    pub(crate) has_queues: bool,
    pub(crate) has_statements: bool,
    pub(crate) has_json_answers: bool,
    pub(crate) has_problems: bool,
}

/// A custom operation.
#[derive(Debug, Serialize)]
pub(crate) struct Custom {
    /// Name of the operation.
    pub(crate) operation: String,
    /// Name of the method.
    pub(crate) method: String,
    pub(crate) doc: String,
    /// The method and the path.
    pub(crate) route: String,
    /// Type of the body, or nothing.
    pub(crate) body: String,
    /// Type of the query string's parameters, or nothing.
    pub(crate) query: String,
    /// Name of the answer's type.
    pub(crate) answer: String,
    pub(crate) variants: Vec<Variant>,
}

/// One declared answer.
#[derive(Debug, Serialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) doc: String,
    /// What it holds, in parentheses, or nothing.
    pub(crate) content: String,
    /// The pattern's binding, in parentheses, or nothing.
    pub(crate) binding: String,
    /// How it becomes an answer.
    pub(crate) outcome: String,
}

/// A queue's consumer.
#[derive(Debug, Serialize)]
pub(crate) struct Consumer {
    pub(crate) queue: String,
    pub(crate) method: String,
    pub(crate) message: String,
}

/// A task.
#[derive(Debug, Serialize)]
pub(crate) struct TaskView {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// The method, or nothing when it runs a query.
    pub(crate) method: String,
    pub(crate) action: String,
}

/// The handlers of a service.
pub(crate) fn handlers(service: &Service) -> Handlers {
    let mut types = BTreeSet::new();
    let mut definitions = BTreeSet::new();
    let mut customs = Vec::new();
    let mut declared = Vec::new();
    for (key, route) in &service.routes {
        let Operation::Custom(method) = &route.op else {
            declared.push(names::operation(key));
            continue;
        };
        customs.push(custom(key, route, method, &mut types, &mut definitions));
    }
    let consumers = consumers(service, &mut types);
    let tasks: Vec<TaskView> =
        service.tasks.iter().map(|(name, task)| task_view(service, name, task)).collect();
    let has_json_answers = customs.iter().any(|c| {
        c.variants
            .iter()
            .any(|v| v.outcome.starts_with("Answer::") || v.outcome.starts_with("Ok(Answer"))
    });
    let taken: BTreeSet<String> = customs
        .iter()
        .flat_map(|custom| [&custom.body, &custom.query])
        .chain(consumers.iter().map(|consumer| &consumer.message))
        .filter(|name| !name.is_empty())
        .cloned()
        .collect();
    let has_contexts = tasks.iter().any(|task| !task.method.is_empty());
    let mut imported: Vec<String> = customs.iter().map(|custom| custom.answer.clone()).collect();
    imported.push("Handlers".to_owned());
    imported.sort_unstable();
    Handlers {
        imported,
        taken: taken.into_iter().collect(),
        has_contexts,
        has_queues: !consumers.is_empty(),
        has_statements: tasks.iter().any(|t| t.action.contains("statements::")),
        has_json_answers,
        has_problems: !definitions.is_empty(),
        types: types.into_iter().collect(),
        definitions: definitions.into_iter().collect(),
        customs,
        consumers,
        tasks,
        declared,
    }
}

fn custom(
    key: &RouteKey,
    route: &Route,
    method: &str,
    types: &mut BTreeSet<String>,
    definitions: &mut BTreeSet<String>,
) -> Custom {
    let ty = |name: &Option<String>, types: &mut BTreeSet<String>| {
        let ty = name.as_deref().map(names::pascal).unwrap_or_default();
        if !ty.is_empty() {
            types.insert(ty.clone());
        }
        ty
    };
    let body = ty(&route.body, types);
    let query = ty(&route.query, types);
    let variants = route
        .returns
        .iter()
        .map(|(status, answer)| variant(status, answer, types, definitions))
        .collect();
    Custom {
        operation: names::operation(key),
        method: names::field(method),
        doc: doc(key, route),
        route: key.to_string(),
        body,
        query,
        answer: format!("{}Answer", names::pascal(&method.replace('_', "-"))),
        variants,
    }
}

fn variant(
    status: &str,
    answer: &Answer,
    types: &mut BTreeSet<String>,
    definitions: &mut BTreeSet<String>,
) -> Variant {
    let (name, doc, content, binding, outcome) = match answer {
        // Refused by the spec's checks for a custom operation.
        Answer::None | Answer::File => (
            status_name(status),
            format!("{status}, no body."),
            String::new(),
            "",
            format!("Ok(Answer::empty({status}))"),
        ),
        Answer::One(schema) => {
            let ty = names::pascal(schema);
            types.insert(ty.clone());
            (
                status_name(status),
                status.to_owned(),
                format!("({ty})"),
                "(body)",
                format!("Answer::json({status}, &body)"),
            )
        }
        Answer::List(schema) => {
            let ty = names::pascal(schema);
            types.insert(ty.clone());
            (
                status_name(status),
                format!("{status}, a list."),
                format!("(Vec<{ty}>)"),
                "(items)",
                format!("Answer::list({status}, &items)"),
            )
        }
        Answer::Problem(problem) => {
            let constant = names::screaming(problem);
            definitions.insert(constant.clone());
            (
                names::pascal(problem),
                format!("{status}, the problem `{problem}`."),
                String::new(),
                "",
                format!("Err(Failure::of(&{constant}))"),
            )
        }
    };
    Variant { name, status: status.to_owned(), doc, content, binding: binding.to_owned(), outcome }
}

fn status_name(status: &str) -> String {
    match status {
        "200" => "Ok",
        "201" => "Created",
        "202" => "Accepted",
        "204" => "NoContent",
        other => return format!("Status{other}"),
    }
    .to_owned()
}

fn consumers(service: &Service, types: &mut BTreeSet<String>) -> Vec<Consumer> {
    service
        .bindings
        .iter()
        .filter_map(|(name, binding)| match binding {
            Binding::Queue { consumer, message, .. } => {
                let message = names::pascal(message);
                types.insert(message.clone());
                Some(Consumer { queue: name.clone(), method: names::field(consumer), message })
            }
            _ => None,
        })
        .collect()
}

fn task_view(service: &Service, name: &str, task: &proofline_spec::document::Task) -> TaskView {
    let summary = task.summary.as_deref().unwrap_or_default();
    let summary = prose(summary);
    let doc = if summary.is_empty() {
        format!("Task `{name}`.")
    } else {
        format!("Task `{name}`: {summary}")
    };
    match &task.op {
        TaskOperation::Custom(method) => {
            let method = names::field(method);
            let action = format!("self.0.{method}(context).await");
            TaskView { name: name.to_owned(), doc, method, action }
        }
        TaskOperation::Index(binding) => {
            let action = format!(
                "proofline_runtime::operation::index_pending(context, {}).await",
                literals::text(binding)
            );
            TaskView { name: name.to_owned(), doc, method: String::new(), action }
        }
        TaskOperation::Query(run) => {
            let scope = super::expressions::Scope { service, route: None };
            let with: Vec<String> = run
                .with
                .iter()
                .map(|(name, value)| {
                    // A task's calls go to the context that it is given.
                    let value =
                        super::expressions::parameter(scope, value).replace("call.", "context.");
                    format!("({}, {value})", literals::text(name))
                })
                .collect();
            let statement = names::screaming(&run.run);
            let action = format!(
                "context.run(statements::{statement}.with(&[{}])).await.map(drop)",
                with.join(", ")
            );
            TaskView { name: name.to_owned(), doc, method: String::new(), action }
        }
    }
}
