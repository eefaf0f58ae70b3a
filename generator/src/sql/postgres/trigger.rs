//! Triggers: a function of what they do, and the trigger that calls it.

use sqlparser::ast::{
    ConditionalStatements, CreateTrigger, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, SelectItem, SetExpr, Statement, TriggerEvent, TriggerPeriod, Value,
};

use super::model::{Model, Table, literal, plain, quoted, single};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::writer::Writer;

/// The statements that make a trigger.
pub(super) fn create(create: &CreateTrigger, model: &Model) -> Said<String> {
    let (name, table) = (single(&create.name)?, single(&create.table_name)?);
    let known = model.table(&table)?;
    let mut scope = Scope::default();
    let [event] = create.events.as_slice() else {
        return Err(Refusal::new("a trigger of several events").fix("write one for each"));
    };
    let event = match event {
        TriggerEvent::Insert => rows(&mut scope, known, &["new"], "insert"),
        TriggerEvent::Delete => rows(&mut scope, known, &["old"], "delete"),
        TriggerEvent::Update(columns) => {
            let columns: Vec<String> = columns.iter().map(|name| quoted(&plain(name))).collect();
            let of = if columns.is_empty() {
                String::new()
            } else {
                format!(" of {}", columns.join(", "))
            };
            rows(&mut scope, known, &["old", "new"], &format!("update{of}"))
        }
        TriggerEvent::Truncate => return Err(Refusal::new("a trigger of `truncate`")),
    };
    let (period, result) = match create.period {
        Some(TriggerPeriod::After) => ("after", "null"),
        Some(TriggerPeriod::Before) | None => {
            ("before", if event == "delete" { "old" } else { "new" })
        }
        _ => return Err(Refusal::new("a trigger `instead of`").fix("write to the table itself")),
    };
    let statements = match &create.statements {
        Some(ConditionalStatements::Sequence { statements }) => statements.as_slice(),
        Some(ConditionalStatements::BeginEnd(block)) => block.statements.as_slice(),
        None => &[],
    };
    let mut body = String::new();
    for statement in statements {
        let writer = Writer::new(model, &[]);
        let text = match raised(statement, &writer, &scope)? {
            Some(text) => text,
            None if matches!(statement, Statement::Query(_)) => {
                return Err(Refusal::new("a `select` in a trigger")
                    .fix("only `select raise(abort, 'why') where …` does something there"));
            }
            None => writer.statement(statement, &[], &scope)?,
        };
        body.push_str(&format!("  {text};\n"));
    }
    let condition = match &create.condition {
        Some(condition) => {
            let writer = Writer::new(model, &[]);
            format!("\n  when ({})", writer.condition(condition, &scope)?.text)
        }
        None => String::new(),
    };
    let (name, table) = (quoted(&name), quoted(&table));
    Ok(format!(
        "create function {name}() returns trigger language plpgsql as $$\nbegin\n{body}  return \
         {result};\nend\n$$;\ncreate trigger {name} {period} {event} on {table} for each row{condition}\n  \
         execute function {name}();\n"
    ))
}

fn rows(scope: &mut Scope<'_>, table: &Table, names: &[&str], event: &str) -> String {
    for name in names {
        scope.add(name, table.clone());
    }
    event.to_owned()
}

/// `select raise(abort, 'why') where condition`.
fn raised(statement: &Statement, writer: &Writer<'_>, scope: &Scope<'_>) -> Said<Option<String>> {
    let Statement::Query(query) = statement else { return Ok(None) };
    let SetExpr::Select(select) = &*query.body else { return Ok(None) };
    let [SelectItem::UnnamedExpr(Expr::Function(call))] = select.projection.as_slice() else {
        return Ok(None);
    };
    if call.name.to_string().to_lowercase() != "raise" || !select.from.is_empty() {
        return Ok(None);
    }
    let Some(message) = message(call) else { return Ok(None) };
    let raise = format!("raise exception using message = {}", literal(&message));
    Ok(Some(match &select.selection {
        Some(condition) => {
            let condition = writer.condition(condition, scope)?.text;
            format!("if {condition} then\n    {raise};\n  end if")
        }
        None => raise,
    }))
}

fn message(call: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.as_slice() {
        [
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(_))),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))),
        ] => match &value.value {
            Value::SingleQuotedString(message) => Some(message.clone()),
            _ => None,
        },
        _ => None,
    }
}
