//! Expressions.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, Expr, Ident, Spanned as _, UnaryOperator, Value,
};

use super::function;
use super::model::{Kind, literal, plain};
use super::piece::{Level, Piece};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::writer::{Want, Writer};

impl Writer<'_> {
    /// An expression, wanted to be something.
    pub(super) fn expression(&self, expr: &Expr, want: Want, scope: &Scope<'_>) -> Said<Piece> {
        self.any(expr, want, scope).map_err(|refusal| refusal.at(expr.span().start))
    }

    /// An expression as a condition.
    pub(super) fn condition(&self, expr: &Expr, scope: &Scope<'_>) -> Said<Piece> {
        let piece = self.expression(expr, Want::hidden(Kind::Integer), scope)?;
        piece.condition().map_err(|refusal| refusal.at(expr.span().start))
    }

    /// An expression as a value of this kind.
    pub(super) fn value(&self, expr: &Expr, want: Want, scope: &Scope<'_>) -> Said<Piece> {
        Ok(self.expression(expr, want, scope)?.cast(want.kind))
    }

    fn any(&self, expr: &Expr, want: Want, scope: &Scope<'_>) -> Said<Piece> {
        let truth = |text: String| Piece::new(text, Kind::Boolean).level(Level::Comparison);
        Ok(match expr {
            Expr::Identifier(ident) => scope.column(&plain(ident))?,
            Expr::CompoundIdentifier(parts) => compound(parts, scope)?,
            Expr::Value(value) => self.literal(&value.value, want)?,
            Expr::Nested(inner) => {
                let inner = self.expression(inner, want, scope)?;
                Piece { text: format!("({})", inner.text), level: Level::Atom, ..inner }
            }
            Expr::IsNull(inner) => self.is_null(inner, "is null", scope)?,
            Expr::IsNotNull(inner) => self.is_null(inner, "is not null", scope)?,
            Expr::IsTrue(inner) => self.is_truth(inner, "is true", scope)?,
            Expr::IsNotTrue(inner) => self.is_truth(inner, "is not true", scope)?,
            Expr::IsFalse(inner) => self.is_truth(inner, "is false", scope)?,
            Expr::IsNotFalse(inner) => self.is_truth(inner, "is not false", scope)?,
            Expr::IsDistinctFrom(a, b) => {
                self.compare(a, "is distinct from", b, scope)?.never_null()
            }
            Expr::IsNotDistinctFrom(a, b) => {
                self.compare(a, "is not distinct from", b, scope)?.never_null()
            }
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated, scope)?,
            Expr::InSubquery { expr, subquery, negated } => {
                let (rows, columns) = self.query(subquery, &[], scope)?;
                let kind = columns.first().map_or(Kind::Unknown, |column| column.kind);
                let left = self.value(expr, Want::evident(kind), scope)?;
                refuse_nocase(&left, "`in (select …)`")?;
                let not = if *negated { "not " } else { "" };
                truth(format!("{} {not}in ({rows})", left.within(Level::Operator)))
            }
            Expr::Between { expr, negated, low, high } => {
                let (low, high) = (
                    self.compare(expr, if *negated { "<" } else { ">=" }, low, scope)?,
                    self.compare(expr, if *negated { ">" } else { "<=" }, high, scope)?,
                );
                let both = if *negated { "or" } else { "and" };
                Piece::new(format!("({} {both} {})", low.text, high.text), Kind::Boolean)
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, want, scope)?,
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, want, scope)?,
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(*negated, expr, pattern, escape_char.as_deref(), scope)?
            }
            Expr::Cast { kind: CastKind::Cast, expr, data_type, .. } => {
                let kind = Kind::declared(data_type)?;
                function::convert(self.expression(expr, Want::hidden(kind), scope)?, kind)?
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), want, scope)?
            }
            Expr::Exists { subquery, negated } => {
                let (rows, _) = self.query(subquery, &[], scope)?;
                let not = if *negated { "not " } else { "" };
                truth(format!("{not}exists ({rows})")).level(Level::Not).never_null()
            }
            Expr::Subquery(query) => {
                let (rows, columns) = self.query(query, &[], scope)?;
                let kind = columns.first().map_or(Kind::Unknown, |column| column.kind);
                Piece::new(format!("({rows})"), kind)
            }
            Expr::Tuple(parts) => {
                let parts = parts
                    .iter()
                    .map(|part| Ok(self.expression(part, Want::ANY, scope)?.value().text));
                Piece::new(
                    format!("({})", parts.collect::<Said<Vec<_>>>()?.join(", ")),
                    Kind::Unknown,
                )
            }
            Expr::Function(call) => self.function(call, want, scope)?,
            Expr::Substring { .. } | Expr::Trim { .. } | Expr::Ceil { .. } | Expr::Floor { .. } => {
                self.special(expr, scope)?
            }
            Expr::Collate { expr, collation } => {
                let mut inner = self.expression(expr, Want::evident(Kind::Text), scope)?;
                match collation.to_string().to_lowercase().as_str() {
                    "nocase" => inner.nocase = true,
                    "binary" => inner.nocase = false,
                    other => return Err(Refusal::new(format!("the collation `{other}`"))),
                }
                inner
            }
            other => return Err(Refusal::new(format!("`{other}`"))),
        })
    }

    fn literal(&self, value: &Value, want: Want) -> Said<Piece> {
        let mut piece = match value {
            Value::Number(number, _) => {
                let whole = number.bytes().all(|byte| byte.is_ascii_digit());
                let number = number.replace('_', "");
                if whole {
                    Piece::new(number, Kind::Integer).never_null()
                } else {
                    // By itself it would be a `numeric`, which is something else than SQLite's.
                    Piece::new(format!("{number}::double precision"), Kind::Real).never_null()
                }
            }
            Value::SingleQuotedString(text) => Piece::new(literal(text), Kind::Text).never_null(),
            Value::Boolean(truth) => {
                Piece::new(if *truth { "1" } else { "0" }, Kind::Integer).never_null()
            }
            Value::Null => return Ok(Piece::new("null", Kind::Unknown)),
            Value::Placeholder(name) => return self.parameter(name, want),
            other => return Err(Refusal::new(format!("the value `{other}`"))),
        };
        piece.is_literal = piece.kind == Kind::Integer;
        Ok(piece)
    }

    fn is_null(&self, inner: &Expr, asked: &str, scope: &Scope<'_>) -> Said<Piece> {
        let inner = self.expression(inner, Want::ANY, scope)?.value();
        let text = format!("{} {asked}", inner.within(Level::Operator));
        Ok(Piece::new(text, Kind::Boolean).level(Level::Comparison).never_null())
    }

    fn is_truth(&self, inner: &Expr, asked: &str, scope: &Scope<'_>) -> Said<Piece> {
        let inner = self.condition(inner, scope)?;
        let text = format!("({}) {asked}", inner.text);
        Ok(Piece::new(text, Kind::Boolean).level(Level::Comparison).never_null())
    }

    /// Two values that are compared, each as the other wants it.
    pub(super) fn pair(&self, a: &Expr, b: &Expr, scope: &Scope<'_>) -> Said<(Piece, Piece)> {
        let (mut left, mut right);
        if is_parameter(a) {
            right = self.expression(b, Want::ANY, scope)?.value();
            left = self.expression(a, wanted(&right), scope)?;
        } else {
            left = self.expression(a, Want::ANY, scope)?.value();
            right = self.expression(b, wanted(&left), scope)?.value();
        }
        if left.kind != right.kind && left.kind != Kind::Unknown && right.kind != Kind::Unknown {
            let numbers = [Kind::Integer, Kind::Real];
            let both = numbers.contains(&left.kind) && numbers.contains(&right.kind);
            if right.is_literal && left.kind == Kind::Text && !left.from_json {
                right = right.cast(Kind::Text);
            } else if left.is_literal && right.kind == Kind::Text && !right.from_json {
                left = left.cast(Kind::Text);
            } else if left.from_json && numbers.contains(&right.kind) {
                left = left.cast(Kind::Real);
            } else if right.from_json && numbers.contains(&left.kind) {
                right = right.cast(Kind::Real);
            } else if !both {
                let (a, b) = (left.kind.sql(), right.kind.sql());
                return Err(Refusal::new(format!(
                    "`{a} and {b}` compared with each other; Postgres compares only what is alike,"
                ))
                .fix("cast one of them: `cast(x as text)` or `cast(x as integer)`"));
            }
        }
        Ok((left, right))
    }

    fn compare(&self, a: &Expr, sign: &str, b: &Expr, scope: &Scope<'_>) -> Said<Piece> {
        let (left, right) = self.pair(a, b, scope)?;
        let nullable = left.nullable || right.nullable;
        let (left, right) = if left.nocase || right.nocase {
            (self.fold(a, &left, scope)?, self.fold(b, &right, scope)?)
        } else {
            (left.within(Level::Operator), right.within(Level::Operator))
        };
        let text = format!("{left} {sign} {right}");
        Ok(Piece::new(text, Kind::Boolean).level(Level::Comparison).null_like(nullable))
    }

    /// A piece without upper and lower case; a parameter is said to be a text.
    pub(super) fn fold(&self, expr: &Expr, piece: &Piece, scope: &Scope<'_>) -> Said<String> {
        if is_parameter(expr) {
            return Ok(self.expression(expr, Want::hidden(Kind::Text), scope)?.folded());
        }
        Ok(piece.folded())
    }

    fn in_list(&self, expr: &Expr, list: &[Expr], negated: bool, scope: &Scope<'_>) -> Said<Piece> {
        if list.is_empty() {
            return Ok(Piece::new(if negated { "true" } else { "false" }, Kind::Boolean));
        }
        let mut texts = Vec::new();
        let mut left = self.expression(expr, Want::ANY, scope)?.value();
        for item in list {
            let (one, other) = self.pair(expr, item, scope)?;
            left = one;
            let folded = left.nocase;
            texts.push(if folded { self.fold(item, &other, scope)? } else { other.text });
        }
        let left = if left.nocase { left.folded() } else { left.within(Level::Operator) };
        let not = if negated { "not " } else { "" };
        let text = format!("{left} {not}in ({})", texts.join(", "));
        Ok(Piece::new(text, Kind::Boolean).level(Level::Comparison))
    }

    fn binary(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        want: Want,
        scope: &Scope<'_>,
    ) -> Said<Piece> {
        let sign = match op {
            BinaryOperator::And => return self.both(left, "and", Level::And, right, scope),
            BinaryOperator::Or => return self.both(left, "or", Level::Or, right, scope),
            BinaryOperator::Eq => "=",
            BinaryOperator::NotEq => "<>",
            BinaryOperator::Lt => "<",
            BinaryOperator::LtEq => "<=",
            BinaryOperator::Gt => ">",
            BinaryOperator::GtEq => ">=",
            BinaryOperator::Match => return self.search(left, right, scope),
            BinaryOperator::StringConcat => return self.concatenate(left, right, scope),
            BinaryOperator::Arrow => return function::json_part(self, left, right, false, scope),
            BinaryOperator::LongArrow => {
                return function::json_part(self, left, right, true, scope);
            }
            BinaryOperator::Plus => return self.arithmetic(left, "+", right, want, scope),
            BinaryOperator::Minus => return self.arithmetic(left, "-", right, want, scope),
            BinaryOperator::Multiply => return self.arithmetic(left, "*", right, want, scope),
            BinaryOperator::Divide => return self.arithmetic(left, "/", right, want, scope),
            BinaryOperator::Modulo => return self.arithmetic(left, "%", right, want, scope),
            BinaryOperator::BitwiseAnd => return self.arithmetic(left, "&", right, want, scope),
            BinaryOperator::BitwiseOr => return self.arithmetic(left, "|", right, want, scope),
            other => return Err(Refusal::new(format!("the operator `{other}`"))),
        };
        self.compare(left, sign, right, scope)
    }

    fn both(
        &self,
        left: &Expr,
        word: &str,
        level: Level,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Said<Piece> {
        let (left, right) = (self.condition(left, scope)?, self.condition(right, scope)?);
        let text = format!("{} {word} {}", left.within(level), right.within(level));
        Ok(Piece::new(text, Kind::Boolean).level(level).null_like(left.nullable || right.nullable))
    }

    fn arithmetic(
        &self,
        a: &Expr,
        sign: &str,
        b: &Expr,
        want: Want,
        scope: &Scope<'_>,
    ) -> Said<Piece> {
        let number = |kind| if kind == Kind::Real { Kind::Real } else { Kind::Integer };
        let (left, right);
        let beside = |other: &Piece| Want { kind: number(other.kind), evident: !other.is_literal };
        if is_parameter(a) {
            right = self.expression(b, Want::hidden(number(want.kind)), scope)?.value();
            left = self.expression(a, beside(&right), scope)?;
        } else {
            left = self.expression(a, Want::hidden(number(want.kind)), scope)?.value();
            right = self.expression(b, beside(&left), scope)?.value();
        }
        for side in [&left, &right] {
            if side.kind == Kind::Text && !side.from_json {
                return Err(Refusal::new(format!("`{}`, a text, in a calculation", side.text))
                    .fix("write `cast(x as integer)` or `cast(x as real)`"));
            }
        }
        let json = |piece: Piece| if piece.from_json { piece.cast(Kind::Real) } else { piece };
        let (left, right) = (json(left), json(right));
        let real = left.kind == Kind::Real || right.kind == Kind::Real;
        let kind = if real { Kind::Real } else { Kind::Integer };
        // Nothing comes of a division by zero in SQLite; Postgres would fail.
        let divides = matches!(sign, "/" | "%") && !(right.is_literal && right.text != "0");
        let text = if divides {
            format!("{} {sign} nullif({}, 0)", left.atom(), right.text)
        } else {
            format!("{} {sign} {}", left.atom(), right.atom())
        };
        let nullable = left.nullable || right.nullable || divides;
        Ok(Piece::new(text, kind).level(Level::Operator).null_like(nullable))
    }

    fn concatenate(&self, a: &Expr, b: &Expr, scope: &Scope<'_>) -> Said<Piece> {
        let side = |expr: &Expr| {
            let piece = self.expression(expr, Want::hidden(Kind::Text), scope)?.value();
            let text = function::convert(piece, Kind::Text)?;
            let chain = text.level == Level::Operator && text.text.contains(" || ");
            Ok((if chain { text.text.clone() } else { text.atom() }, text.nullable))
        };
        let ((left, one), (right, other)) = (side(a)?, side(b)?);
        let text = format!("{left} || {right}");
        Ok(Piece::new(text, Kind::Text).level(Level::Operator).null_like(one || other))
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr, want: Want, scope: &Scope<'_>) -> Said<Piece> {
        Ok(match op {
            UnaryOperator::Not => {
                let inner = self.condition(expr, scope)?;
                Piece::new(format!("not {}", inner.within(Level::Comparison)), Kind::Boolean)
                    .level(Level::Not)
                    .null_like(inner.nullable)
            }
            UnaryOperator::Minus | UnaryOperator::Plus => {
                let inner = self.expression(expr, Want::hidden(want.kind), scope)?.value();
                let sign = if op == UnaryOperator::Minus { "-" } else { "" };
                Piece { text: format!("{sign}{}", inner.atom()), ..inner }
            }
            other => return Err(Refusal::new(format!("the operator `{other}`"))),
        })
    }

    /// SQLite's `like` does not look at the case of ASCII letters, and has no sign of escape unless it is said.
    fn like(
        &self,
        negated: bool,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Said<Piece> {
        let text = |expr: &Expr| {
            let piece = self.expression(expr, Want::evident(Kind::Text), scope)?.value();
            function::convert(piece, Kind::Text)
        };
        let (left, right) = (text(expr)?, text(pattern)?);
        let escape = match escape {
            Some(escape) => self.expression(escape, Want::evident(Kind::Text), scope)?.text,
            None => "''".to_owned(),
        };
        let not = if negated { "not " } else { "" };
        let text = format!(
            "{} collate \"C\" {not}ilike {} escape {escape}",
            left.atom(),
            right.within(Level::Operator)
        );
        let nullable = left.nullable || right.nullable;
        Ok(Piece::new(text, Kind::Boolean).level(Level::Comparison).null_like(nullable))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        want: Want,
        scope: &Scope<'_>,
    ) -> Said<Piece> {
        let results: Vec<&Expr> =
            conditions.iter().map(|when| &when.result).chain(otherwise).collect();
        let pieces = self.alike(&results, want, scope)?;
        let kind = pieces.iter().map(|p| p.kind).find(|k| *k != Kind::Unknown);
        let mut text = "case".to_owned();
        for (when, piece) in conditions.iter().zip(&pieces) {
            let condition = match operand {
                Some(operand) => self.compare(operand, "=", &when.condition, scope)?,
                None => self.condition(&when.condition, scope)?,
            };
            text.push_str(&format!(" when {} then {}", condition.text, piece.text));
        }
        let last = otherwise.and_then(|_| pieces.last());
        if let Some(last) = last {
            text.push_str(&format!(" else {}", last.text));
        }
        text.push_str(" end");
        let nullable = last.is_none() || pieces.iter().any(|piece| piece.nullable);
        Ok(Piece::new(text, kind.unwrap_or(Kind::Unknown)).null_like(nullable))
    }

    /// Several expressions of which one is taken: all become the same kind.
    pub(super) fn alike(&self, exprs: &[&Expr], want: Want, scope: &Scope<'_>) -> Said<Vec<Piece>> {
        let (mut kind, mut evident) = (Kind::Unknown, false);
        for expr in exprs.iter().filter(|expr| !is_parameter(expr)) {
            let piece = self.expression(expr, want, scope)?.value();
            evident |= piece.kind != Kind::Unknown && !piece.is_literal;
            kind = match (kind, piece.kind) {
                (Kind::Unknown, other) | (other, Kind::Unknown) => other,
                (Kind::Integer, Kind::Real) | (Kind::Real, Kind::Integer) => Kind::Real,
                (one, other) if one == other => one,
                _ => {
                    return Err(Refusal::new(
                        "a value that is sometimes a text and sometimes a number",
                    )
                    .fix("cast all of them to the same type"));
                }
            };
        }
        let known = if kind == Kind::Unknown { want } else { Want { kind, evident } };
        exprs.iter().map(|expr| self.value(expr, known, scope)).collect()
    }
}

/// What stands beside this piece is wanted to be; of a number that is written out Postgres thinks a smaller type.
fn wanted(other: &Piece) -> Want {
    if other.kind == Kind::Unknown {
        Want::ANY
    } else {
        Want { kind: other.kind, evident: !other.is_literal }
    }
}

/// Whether an expression is nothing but a parameter.
pub(super) fn is_parameter(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_parameter(inner),
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}

pub(super) fn refuse_nocase(piece: &Piece, place: &str) -> Said<()> {
    if piece.nocase {
        return Err(Refusal::new(format!(
            "`{}`, a column with `collate nocase`, in {place}",
            piece.text
        ))
        .fix("write `lower(column)` there"));
    }
    Ok(())
}

fn compound(parts: &[Ident], scope: &Scope<'_>) -> Said<Piece> {
    match parts {
        [table, column] => scope.qualified(&plain(table), &plain(column)),
        [main, table, column] if plain(main) == "main" => {
            scope.qualified(&plain(table), &plain(column))
        }
        _ => Err(Refusal::new("a name of more than two parts").fix("write `table.column`")),
    }
}
