//! Functions: what SQLite calls them, and what gives the same on Postgres.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    TrimWhereField, Value, WindowType,
};

use super::model::{Kind, literal, single};
use super::piece::{Level, Piece};
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::time;
use super::writer::{Want, Writer};

/// A call with its arguments.
pub(super) struct Call<'c> {
    pub(super) name: String,
    pub(super) args: Vec<&'c Expr>,
    star: bool,
    distinct: bool,
}

impl Writer<'_> {
    /// A call of a function.
    pub(super) fn function(&self, call: &Function, want: Want, scope: &Scope<'_>) -> Said<Piece> {
        let parts = parts(call)?;
        let mut piece = if let Some(piece) = self.aggregate(&parts, scope)? {
            piece
        } else if call.over.is_some() {
            self.ranking(&parts, scope)?
        } else {
            self.scalar(&parts, want, scope)?
        };
        let mut after = String::new();
        if let Some(filter) = &call.filter {
            after.push_str(&format!(" filter (where {})", self.condition(filter, scope)?.text));
        }
        match &call.over {
            None => {}
            Some(WindowType::NamedWindow(name)) => {
                return Err(Refusal::new(format!("the named window `{name}`"))
                    .fix("write the window where it is used: `over (…)`"));
            }
            Some(WindowType::WindowSpec(window)) => {
                after.push_str(&format!(" over ({})", self.window(window, scope)?));
            }
        }
        // What makes SQLite's type of the result stands around the whole call.
        if !after.is_empty() {
            piece.text = match piece.text.split_once(CALL) {
                Some((before, rest)) => format!("{before}{after}{rest}"),
                None => piece.text + &after,
            };
        }
        piece.text = piece.text.replace(CALL, "");
        Ok(piece)
    }

    fn aggregate(&self, call: &Call<'_>, scope: &Scope<'_>) -> Said<Option<Piece>> {
        let distinct = if call.distinct { "distinct " } else { "" };
        let one = |want: Want| -> Said<Piece> {
            match call.args.as_slice() {
                [arg] => Ok(self.expression(arg, want, scope)?.value()),
                _ => Err(wrong_count(call)),
            }
        };
        let number = || -> Said<Piece> {
            let piece = one(Want::hidden(Kind::Integer))?;
            Ok(if piece.from_json { piece.cast(Kind::Real) } else { piece })
        };
        let name = call.name.as_str();
        Ok(Some(match name {
            "count" if call.star || call.args.is_empty() => {
                Piece::new(format!("count(*){CALL}"), Kind::Integer).never_null()
            }
            "count" => {
                let text = format!("count({distinct}{}){CALL}", one(Want::ANY)?.text);
                Piece::new(text, Kind::Integer).never_null()
            }
            "sum" => {
                let piece = number()?;
                Piece::new(
                    format!("sum({distinct}{}){CALL}::{}", piece.text, piece.kind.sql()),
                    piece.kind,
                )
            }
            "avg" => {
                let text = format!("avg({distinct}{}){CALL}::double precision", number()?.text);
                Piece::new(text, Kind::Real)
            }
            "total" => {
                let text = format!("coalesce(sum({distinct}{}){CALL}, 0)", number()?.text);
                Piece::new(format!("{text}::double precision"), Kind::Real).never_null()
            }
            "min" | "max" if call.args.len() == 1 => {
                let piece = one(Want::ANY)?;
                super::expression::refuse_nocase(&piece, "`min` or `max`")?;
                Piece::new(format!("{name}({}){CALL}", piece.text), piece.kind)
            }
            "group_concat" | "string_agg" => {
                let (first, sign) = match call.args.as_slice() {
                    [first] => (first, literal(",")),
                    [first, sign] => {
                        (first, self.value(sign, Want::hidden(Kind::Text), scope)?.text)
                    }
                    _ => return Err(wrong_count(call)),
                };
                let first = self.expression(first, Want::hidden(Kind::Text), scope)?.value();
                let first = convert(first, Kind::Text)?.text;
                Piece::new(format!("string_agg({distinct}{first}, {sign}){CALL}"), Kind::Text)
            }
            _ => return Ok(None),
        }))
    }

    fn ranking(&self, call: &Call<'_>, scope: &Scope<'_>) -> Said<Piece> {
        let kind = match call.name.as_str() {
            "row_number" | "rank" | "dense_rank" | "ntile" => Kind::Integer,
            "lag" | "lead" | "first_value" | "last_value" => Kind::Unknown,
            other => return Err(Refusal::new(format!("the window function `{other}`"))),
        };
        let mut texts = Vec::new();
        let mut first = kind;
        for (position, arg) in call.args.iter().enumerate() {
            let want = if position == 0 { Want::ANY } else { Want::hidden(Kind::Integer) };
            let piece = self.expression(arg, want, scope)?.value();
            if position == 0 && kind == Kind::Unknown {
                first = piece.kind;
            }
            let number = piece.kind == Kind::Integer && (position == 1 || call.name == "ntile");
            texts.push(if number { format!("{}::integer", piece.atom()) } else { piece.text });
        }
        Ok(Piece::new(format!("{}({}){CALL}", call.name, texts.join(", ")), first))
    }

    fn scalar(&self, call: &Call<'_>, want: Want, scope: &Scope<'_>) -> Said<Piece> {
        if let Some(piece) = time::function(self, call, scope)? {
            return Ok(piece);
        }
        if let Some(piece) = self.json_function(call, scope)? {
            return Ok(piece);
        }
        let name = call.name.as_str();
        let text = |position: usize| -> Said<Piece> {
            let arg = call.args.get(position).ok_or_else(|| wrong_count(call))?;
            let piece = self.expression(arg, Want::hidden(Kind::Text), scope)?.value();
            convert(piece, Kind::Text)
        };
        let number = |position: usize, kind: Kind| -> Said<Piece> {
            let arg = call.args.get(position).ok_or_else(|| wrong_count(call))?;
            Ok(self.expression(arg, Want::hidden(kind), scope)?.value())
        };
        Ok(match name {
            "coalesce" | "ifnull" => {
                let pieces = self.alike(&call.args, want, scope)?;
                let nullable = pieces.iter().all(|piece| piece.nullable);
                let kind = pieces.iter().map(|p| p.kind).find(|k| *k != Kind::Unknown);
                let texts: Vec<String> = pieces.into_iter().map(|piece| piece.text).collect();
                let kind = kind.unwrap_or(Kind::Unknown);
                Piece::new(format!("coalesce({})", texts.join(", ")), kind).null_like(nullable)
            }
            "nullif" => {
                let [a, b] = call.args.as_slice() else { return Err(wrong_count(call)) };
                let (left, right) = self.pair(a, b, scope)?;
                Piece::new(format!("nullif({}, {})", left.text, right.text), left.kind)
            }
            "iif" | "if" => {
                let [asked, yes, no] = call.args.as_slice() else { return Err(wrong_count(call)) };
                let asked = self.condition(asked, scope)?.text;
                let pieces = self.alike(&[yes, no], want, scope)?;
                let [yes, no] = pieces.as_slice() else { return Err(wrong_count(call)) };
                let kind = if yes.kind == Kind::Unknown { no.kind } else { yes.kind };
                let text = format!("case when {asked} then {} else {} end", yes.text, no.text);
                Piece::new(text, kind).null_like(yes.nullable || no.nullable)
            }
            "min" | "max" => self.extreme(call, scope)?,
            // Only letters of ASCII have a case in SQLite.
            "lower" | "upper" => {
                let piece = text(0)?;
                let text = format!("{name}({} collate \"C\")", piece.atom());
                Piece::new(text, Kind::Text).null_like(piece.nullable)
            }
            "length" => {
                let piece = text(0)?;
                Piece::new(format!("length({})", piece.text), Kind::Integer)
                    .null_like(piece.nullable)
            }
            "trim" | "ltrim" | "rtrim" | "replace" => {
                let pieces = (0..call.args.len()).map(text).collect::<Said<Vec<_>>>()?;
                let nullable = pieces.iter().any(|piece| piece.nullable);
                let texts: Vec<String> = pieces.into_iter().map(|piece| piece.text).collect();
                let name = if name == "trim" { "btrim" } else { name };
                Piece::new(format!("{name}({})", texts.join(", ")), Kind::Text).null_like(nullable)
            }
            "instr" => {
                let (a, b) = (text(0)?, text(1)?);
                Piece::new(format!("strpos({}, {})", a.text, b.text), Kind::Integer)
                    .null_like(a.nullable || b.nullable)
            }
            "substr" => substring(self, &call.args, scope)?,
            "abs" => {
                let piece = number(0, Kind::Integer)?;
                Piece::new(format!("abs({})", piece.text), piece.kind).null_like(piece.nullable)
            }
            "sign" => {
                let piece = number(0, Kind::Integer)?;
                Piece::new(format!("sign({})::integer", piece.text), Kind::Integer)
            }
            "round" => {
                let piece = number(0, Kind::Real)?;
                let digits = match call.args.get(1) {
                    Some(_) => format!(", {}::integer", number(1, Kind::Integer)?.atom()),
                    None => String::new(),
                };
                // Halves are rounded away from zero by SQLite, and by Postgres only as `numeric`.
                let text = format!("round({}::numeric{digits})::double precision", piece.atom());
                Piece::new(text, Kind::Real).null_like(piece.nullable)
            }
            "unicode" => Piece::new(format!("ascii({})", text(0)?.text), Kind::Integer),
            other => {
                return Err(Refusal::new(format!("the function `{other}`"))
                    .fix("leave it out, or compute its value before the statement and give it as a parameter"));
            }
        })
    }

    /// The smallest or largest of several values; nothing when one of them is nothing.
    fn extreme(&self, call: &Call<'_>, scope: &Scope<'_>) -> Said<Piece> {
        let pieces = self.alike(&call.args, Want::ANY, scope)?;
        let name = if call.name == "min" { "least" } else { "greatest" };
        let kind = pieces.first().map_or(Kind::Unknown, |piece| piece.kind);
        let texts: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        let nulls: Vec<String> = pieces
            .iter()
            .filter(|piece| piece.nullable)
            .map(|piece| format!("{} is null", piece.within(Level::Operator)))
            .collect();
        let text = format!("{name}({})", texts.join(", "));
        Ok(if nulls.is_empty() {
            Piece::new(text, kind).never_null()
        } else {
            Piece::new(format!("case when not ({}) then {text} end", nulls.join(" or ")), kind)
        })
    }

    /// What the parser reads by the standard's own grammar.
    pub(super) fn special(&self, expr: &Expr, scope: &Scope<'_>) -> Said<Piece> {
        match expr {
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut args = vec![expr.as_ref(), from.as_ref()];
                args.extend(substring_for.as_deref());
                substring(self, &args, scope)
            }
            Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
                let piece = self.expression(expr, Want::hidden(Kind::Text), scope)?.value();
                let piece = convert(piece, Kind::Text)?;
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "btrim",
                };
                let given = trim_characters.iter().flatten().next();
                let what = match given.or(trim_what.as_deref()) {
                    Some(what) => {
                        format!(", {}", self.value(what, Want::hidden(Kind::Text), scope)?.text)
                    }
                    None => String::new(),
                };
                let text = format!("{name}({}{what})", piece.text);
                Ok(Piece::new(text, Kind::Text).null_like(piece.nullable))
            }
            Expr::Ceil { expr, .. } | Expr::Floor { expr, .. } => {
                let inner = self.value(expr, Want::hidden(Kind::Real), scope)?;
                let name = if matches!(**expr, Expr::Ceil { .. }) { "ceil" } else { "floor" };
                Ok(Piece::new(format!("{name}({})", inner.text), Kind::Real))
            }
            other => Err(Refusal::new(format!("`{other}`"))),
        }
    }

    fn json_function(&self, call: &Call<'_>, scope: &Scope<'_>) -> Said<Option<Piece>> {
        let text = |position: usize| -> Said<Piece> {
            let arg = call.args.get(position).ok_or_else(|| wrong_count(call))?;
            let piece = self.expression(arg, Want::hidden(Kind::Text), scope)?.value();
            convert(piece, Kind::Text)
        };
        let any = |arg: &&Expr| -> Said<String> {
            let want = Want::hidden(Kind::Text);
            Ok(self.expression(arg, want, scope)?.value().text)
        };
        Ok(Some(match (call.name.as_str(), call.args.as_slice()) {
            ("json_extract", [document, path]) => json_part(self, document, path, true, scope)?,
            ("json_array_length", [_]) => {
                let text = format!("json_array_length({}::json)", text(0)?.atom());
                Piece::new(text, Kind::Integer)
            }
            ("json_array_length", [document, path]) => {
                let part = json_part(self, document, path, false, scope)?;
                Piece::new(format!("json_array_length({}::json)", part.atom()), Kind::Integer)
            }
            ("json_object" | "json_array", args) => {
                let texts = args.iter().map(any).collect::<Said<Vec<_>>>()?.join(", ");
                let name = call.name.replace("json_", "jsonb_build_");
                Piece::new(format!("{name}({texts})::text"), Kind::Text).never_null()
            }
            ("json_group_array", [arg]) => {
                let text = format!("coalesce(jsonb_agg({}), '[]')::text", any(arg)?);
                Piece::new(text, Kind::Text).never_null()
            }
            ("json", [_]) => Piece::new(format!("{}::jsonb::text", text(0)?.atom()), Kind::Text),
            ("json_type", [document, path]) => {
                let part = json_part(self, document, path, false, scope)?;
                return Err(Refusal::new(format!("the type of `{}`", part.text))
                    .fix("its names for types differ from SQLite's; decide by the value"));
            }
            _ => return Ok(None),
        }))
    }
}

