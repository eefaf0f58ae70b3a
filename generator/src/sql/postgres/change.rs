//! Statements that change rows.

use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete, Expr, FromTable, Insert, OnConflict,
    OnConflictAction, OnInsert, Query, SelectItem, SetExpr, SqliteOnConflict, Statement,
    TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Value,
};

use super::model::{Column, Kind, Table, plain, quoted, single};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::search;
use super::writer::{Want, Writer};

impl Writer<'_> {
    /// A statement that reads or changes rows.
    pub(super) fn statement(
        &self,
        statement: &Statement,
        outputs: &[(String, Kind)],
        scope: &Scope<'_>,
    ) -> Said<String> {
        match statement {
            Statement::Query(query) => Ok(self.query(query, outputs, scope)?.0),
            Statement::Insert(insert) => self.insert(insert, outputs, scope),
            Statement::Update(update) => self.update(update, outputs, scope),
            Statement::Delete(delete) => self.delete(delete, outputs, scope),
            Statement::Pragma { name, value: None, .. } if name.to_string() == "optimize" => {
                Ok("analyze".to_owned())
            }
            other => Err(Refusal::new(format!("`{}`", first_words(&other.to_string())))),
        }
    }

    fn insert(
        &self,
        insert: &Insert,
        outputs: &[(String, Kind)],
        around: &Scope<'_>,
    ) -> Said<String> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Refusal::new("an insertion into something that is no table"));
        };
        let name = single(name)?;
        let table = self.model.table(&name)?.clone();
        let names: Vec<String> = insert.columns.iter().map(single).collect::<Said<_>>()?;
        if table.full_text && names == [name.as_str()] {
            return search::maintenance(&name, &only_text(insert.source.as_deref()));
        }
        let columns = columns_of(&name, &table, &names)?;
        let mut scope = Scope::inner(around);
        let source = match insert.source.as_deref() {
            None => "default values".to_owned(),
            Some(Query { body, with: None, .. }) if matches!(**body, SetExpr::Values(_)) => {
                let SetExpr::Values(values) = &**body else { return Ok(String::new()) };
                self.values(values, &columns, &scope)?.0
            }
            Some(query) => self.inserted(query, &columns, &scope)?,
        };
        let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let list =
            if insert.source.is_none() { String::new() } else { format!(" ({})", list.join(", ")) };
        let alias = insert.table_alias.as_ref().map(|alias| plain(&alias.alias));
        let as_alias = alias.as_ref().map_or(String::new(), |a| format!(" as {}", quoted(a)));
        let mut text = format!("insert into {}{as_alias}{list} {source}", quoted(&name));
        scope.qualifies = true;
        scope.add(alias.as_deref().unwrap_or(&name), table.clone());
        match insert.or {
            _ if insert.replace_into => return Err(replaces()),
            None | Some(SqliteOnConflict::Abort) => {}
            Some(SqliteOnConflict::Ignore) if insert.on.is_none() => {
                text.push_str(" on conflict do nothing");
            }
            Some(SqliteOnConflict::Replace) => return Err(replaces()),
            Some(other) => return Err(Refusal::new(format!("`insert {other}`"))),
        }
        if let Some(OnInsert::OnConflict(conflict)) = &insert.on {
            text.push_str(&self.conflict(conflict, &table, &mut scope)?);
        }
        scope.qualifies = false;
        Ok(text + &self.returning(insert.returning.as_deref(), outputs, &scope)?)
    }

    /// Rows that come from a query, as the columns want them.
    fn inserted(&self, query: &Query, columns: &[Column], scope: &Scope<'_>) -> Said<String> {
        let (text, found) = self.query(query, &[], scope)?;
        for (column, found) in columns.iter().zip(&found) {
            let text = |kind| kind == Kind::Text;
            if found.kind != Kind::Unknown && text(found.kind) && !text(column.kind) {
                return Err(Refusal::new(format!(
                    "a text put into `{}`, which holds numbers,",
                    column.name
                ))
                .fix("cast it: `cast(x as integer)`"));
            }
        }
        Ok(text)
    }

    fn conflict(
        &self,
        conflict: &OnConflict,
        table: &Table,
        scope: &mut Scope<'_>,
    ) -> Said<String> {
        let mut text = " on conflict".to_owned();
        match &conflict.conflict_target {
            None => {}
            Some(ConflictTarget::Columns(names)) => {
                let target = names.iter().map(|ident| {
                    let name = plain(ident);
                    let nocase = table.column(&name).is_some_and(|column| column.nocase);
                    let name = quoted(&name);
                    if nocase { format!("lower({name})") } else { name }
                });
                text.push_str(&format!(" ({})", target.collect::<Vec<_>>().join(", ")));
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                return Err(Refusal::new(format!("`on conflict on constraint {name}`")));
            }
        }
        let update = match &conflict.action {
            OnConflictAction::DoNothing => return Ok(text + " do nothing"),
            OnConflictAction::DoUpdate(update) => update,
        };
        if conflict.conflict_target.is_none() {
            return Err(Refusal::new("`on conflict do update` without columns")
                .fix("name the columns that conflict: `on conflict (id) do update …`"));
        }
        scope.add("excluded", table.clone());
        let set = self.assignments(&update.assignments, table, scope)?;
        text.push_str(&format!(" do update set {set}"));
        if let Some(selection) = &update.selection {
            text.push_str(&format!(" where {}", self.condition(selection, scope)?.text));
        }
        scope.sources.pop();
        Ok(text)
    }

    fn assignments(
        &self,
        assignments: &[Assignment],
        table: &Table,
        scope: &Scope<'_>,
    ) -> Said<String> {
        let mut texts = Vec::new();
        for Assignment { target, value } in assignments {
            let AssignmentTarget::ColumnName(name) = target else {
                return Err(Refusal::new("an assignment to several columns at once")
                    .fix("assign to one column after the other"));
            };
            let name = single(name)?;
            let kind = table.column(&name).map(|column| column.kind);
            let kind = kind.ok_or_else(|| Refusal::new(format!("the column `{name}`")))?;
            let piece = self.value(value, Want::evident(kind), scope)?;
            texts.push(format!("{} = {}", quoted(&name), piece.text));
        }
        Ok(texts.join(", "))
    }

    fn update(
        &self,
        update: &Update,
        outputs: &[(String, Kind)],
        around: &Scope<'_>,
    ) -> Said<String> {
        if let Some(or) = &update.or {
            return Err(Refusal::new(format!("`update {or}`"))
                .fix("update, and say `on_conflict` of the query"));
        }
        if update.limit.is_some() || !update.order_by.is_empty() {
            return Err(limited("update"));
        }
        let mut scope = Scope::inner(around);
        let target = self.from(std::slice::from_ref(&update.table), &mut scope)?;
        let table = target_table(&update.table)?;
        let table = self.model.table(&table)?.clone();
        let mut rest = String::new();
        match &update.from {
            None => {}
            Some(UpdateTableFromKind::AfterSet(from)) => {
                rest = format!(" from {}", self.from(from, &mut scope)?);
            }
            Some(UpdateTableFromKind::BeforeSet(_)) => return Err(Refusal::new("`update from`")),
        }
        if let Some(selection) = &update.selection {
            self.find_search(selection, &mut scope)?;
            rest.push_str(&format!(" where {}", self.condition(selection, &scope)?.text));
        }
        let set = self.assignments(&update.assignments, &table, &scope)?;
        rest.push_str(&self.returning(update.returning.as_deref(), outputs, &scope)?);
        Ok(format!("update {target} set {set}{rest}"))
    }

    fn delete(
        &self,
        delete: &Delete,
        outputs: &[(String, Kind)],
        around: &Scope<'_>,
    ) -> Said<String> {
        if delete.limit.is_some() || !delete.order_by.is_empty() {
            return Err(limited("delete"));
        }
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let mut scope = Scope::inner(around);
        let mut text = format!("delete from {}", self.from(from, &mut scope)?);
        if let Some(selection) = &delete.selection {
            self.find_search(selection, &mut scope)?;
            text.push_str(&format!(" where {}", self.condition(selection, &scope)?.text));
        }
        Ok(text + &self.returning(delete.returning.as_deref(), outputs, &scope)?)
    }

    fn returning(
        &self,
        items: Option<&[SelectItem]>,
        outputs: &[(String, Kind)],
        scope: &Scope<'_>,
    ) -> Said<String> {
        let Some(items) = items else { return Ok(String::new()) };
        Ok(format!(" returning {}", self.projection(items, outputs, scope)?.0))
    }
}

