//! Values have the type that the place wants: functions get texts, messages what their schema says.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{
    Binding, Enqueue, Expression, Map, Operation, Route, Schema, SchemaType, Source, TaskOperation,
    Transaction,
};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let at = routes.key(text.as_str());
        let op = at.key("op");
        let mut types = Types { context, route: Some(route), values: None, found };
        if let Some(owner) = &route.owner {
            let owner_at = at.key("owner");
            types.functions(&owner.with, &owner_at.key("with"));
        }
        types.operation(&route.op, &op);
    }
    let tasks = At::root("tasks");
    for (name, task) in &context.service.tasks {
        if let TaskOperation::Query(run) = &task.op {
            let task_at = tasks.key(name);
            let op = task_at.key("op");
            let query = op.key("query");
            let mut types = Types { context, route: None, values: None, found };
            types.functions(&run.with, &query.key("with"));
        }
    }
}

struct Types<'c, 'a> {
    context: &'c Context<'a>,
    route: Option<&'a Route>,
    values: Option<&'a Map<Expression>>,
    found: &'c mut Vec<Diagnostic>,
}

/// What is known of a value.
struct Known {
    kind: SchemaType,
    /// Whether a request may leave it out, or give `null`.
    may_be_absent: bool,
}

impl<'a> Types<'_, 'a> {
    fn operation(&mut self, operation: &'a Operation, at: &At<'_>) {
        match operation {
            Operation::Query(run) => {
                let here = at.key("query");
                self.functions(&run.with, &here.key("with"));
            }
            Operation::Login(login) => {
                let here = at.key("login");
                self.functions(&login.with, &here.key("with"));
                self.text(&login.password, "a password", &here.key("password"));
            }
            Operation::Transaction(transaction) => {
                self.transaction(transaction, &at.key("transaction"));
            }
            Operation::Upload(upload) => {
                self.transaction(&upload.record, &at.key("upload").key("record"));
            }
            Operation::Download(download) => {
                let here = at.key("download");
                self.functions(&download.with, &here.key("with"));
            }
            Operation::Room(enter) => {
                let here = at.key("room");
                self.functions(&enter.with, &here.key("with"));
                self.text(&enter.id, "the id of a room", &here.key("id"));
            }
            Operation::Enqueue(enqueue) => {
                let here = at.key("enqueue");
                let message = here.key("message");
                self.functions(&enqueue.message, &message);
                self.message(enqueue, &message);
            }
            Operation::Search(search) => {
                self.text(&search.text, "a search", &at.key("search").key("text"));
            }
            Operation::Health(_)
            | Operation::DeadLetters(_)
            | Operation::Flags(_)
            | Operation::Switches(_)
            | Operation::Lti(_)
            | Operation::Asset(_)
            | Operation::Replay(_)
            | Operation::Resume(_)
            | Operation::Custom(_) => {}
        }
    }

    fn transaction(&mut self, transaction: &'a Transaction, here: &At<'_>) {
        self.functions(&transaction.values, &here.key("let"));
        self.values = Some(&transaction.values);
        if let Some(once) = &transaction.once {
            let once_at = here.key("once");
            self.functions(&once.with, &once_at.key("with"));
        }
        let steps = here.key("steps");
        for (index, step) in transaction.steps.iter().enumerate() {
            let step_at = steps.index(index);
            self.functions(&step.with, &step_at.key("with"));
        }
    }

    /// Functions that work on texts get texts.
    fn functions(&mut self, values: &Map<Expression>, at: &At<'_>) {
        for (name, value) in values {
            let (inner, what) = match value {
                Expression::HashPassword(inner) => (inner, "`hash_password`"),
                Expression::HashToken(inner) => (inner, "`hash_token`"),
                Expression::SearchTerms(inner) => (inner, "`search_terms`"),
                _ => continue,
            };
            self.text(inner, what, &at.key(name));
        }
    }

    fn text(&mut self, value: &Expression, what: &str, at: &At<'_>) {
        let Some(known) = self.known(value, 0) else { return };
        if known.kind != SchemaType::String {
            let message = format!("{what} needs a text, and `{value}` is {}", phrase(known.kind));
            self.found.push(
                self.context
                    .at_value(codes::WRONG_TYPE_OF_VALUE, at, message)
                    .fix("use a member with `type: string`"),
            );
        }
    }

    /// Members of a message have the types of their schema, and required ones are always there.
    fn message(&mut self, enqueue: &Enqueue, at: &At<'_>) {
        let binding = self.context.service.bindings.get(&enqueue.queue);
        let Some(Binding::Queue { message: name, .. }) = binding else { return };
        let Some(schema) = self.context.schema(name) else { return };
        for (member, value) in &enqueue.message {
            let Some(property) = schema.properties.get(member) else { continue };
            let Some(property) = self.context.resolve(property) else { continue };
            let (Some(wanted), Some(known)) = (property.main_type(), self.known(value, 0)) else {
                continue;
            };
            let here = at.key(member);
            let is_whole_number = (wanted, known.kind) == (SchemaType::Number, SchemaType::Integer);
            if wanted != known.kind && !is_whole_number {
                let message = format!("`{value}` is {}", phrase(known.kind));
                self.found.push(
                    self.context
                        .at_value(codes::WRONG_TYPE_OF_VALUE, &here, message)
                        .because(format!("`{member}` of the schema `{name}` is {}", phrase(wanted)))
                        .fix("use a value of that type, or change the schema"),
                );
            } else if known.may_be_absent && schema.requires(member) && !property.is_nullable() {
                self.found.push(
                    self.context
                        .at_value(codes::WRONG_TYPE_OF_VALUE, &here, format!("`{value}` may be absent"))
                        .because(format!("the schema `{name}` requires `{member}`"))
                        .fix("require it of the request, or take it out of `required` in the message"),
                );
            }
        }
    }

    /// What is known of a value; `None` when that is nothing, or another check speaks about it.
    fn known(&self, value: &Expression, depth: usize) -> Option<Known> {
        let always = |kind| Some(Known { kind, may_be_absent: false });
        match value {
            Expression::Read(source, path) => self.known_read(*source, path, depth),
            Expression::Integer(_) => always(SchemaType::Integer),
            Expression::Number(_) => always(SchemaType::Number),
            Expression::Boolean(_) => always(SchemaType::Boolean),
            Expression::Null => None,
            Expression::NewId
            | Expression::NewSecret
            | Expression::Now
            | Expression::Today
            | Expression::Text(_)
            | Expression::HashPassword(_)
            | Expression::HashToken(_)
            | Expression::Json(_)
            | Expression::SearchTerms(_) => always(SchemaType::String),
        }
    }

    fn known_read(&self, source: Source, path: &[String], depth: usize) -> Option<Known> {
        let first = path.first()?;
        match source {
            Source::Body => self.member(self.route?.body.as_deref()?, path),
            Source::Query => self.member(self.route?.query.as_deref()?, path),
            Source::Path => {
                let schema = self.context.schema(self.route?.path.get(first)?)?;
                Some(Known { kind: schema.main_type()?, may_be_absent: false })
            }
            Source::Let if depth < 8 => self.known(self.values?.get(first)?, depth + 1),
            Source::Config => Some(Known { kind: SchemaType::String, may_be_absent: false }),
            Source::Principal if first == "id" => {
                Some(Known { kind: SchemaType::String, may_be_absent: false })
            }
            Source::Upload => {
                let kind = if first == "size" { SchemaType::Integer } else { SchemaType::String };
                Some(Known { kind, may_be_absent: false })
            }
            Source::Let | Source::Principal | Source::Token | Source::Key => None,
        }
    }

    fn member(&self, schema: &str, path: &[String]) -> Option<Known> {
        let mut schema: &Schema = self.context.schema(schema)?;
        let mut may_be_absent = false;
        for name in path {
            let property = self.context.resolve(schema.properties.get(name)?)?;
            let has_default = schema.properties.get(name).is_some_and(|p| p.default.is_some());
            may_be_absent |= (!schema.requires(name) && !has_default) || property.is_nullable();
            schema = property;
        }
        Some(Known { kind: schema.main_type()?, may_be_absent })
    }
}

const fn phrase(kind: SchemaType) -> &'static str {
    match kind {
        SchemaType::Object => "an object",
        SchemaType::Array => "a list",
        SchemaType::String => "a text",
        SchemaType::Integer => "a whole number",
        SchemaType::Number => "a number",
        SchemaType::Boolean => "`true` or `false`",
        SchemaType::Null => "`null`",
    }
}