/// Stands where `filter` and `over` go.
const CALL: char = '\u{3}';

fn wrong_count(call: &Call<'_>) -> Refusal {
    Refusal::new(format!("`{}` with {} arguments", call.name, call.args.len()))
}

fn parts(call: &Function) -> Said<Call<'_>> {
    let name = single(&call.name)?;
    let mut parts = Call { name, args: Vec::new(), star: false, distinct: false };
    let list = match &call.args {
        FunctionArguments::None => return Ok(parts),
        FunctionArguments::List(list) if list.clauses.is_empty() => list,
        _ => return Err(Refusal::new(format!("`{call}`"))),
    };
    parts.distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    for arg in &list.args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => parts.args.push(expr),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => parts.star = true,
            _ => return Err(Refusal::new(format!("`{call}`"))),
        }
    }
    Ok(parts)
}

/// A value made another kind, as SQLite's `cast` would.
pub(super) fn convert(piece: Piece, kind: Kind) -> Said<Piece> {
    let piece = piece.value();
    let nullable = piece.nullable;
    Ok(match (piece.kind, kind) {
        (from, to) if from == to && !piece.from_json => piece,
        (Kind::Real, Kind::Integer) => {
            Piece::new(format!("trunc({})::bigint", piece.text), kind).null_like(nullable)
        }
        (Kind::Real, Kind::Text) => {
            return Err(Refusal::new(format!("`{}`, a real number, as a text", piece.text)).fix(
                "cast it to `integer` first; SQLite and Postgres write real numbers differently",
            ));
        }
        (Kind::Text, Kind::Integer | Kind::Real) => piece.cast(kind),
        _ => Piece::new(format!("{}::{}", piece.atom(), kind.sql()), kind).null_like(nullable),
    })
}

