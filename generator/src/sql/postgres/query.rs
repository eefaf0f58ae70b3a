//! Queries: what is selected, from where, in which order.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, LimitClause, OrderBy,
    OrderByExpr, OrderByKind, OrderBySort, Query, Select, SelectItem, SetExpr, SetOperator,
    SetQuantifier, Spanned as _, TableFactor, TableWithJoins, Value, Values, WindowSpec,
};

use super::expression::refuse_nocase;
use super::model::{Column, Kind, Table, plain, quoted, single};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::writer::{Want, Writer};

impl Writer<'_> {
    /// A query; the results that have one of these names are wanted to be of that kind.
    pub(super) fn query(
        &self,
        query: &Query,
        outputs: &[(String, Kind)],
        around: &Scope<'_>,
    ) -> Said<(String, Vec<Column>)> {
        let mut scope = Scope::inner(around);
        let mut text = String::new();
        if let Some(with) = &query.with {
            text.push_str(if with.recursive { "with recursive " } else { "with " });
            let mut parts = Vec::new();
            for cte in &with.cte_tables {
                let name = plain(&cte.alias.name);
                let names: Vec<String> =
                    cte.alias.columns.iter().map(|column| plain(&column.name)).collect();
                if with.recursive {
                    let table = self.first_part(&cte.query, &names, &scope)?;
                    scope.named.insert(name.clone(), table);
                }
                let (rows, columns) = self.query(&cte.query, &[], &scope)?;
                let table = Table { columns: renamed(columns, &names), full_text: false };
                scope.named.insert(name.clone(), table);
                let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                let list =
                    if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
                parts.push(format!("{}{list} as ({rows})", quoted(&name)));
            }
            text.push_str(&parts.join(", "));
            text.push(' ');
        }
        let (body, columns) = match &*query.body {
            SetExpr::Select(select) => {
                let (body, columns, mut inside) = self.select(select, outputs, &scope)?;
                inside.results.clone_from(&columns);
                (body + &self.order(query.order_by.as_ref(), &inside)?, columns)
            }
            other => {
                let (body, columns) = self.set(other, outputs, &scope)?;
                let inside = Scope { results: columns.clone(), ..Scope::default() };
                (body + &self.order(query.order_by.as_ref(), &inside)?, columns)
            }
        };
        text.push_str(&body);
        text.push_str(&self.limit(query.limit_clause.as_ref(), &scope)?);
        Ok((text, columns))
    }

    /// The columns of the part of a recursive query that does not repeat.
    fn first_part(&self, query: &Query, names: &[String], scope: &Scope<'_>) -> Said<Table> {
        let mut body = &*query.body;
        while let SetExpr::SetOperation { left, .. } = body {
            body = left;
        }
        let (_, columns) = self.set(body, &[], scope)?;
        Ok(Table { columns: renamed(columns, names), full_text: false })
    }

    fn set(
        &self,
        body: &SetExpr,
        outputs: &[(String, Kind)],
        scope: &Scope<'_>,
    ) -> Said<(String, Vec<Column>)> {
        match body {
            SetExpr::Select(select) => {
                let (text, columns, _) = self.select(select, outputs, scope)?;
                Ok((text, columns))
            }
            SetExpr::Query(query) => {
                let (text, columns) = self.query(query, outputs, scope)?;
                Ok((format!("({text})"), columns))
            }
            SetExpr::Values(values) => self.values(values, &[], scope),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                let (a, columns) = self.set(left, outputs, scope)?;
                let (b, others) = self.set(right, outputs, scope)?;
                if let Some((one, _)) = columns.iter().zip(&others).find(|(one, other)| {
                    let text = |kind| kind == Kind::Text;
                    let known = |kind| kind != Kind::Unknown;
                    text(one.kind) != text(other.kind) && known(one.kind) && known(other.kind)
                }) {
                    return Err(Refusal::new(format!(
                        "`{}`, a text in one part of a `union` and a number in another,",
                        one.name
                    ))
                    .fix("cast it to the same type in both parts"));
                }
                let word = match op {
                    SetOperator::Union => "union",
                    SetOperator::Except | SetOperator::Minus => "except",
                    SetOperator::Intersect => "intersect",
                };
                let all = if *set_quantifier == SetQuantifier::All { " all" } else { "" };
                Ok((format!("{a} {word}{all} {b}"), columns))
            }
            other => Err(Refusal::new(format!("`{other}`"))),
        }
    }

    /// Rows of values; each column's wanted kind is said.
    pub(super) fn values(
        &self,
        values: &Values,
        columns: &[Column],
        scope: &Scope<'_>,
    ) -> Said<(String, Vec<Column>)> {
        let mut rows = Vec::new();
        let mut found: Vec<Column> = Vec::new();
        for row in &values.rows {
            let mut texts = Vec::new();
            for (position, expr) in row.content.iter().enumerate() {
                let kind = columns.get(position).map_or(Kind::Unknown, |column| column.kind);
                let evident = values.rows.len() == 1 && kind != Kind::Unknown;
                let piece = self.value(expr, Want { kind, evident }, scope)?;
                if position == found.len() {
                    found.push(Column::new(&format!("column{}", position + 1), piece.kind));
                }
                texts.push(piece.text);
            }
            rows.push(format!("({})", texts.join(", ")));
        }
        Ok((format!("values {}", rows.join(", ")), found))
    }

    fn select<'s>(
        &self,
        select: &Select,
        outputs: &[(String, Kind)],
        around: &'s Scope<'s>,
    ) -> Said<(String, Vec<Column>, Scope<'s>)> {
        let mut scope = Scope::inner(around);
        let from = self.from(&select.from, &mut scope)?;
        let mut rest = String::new();
        if !from.is_empty() {
            rest.push_str(&format!(" from {from}"));
        }
        if let Some(selection) = &select.selection {
            self.find_search(selection, &mut scope)?;
            rest.push_str(&format!(" where {}", self.condition(selection, &scope)?.text));
        }
        let (items, columns) = self.projection(&select.projection, outputs, &scope)?;
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => "",
            Some(Distinct::Distinct) => {
                if let Some(column) = columns.iter().find(|column| column.nocase) {
                    return Err(Refusal::new(format!(
                        "`distinct` with `{}`, a column with `collate nocase`,",
                        column.name
                    ))
                    .fix("select `lower(column)`"));
                }
                "distinct "
            }
            Some(Distinct::On(_)) => return Err(Refusal::new("`distinct on`")),
        };
        rest.push_str(&self.group(select, &columns, &scope)?);
        if let Some(having) = &select.having {
            rest.push_str(&format!(" having {}", self.condition(having, &scope)?.text));
        }
        if !select.named_window.is_empty() || select.qualify.is_some() {
            return Err(Refusal::new("a window with a name")
                .fix("write the window where it is used: `over (…)`"));
        }
        Ok((format!("select {distinct}{items}{rest}"), columns, scope))
    }

    /// What is selected or returned.
    pub(super) fn projection(
        &self,
        items: &[SelectItem],
        outputs: &[(String, Kind)],
        scope: &Scope<'_>,
    ) -> Said<(String, Vec<Column>)> {
        let (mut texts, mut columns) = (Vec::new(), Vec::new());
        for item in items {
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(plain(alias))),
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    let wanted = match item {
                        SelectItem::QualifiedWildcard(kind, _) => {
                            Some(kind.to_string().trim_end_matches(".*").to_lowercase())
                        }
                        _ => None,
                    };
                    for source in &scope.sources {
                        if wanted.as_ref().is_some_and(|alias| *alias != source.alias) {
                            continue;
                        }
                        for column in &source.table.columns {
                            let piece = scope.qualified(&source.alias, &column.name)?;
                            texts.push(piece.text);
                            columns.push(column.clone());
                        }
                    }
                    continue;
                }
                other @ SelectItem::ExprWithAliases { .. } => {
                    return Err(Refusal::new(format!("`{other}`")));
                }
            };
            let name = alias.clone().or_else(|| last_name(expr)).unwrap_or_default();
            let kind = outputs.iter().find(|(known, _)| *known == name);
            let kind = kind.map_or(Kind::Unknown, |(_, kind)| *kind);
            let mut piece = self.expression(expr, Want::hidden(kind), scope)?.value();
            if piece.from_json && kind != Kind::Unknown {
                piece = piece.cast(kind);
            }
            if piece.is_literal && piece.kind == Kind::Integer {
                piece.text = format!("{}::bigint", piece.atom());
            }
            texts.push(match &alias {
                Some(alias) => format!("{} as {}", piece.text, quoted(alias)),
                None => piece.text,
            });
            let column = Column {
                nocase: piece.nocase,
                not_null: !piece.nullable,
                ..Column::new(&name, piece.kind)
            };
            columns.push(column);
        }
        Ok((texts.join(", "), columns))
    }

    /// `group by`; what is neither grouped nor aggregated is any row's value in SQLite.
    fn group(&self, select: &Select, columns: &[Column], scope: &Scope<'_>) -> Said<String> {
        let GroupByExpr::Expressions(exprs, _) = &select.group_by else {
            return Err(Refusal::new("`group by all`"));
        };
        let aggregates = select.projection.iter().any(is_aggregate);
        if exprs.is_empty() && !aggregates {
            return Ok(String::new());
        }
        let results = Scope { results: columns.to_vec(), ..Scope::default() };
        let (mut texts, mut grouped) = (Vec::new(), Vec::new());
        for expr in exprs {
            if is_position(expr) {
                return Ok(format!(" group by {}", join(exprs)));
            }
            let result = single_name(expr).filter(|name| scope.column(name).is_err());
            let piece = match result.and_then(|name| results.result(&name)) {
                Some(piece) => piece,
                None => self.expression(expr, Want::ANY, scope)?.value(),
            };
            refuse_nocase(&piece, "`group by`").map_err(|e| e.at(expr.span().start))?;
            grouped.extend(last_name(expr));
            texts.push(piece.text);
        }
        for item in &select.projection {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                continue;
            };
            let alone = last_name(expr).filter(|name| !grouped.contains(name));
            let alias = match item {
                SelectItem::ExprWithAlias { alias, .. } => grouped.contains(&plain(alias)),
                _ => false,
            };
            if let Some(name) = alone.filter(|_| !alias) {
                return Err(Refusal::new(format!(
                    "`{name}`, which is neither grouped nor aggregated,"
                ))
                .fix(format!("add it to `group by`, or take `max({name})`"))
                .at(expr.span().start));
            }
        }
        if texts.is_empty() {
            return Ok(String::new());
        }
        Ok(format!(" group by {}", texts.join(", ")))
    }

    /// The tables that are read; each becomes known to the scope.
    pub(super) fn from(&self, from: &[TableWithJoins], scope: &mut Scope<'_>) -> Said<String> {
        let mut texts = Vec::new();
        for table in from {
            let mut text = self.factor(&table.relation, scope)?;
            for join in &table.joins {
                text.push_str(&self.join(join, scope)?);
            }
            texts.push(text);
        }
        Ok(texts.join(", "))
    }

    fn join(&self, join: &Join, scope: &mut Scope<'_>) -> Said<String> {
        let relation = self.factor(&join.relation, scope)?;
        let (word, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
                ("join", constraint)
            }
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                ("left join", constraint)
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                ("right join", constraint)
            }
            JoinOperator::FullOuter(constraint) => ("full join", constraint),
            JoinOperator::CrossJoin(constraint) => ("cross join", constraint),
            other => return Err(Refusal::new(format!("the join `{other:?}`"))),
        };
        // What an outer join leaves out is NULL, whatever the column says.
        if word.ends_with(" join") && word != "cross join" {
            for source in &mut scope.sources {
                for column in &mut source.table.columns {
                    column.not_null = false;
                }
            }
        }
        Ok(match constraint {
            JoinConstraint::On(on) => {
                self.find_search(on, scope)?;
                format!(" {word} {relation} on {}", self.condition(on, scope)?.text)
            }
            JoinConstraint::Using(columns) => {
                let names = columns.iter().map(|name| Ok(quoted(&single(name)?)));
                let names = names.collect::<Said<Vec<_>>>()?.join(", ");
                format!(" {word} {relation} using ({names})")
            }
            JoinConstraint::Natural => format!(" natural {word} {relation}"),
            JoinConstraint::None if word == "join" => format!(" cross join {relation}"),
            JoinConstraint::None => format!(" {word} {relation}"),
        })
    }

    fn factor(&self, factor: &TableFactor, scope: &mut Scope<'_>) -> Said<String> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let table = single(name)?;
                let known = scope.table(&table, self.model)?;
                let alias = alias.as_ref().map(|alias| plain(&alias.name));
                scope.add(alias.as_deref().unwrap_or(&table), known);
                Ok(match alias {
                    Some(alias) => format!("{} as {}", quoted(&table), quoted(&alias)),
                    None => quoted(&table),
                })
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let (rows, columns) = self.query(subquery, &[], scope)?;
                let number = scope.sources.len() + 1;
                let alias = alias.as_ref().map(|alias| plain(&alias.name));
                let alias = alias.unwrap_or_else(|| format!("part_{number}"));
                scope.add(&alias, Table { columns, full_text: false });
                Ok(format!("({rows}) as {}", quoted(&alias)))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let inner = std::slice::from_ref(&**table_with_joins);
                Ok(format!("({})", self.from(inner, scope)?))
            }
            other => Err(Refusal::new(format!("`{other}` as a table"))
                .fix("read tables and views; functions that return rows differ")),
        }
    }

    fn order(&self, order: Option<&OrderBy>, scope: &Scope<'_>) -> Said<String> {
        let Some(order) = order else { return Ok(String::new()) };
        let OrderByKind::Expressions(exprs) = &order.kind else {
            return Err(Refusal::new("`order by all`"));
        };
        Ok(format!(" order by {}", self.order_list(exprs, scope)?))
    }

    /// NULL comes before everything in SQLite, and after everything in Postgres unless it is said.
    pub(super) fn order_list(&self, exprs: &[OrderByExpr], scope: &Scope<'_>) -> Said<String> {
        let mut texts = Vec::new();
        for OrderByExpr { expr, options, .. } in exprs {
            let result = single_name(expr).and_then(|name| scope.result(&name));
            let piece = match result {
                Some(piece) => piece,
                None => self.expression(expr, Want::ANY, scope)?.value(),
            };
            let mut text = if piece.nocase { piece.folded() } else { piece.text.clone() };
            let descends = options.sort == Some(OrderBySort::Desc);
            if descends {
                text.push_str(" desc");
            }
            let first = options.nulls_first.unwrap_or(!descends);
            // Without a word Postgres has them first when it descends.
            if first != descends
                && (piece.nullable || options.nulls_first.is_some())
                && !is_position(expr)
            {
                text.push_str(if first { " nulls first" } else { " nulls last" });
            }
            texts.push(text);
        }
        Ok(texts.join(", "))
    }

    fn limit(&self, limit: Option<&LimitClause>, scope: &Scope<'_>) -> Said<String> {
        let (limit, offset) = match limit {
            None => return Ok(String::new()),
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
        };
        let mut text = String::new();
        for (word, expr) in [("limit", limit), ("offset", offset)] {
            let Some(expr) = expr else { continue };
            let count = self.value(expr, Want::evident(Kind::Integer), scope)?;
            // Nothing is left out in SQLite when the limit is negative.
            if !count.text.starts_with('-') {
                text.push_str(&format!(" {word} {}", count.text));
            }
        }
        Ok(text)
    }

    /// What stands in `over (…)`.
    pub(super) fn window(&self, window: &WindowSpec, scope: &Scope<'_>) -> Said<String> {
        let mut parts = Vec::new();
        if !window.partition_by.is_empty() {
            let by = window.partition_by.iter().map(|expr| {
                let piece = self.expression(expr, Want::ANY, scope)?.value();
                Ok(if piece.nocase { piece.folded() } else { piece.text })
            });
            parts.push(format!("partition by {}", by.collect::<Said<Vec<_>>>()?.join(", ")));
        }
        if !window.order_by.is_empty() {
            parts.push(format!("order by {}", self.order_list(&window.order_by, scope)?));
        }
        if let Some(frame) = &window.window_frame {
            let (units, begin) = (&frame.units, &frame.start_bound);
            parts.push(match &frame.end_bound {
                Some(end) => format!("{units} between {begin} and {end}").to_lowercase(),
                None => format!("{units} {begin}").to_lowercase(),
            });
        }
        Ok(parts.join(" "))
    }
}

fn renamed(mut columns: Vec<Column>, names: &[String]) -> Vec<Column> {
    for (column, name) in columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    columns
}

fn join(exprs: &[Expr]) -> String {
    exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether it names a result by its position.
fn is_position(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Number(..)))
}

fn single_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(plain(ident)),
        _ => None,
    }
}

/// The column's name, if the expression is nothing but a column.
fn last_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(plain(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident: &Ident| plain(ident)),
        _ => None,
    }
}

fn is_aggregate(item: &SelectItem) -> bool {
    let (SelectItem::UnnamedExpr(Expr::Function(call))
    | SelectItem::ExprWithAlias { expr: Expr::Function(call), .. }) = item
    else {
        return false;
    };
    let name = call.name.to_string().to_lowercase();
    call.over.is_none()
        && ["count", "sum", "avg", "total", "group_concat", "json_group_array"]
            .contains(&name.as_str())
}