fn columns_of(name: &str, table: &Table, names: &[String]) -> Said<Vec<Column>> {
    if names.is_empty() {
        return Ok(table.columns.clone());
    }
    let column = |wanted: &String| {
        table.column(wanted).cloned().ok_or_else(|| {
            Refusal::new(format!("`{wanted}`, which is not a column of `{name}`,"))
                .fix("name columns that the migrations declare; there is no `rowid` on Postgres")
        })
    };
    names.iter().map(column).collect()
}

fn target_table(table: &TableWithJoins) -> Said<String> {
    match &table.relation {
        TableFactor::Table { name, .. } if table.joins.is_empty() => single(name),
        other => Err(Refusal::new(format!("an update of `{other}`"))),
    }
}

/// The text in `values ('text')`.
fn only_text(source: Option<&Query>) -> String {
    let Some(SetExpr::Values(values)) = source.map(|query| &*query.body) else {
        return String::new();
    };
    match values.rows.first().and_then(|row| row.content.first()) {
        Some(Expr::Value(value)) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn replaces() -> Refusal {
    Refusal::new("`insert or replace`").fix(
        "write `insert … on conflict (columns) do update set …`, which also leaves rows that refer to it alone",
    )
}

fn limited(what: &str) -> Refusal {
    Refusal::new(format!("`{what} … limit`"))
        .fix(format!("write `{what} … where id in (select id … limit …)`"))
}

fn first_words(text: &str) -> String {
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ").to_lowercase()
}
