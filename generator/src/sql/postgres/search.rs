//! Full-text search: FTS5 tables become tables with an index of words, and `match` a search in it.

use sqlparser::ast::{BinaryOperator, Expr};

use super::expression::is_parameter;
use super::model::{Column, Kind, Model, Table, plain, quoted};
use super::piece::{Level, Piece};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::writer::{Want, Writer};

/// The column that holds the words of a row.
pub(super) const INDEX: &str = "searched_words";

/// The functions that split texts into words and read queries as FTS5 does.
const FUNCTIONS: &str = include_str!("search.sql");

/// The statements that make a table of FTS5, from what stands in its parentheses.
pub(super) fn create(name: &str, module: &str, args: &[String], model: &mut Model) -> Said<String> {
    if module != "fts5" {
        return Err(Refusal::new(format!("the virtual table `{name}` of `{module}`"))
            .fix("of virtual tables only `fts5` has a form on Postgres"));
    }
    let mut table = Table { full_text: true, ..Table::default() };
    let (mut words, mut indexes) = (Vec::new(), String::new());
    for arg in args {
        let mut parts = arg.split_whitespace();
        let column = parts.next().unwrap_or_default().trim_matches(['"', '`']).to_lowercase();
        if arg.contains('=') {
            return Err(Refusal::new(format!("the option `{arg}` of `{name}`"))
                .fix("leave it out: only the columns of an `fts5` table have a form on Postgres"));
        }
        if parts.any(|part| part.eq_ignore_ascii_case("unindexed")) {
            // Rows are found by it.
            let index = quoted(&format!("{name}_by_{column}"));
            let (table, column) = (quoted(name), quoted(&column));
            indexes.push_str(&format!("create index {index} on {table} ({column});\n"));
        } else {
            words.push(format!("coalesce({}, '')", quoted(&column)));
        }
        table.columns.push(Column::new(&column, Kind::Text));
    }
    let mut out = String::new();
    if !std::mem::replace(&mut model.searches, true) {
        out.push_str(FUNCTIONS);
        out.push('\n');
    }
    let columns = table
        .columns
        .iter()
        .map(|column| format!("  {} text collate \"C\",\n", quoted(&column.name)));
    out.push_str(&format!(
        "create table {table} (\n{columns}  {INDEX} tsvector not null\n    generated always as \
         (to_tsvector('simple', proofline_words({words}))) stored\n);\ncreate index {index} on {table} using \
         gin ({INDEX});\n{indexes}",
        table = quoted(name),
        columns = columns.collect::<String>(),
        words = words.join(" || ' ' || "),
        index = quoted(&index(name)),
    ));
    model.tables.insert(name.to_owned(), table);
    Ok(out)
}

fn index(table: &str) -> String {
    format!("{table}_words")
}

/// What an FTS5 table is told by inserting into the column of its own name.
pub(super) fn maintenance(table: &str, command: &str) -> Said<String> {
    match command {
        "optimize" => {
            Ok(format!("select gin_clean_pending_list('{}'::regclass)", quoted(&index(table))))
        }
        "rebuild" => Ok(format!("reindex index {}", quoted(&index(table)))),
        other => Err(Refusal::new(format!("the command `{other}` to `{table}`"))
            .fix("give `optimize` or `rebuild`")),
    }
}

impl Writer<'_> {
    /// `table match query`, or `column match query`.
    pub(super) fn search(&self, left: &Expr, right: &Expr, scope: &Scope<'_>) -> Said<Piece> {
        let query = self.words_of(right, scope)?;
        let text = match left {
            Expr::Identifier(ident)
                if scope.source(&plain(ident)).is_some_and(|s| s.table.full_text) =>
            {
                format!("{}.{INDEX} @@ {query}", quoted(&plain(ident)))
            }
            _ => {
                let column = self.expression(left, Want::ANY, scope)?;
                format!("to_tsvector('simple', proofline_words({})) @@ {query}", column.text)
            }
        };
        Ok(Piece::new(text, Kind::Boolean).level(Level::Comparison).never_null())
    }

    fn words_of(&self, query: &Expr, scope: &Scope<'_>) -> Said<String> {
        let want = if is_parameter(query) { Want::evident(Kind::Text) } else { Want::ANY };
        Ok(format!("proofline_match({})", self.value(query, want, scope)?.text))
    }

    /// Remembers what is searched, because `rank` does not say it again.
    pub(super) fn find_search(&self, condition: &Expr, scope: &mut Scope<'_>) -> Said<()> {
        match condition {
            Expr::Nested(inner) => self.find_search(inner, scope)?,
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.find_search(left, scope)?;
                self.find_search(right, scope)?;
            }
            Expr::BinaryOp { left, op: BinaryOperator::Match, right } => {
                let name = match &**left {
                    Expr::Identifier(ident) => plain(ident),
                    Expr::CompoundIdentifier(parts) => parts.first().map(plain).unwrap_or_default(),
                    _ => return Ok(()),
                };
                let searched = scope.sources.iter().find(|source| {
                    source.table.full_text
                        && (source.alias == name || source.table.column(&name).is_some())
                });
                if let Some(alias) = searched.map(|source| source.alias.clone()) {
                    scope.search = Some((alias, self.words_of(right, scope)?));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
