//! Migrations: tables, indexes, views and triggers.

use sqlparser::ast::{
    AlterTable, AlterTableOperation, CheckConstraint, ColumnDef, ColumnOption, CreateIndex,
    CreateTable, CreateView, DataType, DropTrigger, ForeignKeyConstraint, GeneratedExpressionMode,
    IndexColumn, ObjectName, ObjectType, RenameTableNameKind, Statement, TableConstraint,
};

use super::model::{Column, Kind, Model, Table, plain, quoted, single};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::script::{self, Part};
use super::writer::{Want, Writer};
use super::{search, trigger};

/// A migration for Postgres; what it makes becomes known to the model.
pub(super) fn translate(sql: &str, model: &mut Model) -> Said<String> {
    let mut out = String::new();
    for part in script::split(sql)? {
        let text = match part {
            Part::VirtualTable { name, module, arguments } => {
                search::create(&name, &module, &arguments, model)?
            }
            Part::Statement(statement) => {
                use sqlparser::ast::Spanned as _;
                let at = statement.span().start;
                one(&statement, model).map_err(|refusal| refusal.at(at))?
            }
        };
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&text);
    }
    Ok(out)
}

fn one(statement: &Statement, model: &mut Model) -> Said<String> {
    match statement {
        Statement::CreateTable(table) => create_table(table, model),
        Statement::CreateIndex(index) => create_index(index, model),
        Statement::CreateView(view) => create_view(view, model),
        Statement::CreateTrigger(create) => trigger::create(create, model),
        Statement::DropTrigger(DropTrigger { trigger_name, .. }) => {
            let name = quoted(&single(trigger_name)?);
            // The trigger is dropped with its function.
            Ok(format!("drop function {name} cascade;\n"))
        }
        Statement::Drop { object_type, names, if_exists, .. } => {
            drop_all(*object_type, names, *if_exists, model)
        }
        Statement::AlterTable(alter) => alter_table(alter, model),
        other => {
            let writer = Writer::new(model, &[]);
            let text = writer.statement(other, &[], &Scope::default())?;
            Ok(writer.finish(&text) + ";\n")
        }
    }
}

fn create_table(create: &CreateTable, model: &mut Model) -> Said<String> {
    let name = single(&create.name)?;
    if create.query.is_some() {
        return Err(Refusal::new("`create table … as select`")
            .fix("create the table with its columns, and fill it with `insert … select`"));
    }
    if create.temporary {
        return Err(Refusal::new("a temporary table"));
    }
    let mut table = Table::default();
    for column in &create.columns {
        table.columns.push(column_of(column)?);
    }
    for constraint in &create.constraints {
        if let TableConstraint::PrimaryKey(key) = constraint {
            for name in column_names(&key.columns) {
                for column in table.columns.iter_mut().filter(|column| column.name == name) {
                    column.not_null = true;
                }
            }
        }
    }
    // Checks and foreign keys may speak of the table itself.
    model.tables.insert(name.clone(), table.clone());
    let (mut lines, mut after) = (Vec::new(), String::new());
    for (definition, column) in create.columns.iter().zip(&table.columns) {
        lines.push(column_line(&name, definition, column, model, &mut after)?);
    }
    for constraint in &create.constraints {
        lines.extend(table_line(&name, &table, constraint, model, &mut after)?);
    }
    let not = if create.if_not_exists { "if not exists " } else { "" };
    Ok(format!("create table {not}{} (\n  {}\n);\n{after}", quoted(&name), lines.join(",\n  ")))
}

fn column_of(definition: &ColumnDef) -> Said<Column> {
    let kind = Kind::declared(&definition.data_type)?;
    let mut column = Column::new(&plain(&definition.name), kind);
    for option in &definition.options {
        match &option.option {
            ColumnOption::NotNull | ColumnOption::PrimaryKey(_) => column.not_null = true,
            ColumnOption::Collation(name) => match name.to_string().to_lowercase().as_str() {
                "nocase" => column.nocase = true,
                "binary" => {}
                other => {
                    return Err(Refusal::new(format!("the collation `{other}`"))
                        .fix("use `nocase`, or none"));
                }
            },
            _ => {}
        }
    }
    Ok(column)
}