/// Positions count from 1; one that is not positive means something else in SQLite.
fn substring(writer: &Writer<'_>, args: &[&Expr], scope: &Scope<'_>) -> Said<Piece> {
    let (Some(text), Some(from)) = (args.first(), args.get(1)) else {
        return Err(Refusal::new("`substr` without a position"));
    };
    let text = writer.expression(text, Want::hidden(Kind::Text), scope)?.value();
    let text = convert(text, Kind::Text)?;
    let from = writer.value(from, Want::hidden(Kind::Integer), scope)?;
    if from.is_literal && (from.text.starts_with('-') || from.text == "0") {
        let Some(count) = from.text.strip_prefix('-').filter(|_| args.len() == 2) else {
            return Err(Refusal::new("`substr` from the end, with a length")
                .fix("take the end alone, as in `substr(x, -3)`"));
        };
        return Ok(Piece::new(format!("right({}, {count})", text.text), Kind::Text));
    }
    let length = match args.get(2) {
        Some(length) => {
            let length = writer.value(length, Want::hidden(Kind::Integer), scope)?;
            format!(", {}::integer", length.atom())
        }
        None => String::new(),
    };
    let text = format!("substr({}, {}::integer{length})", text.text, from.atom());
    Ok(Piece::new(text, Kind::Text))
}