/// A column as it is declared; a unique one without upper and lower case gets an index instead.
fn column_line(
    table: &str,
    definition: &ColumnDef,
    column: &Column,
    model: &Model,
    after: &mut String,
) -> Said<String> {
    let name = quoted(&column.name);
    let mut line = format!("{name} {}", typed(column.kind));
    for option in &definition.options {
        match &option.option {
            // A key of whole numbers counts by itself in both.
            ColumnOption::Null | ColumnOption::Collation(_) | ColumnOption::DialectSpecific(_) => {}
            ColumnOption::NotNull => line.push_str(" not null"),
            ColumnOption::PrimaryKey(_) => {
                let counted = matches!(definition.data_type, DataType::Integer(_));
                if counted {
                    line.push_str(" generated by default as identity");
                }
                line.push_str(" primary key");
                if column.nocase {
                    after.push_str(&unique_index(table, &[column]));
                }
            }
            ColumnOption::Unique(_) if column.nocase => {
                after.push_str(&unique_index(table, &[column]));
            }
            ColumnOption::Unique(_) => line.push_str(" unique"),
            ColumnOption::Default(value) => {
                let writer = Writer::new(model, &[]);
                let want = Want::evident(column.kind);
                let value = writer.value(value, want, &Scope::default())?;
                line.push_str(&format!(" default {}", value.atom()));
            }
            ColumnOption::Check(check) => {
                line.push_str(&format!("\n    {}", checked(check, table, model)?));
            }
            ColumnOption::ForeignKey(key) => {
                line.push_str(&format!(" {}", references(key, model)?));
            }
            ColumnOption::Generated {
                generation_expr: Some(expr), generation_expr_mode, ..
            } => {
                let writer = Writer::new(model, &[]);
                let value =
                    writer.value(expr, Want::evident(column.kind), &scope_of(table, model)?)?;
                if *generation_expr_mode == Some(GeneratedExpressionMode::Virtual) {
                    return Err(Refusal::new(format!("the virtual column `{}`", column.name))
                        .fix("write `stored` instead of `virtual`"));
                }
                line.push_str(&format!(" generated always as ({}) stored", value.text));
            }
            other => {
                return Err(Refusal::new(format!("`{other}` of the column `{}`", column.name)));
            }
        }
    }
    Ok(line)
}

fn table_line(
    name: &str,
    table: &Table,
    constraint: &TableConstraint,
    model: &Model,
    after: &mut String,
) -> Said<Option<String>> {
    let find = |columns: &[IndexColumn]| -> Said<Vec<Column>> {
        let found = column_names(columns).into_iter().map(|wanted| {
            let column = table.column(&wanted).cloned();
            column.ok_or_else(|| Refusal::new(format!("the column `{wanted}`")))
        });
        found.collect()
    };
    let list = |columns: &[Column]| {
        columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    };
    Ok(Some(match constraint {
        TableConstraint::PrimaryKey(key) => {
            let columns = find(&key.columns)?;
            if columns.iter().any(|column| column.nocase) {
                after.push_str(&unique_index(name, &columns.iter().collect::<Vec<_>>()));
            }
            format!("primary key ({})", list(&columns))
        }
        TableConstraint::Unique(unique) => {
            let columns = find(&unique.columns)?;
            if columns.iter().any(|column| column.nocase) {
                after.push_str(&unique_index(name, &columns.iter().collect::<Vec<_>>()));
                return Ok(None);
            }
            format!("unique ({})", list(&columns))
        }
        TableConstraint::ForeignKey(key) => {
            let names: Vec<String> = key.columns.iter().map(|name| quoted(&plain(name))).collect();
            format!("foreign key ({}) {}", names.join(", "), references(key, model)?)
        }
        TableConstraint::Check(check) => checked(check, name, model)?,
        other => return Err(Refusal::new(format!("`{other}`"))),
    }))
}

/// The type of a column; texts are compared by their bytes, as SQLite does it.
fn typed(kind: Kind) -> &'static str {
    if kind == Kind::Text { "text collate \"C\"" } else { kind.sql() }
}

fn scope_of(table: &str, model: &Model) -> Said<Scope<'static>> {
    let mut scope = Scope::default();
    scope.add(table, model.table(table)?.clone());
    Ok(scope)
}

fn checked(check: &CheckConstraint, table: &str, model: &Model) -> Said<String> {
    let writer = Writer::new(model, &[]);
    let condition = writer.condition(&check.expr, &scope_of(table, model)?)?;
    let name = check.name.as_ref().map(|name| format!("constraint {} ", quoted(&plain(name))));
    Ok(format!("{}check ({})", name.unwrap_or_default(), condition.text))
}

fn references(key: &ForeignKeyConstraint, model: &Model) -> Said<String> {
    let table = single(&key.foreign_table)?;
    let known = model.tables.get(&table).ok_or_else(|| {
        Refusal::new(format!("a reference to `{table}` before it is created"))
            .fix(format!("create `{table}` first"))
    })?;
    let mut names = Vec::new();
    for name in &key.referred_columns {
        let name = plain(name);
        if known.column(&name).is_some_and(|column| column.nocase) {
            return Err(Refusal::new(format!(
                "a reference to `{table}.{name}`, a column with `collate nocase`,"
            ))
            .fix("refer to the primary key"));
        }
        names.push(quoted(&name));
    }
    let mut text = format!("references {}", quoted(&table));
    if !names.is_empty() {
        text.push_str(&format!(" ({})", names.join(", ")));
    }
    for (word, action) in [("delete", &key.on_delete), ("update", &key.on_update)] {
        if let Some(action) = action {
            text.push_str(&format!(" on {word} {}", action.to_string().to_lowercase()));
        }
    }
    if let Some(characteristics) = &key.characteristics {
        text.push_str(&format!(" {}", characteristics.to_string().to_lowercase()));
    }
    Ok(text)
}