/// A part of a JSON document; as its text, or as JSON.
pub(super) fn json_part(
    writer: &Writer<'_>,
    document: &Expr,
    path: &Expr,
    plain: bool,
    scope: &Scope<'_>,
) -> Said<Piece> {
    let document = writer.expression(document, Want::hidden(Kind::Text), scope)?.value();
    let path = match path {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(path) => json_path(path)?,
            Value::Number(number, _) => format!("{{{number}}}"),
            _ => return Err(not_a_path()),
        },
        _ => return Err(not_a_path()),
    };
    let sign = if plain { "#>>" } else { "#>" };
    let text = format!("({}::json {sign} {})", document.atom(), literal(&path));
    let mut piece = Piece::new(if plain { text } else { text + "::text" }, Kind::Text);
    piece.from_json = plain;
    Ok(piece)
}

fn not_a_path() -> Refusal {
    Refusal::new("a path into JSON that is not written out")
        .fix("write a path such as `'$.a.b[0]'`")
}

/// `$.a.b[0]` as `{a,b,0}`.
fn json_path(path: &str) -> Said<String> {
    let Some(rest) = path.strip_prefix('$') else { return Ok(format!("{{\"{path}\"}}")) };
    let mut parts = Vec::new();
    for part in rest.split('.').filter(|part| !part.is_empty()) {
        let (name, indexes) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
        if name.contains(['"', '\\', '{', '}', '*']) {
            return Err(not_a_path());
        }
        if !name.is_empty() {
            parts.push(format!("\"{name}\""));
        }
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            let index = index.strip_suffix(']').filter(|i| i.bytes().all(|b| b.is_ascii_digit()));
            parts.push(index.ok_or_else(not_a_path)?.to_owned());
        }
    }
    Ok(format!("{{{}}}", parts.join(",")))
}