fn column_names(columns: &[IndexColumn]) -> Vec<String> {
    columns.iter().map(|column| column.column.expr.to_string().to_lowercase()).collect()
}

fn unique_index(table: &str, columns: &[&Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let parts: Vec<String> = columns
        .iter()
        .map(|column| {
            let name = quoted(&column.name);
            if column.nocase { format!("lower({name})") } else { name }
        })
        .collect();
    format!(
        "create unique index {} on {} ({});\n",
        quoted(&format!("{table}_{}_unique", names.join("_"))),
        quoted(table),
        parts.join(", ")
    )
}

fn create_index(index: &CreateIndex, model: &Model) -> Said<String> {
    let table = single(&index.table_name)?;
    let scope = scope_of(&table, model)?;
    let writer = Writer::new(model, &[]);
    let mut parts = Vec::new();
    for IndexColumn { column, .. } in &index.columns {
        let ordered = writer.order_list(std::slice::from_ref(column), &scope)?;
        let is_column = matches!(column.expr, sqlparser::ast::Expr::Identifier(_));
        parts.push(if is_column {
            ordered
        } else {
            let piece = writer.expression(&column.expr, Want::ANY, &scope)?.value();
            let rest = ordered.strip_prefix(&piece.text).unwrap_or_default();
            format!("({}){rest}", piece.text)
        });
    }
    let name = match &index.name {
        Some(name) => quoted(&single(name)?),
        None => return Err(Refusal::new("an index without a name")),
    };
    let unique = if index.unique { "unique " } else { "" };
    let not = if index.if_not_exists { "if not exists " } else { "" };
    let predicate = match &index.predicate {
        Some(predicate) => format!(" where {}", writer.condition(predicate, &scope)?.text),
        None => String::new(),
    };
    Ok(format!(
        "create {unique}index {not}{name} on {} ({}){predicate};\n",
        quoted(&table),
        parts.join(", ")
    ))
}

fn create_view(view: &CreateView, model: &mut Model) -> Said<String> {
    let name = single(&view.name)?;
    let writer = Writer::new(model, &[]);
    let (rows, mut columns) = writer.query(&view.query, &[], &Scope::default())?;
    let names: Vec<String> = view.columns.iter().map(|column| plain(&column.name)).collect();
    for (column, name) in columns.iter_mut().zip(&names) {
        column.name.clone_from(name);
    }
    let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let list = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
    let text = format!("create view {}{list} as\n{};\n", quoted(&name), writer.finish(&rows));
    model.tables.insert(name, Table { columns, full_text: false });
    Ok(text)
}

fn drop_all(
    kind: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    model: &mut Model,
) -> Said<String> {
    let word = match kind {
        ObjectType::Table => "table",
        ObjectType::View => "view",
        ObjectType::Index => "index",
        other => return Err(Refusal::new(format!("`drop {other}`"))),
    };
    let mut out = String::new();
    for name in names {
        let name = single(name)?;
        model.tables.remove(&name);
        let not = if if_exists { "if exists " } else { "" };
        out.push_str(&format!("drop {word} {not}{};\n", quoted(&name)));
    }
    Ok(out)
}

fn alter_table(alter: &AlterTable, model: &mut Model) -> Said<String> {
    let name = single(&alter.name)?;
    let mut out = String::new();
    for operation in &alter.operations {
        let table = model.table(&name)?.clone();
        let mut indexes = String::new();
        let change = match operation {
            AlterTableOperation::AddColumn { column_def, .. } => {
                let column = column_of(column_def)?;
                let mut changed = table;
                changed.columns.push(column.clone());
                model.tables.insert(name.clone(), changed);
                format!(
                    "add column {}",
                    column_line(&name, column_def, &column, model, &mut indexes)?
                )
            }
            AlterTableOperation::DropColumn { column_names, .. } => {
                let gone: Vec<String> = column_names.iter().map(plain).collect();
                let mut changed = table;
                changed.columns.retain(|column| !gone.contains(&column.name));
                model.tables.insert(name.clone(), changed);
                let drops = gone.iter().map(|name| format!("drop column {}", quoted(name)));
                drops.collect::<Vec<_>>().join(", ")
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let (old, new) = (plain(old_column_name), plain(new_column_name));
                let mut changed = table;
                for column in changed.columns.iter_mut().filter(|column| column.name == old) {
                    column.name.clone_from(&new);
                }
                model.tables.insert(name.clone(), changed);
                format!("rename column {} to {}", quoted(&old), quoted(&new))
            }
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new),
            } => {
                let new = single(new)?;
                model.tables.remove(&name);
                model.tables.insert(new.clone(), table);
                format!("rename to {}", quoted(&new))
            }
            other => return Err(Refusal::new(format!("`{other}`"))),
        };
        out.push_str(&format!("alter table {} {change};\n{indexes}", quoted(&name)));
    }
    Ok(out)
}
