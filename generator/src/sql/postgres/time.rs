//! SQLite's functions of time, which give and take texts.

use sqlparser::ast::{Expr, Value};

use super::function::Call;
use super::model::{Kind, literal};
use super::piece::Piece;
use super::refusal::{Refusal, Said};
use super::scope::Scope;
use super::writer::{Want, Writer};

/// How `datetime` writes a time.
const DATE_TIME: &str = "YYYY-MM-DD HH24:MI:SS";

/// The call, if it is of one of these functions.
pub(super) fn function(
    writer: &Writer<'_>,
    call: &Call<'_>,
    scope: &Scope<'_>,
) -> Said<Option<Piece>> {
    let pattern = match call.name.as_str() {
        "current_timestamp" | "datetime" => DATE_TIME.to_owned(),
        "current_date" | "date" => "YYYY-MM-DD".to_owned(),
        "current_time" | "time" => "HH24:MI:SS".to_owned(),
        "unixepoch" => String::new(),
        "strftime" => match call.args.first().map(|arg| text(arg)) {
            Some(Some("%s")) => String::new(),
            Some(Some(format)) => pattern(format)?,
            _ => return Err(Refusal::new("`strftime` with a format that is not written out")),
        },
        _ => return Ok(None),
    };
    let skip = usize::from(call.name == "strftime");
    let (moment, nullable) = moment(writer, &call.args[skip..], scope)?;
    let kind = if call.name == "unixepoch" { Kind::Integer } else { Kind::Text };
    let text = if pattern.is_empty() {
        format!("extract(epoch from {moment})::bigint")
    } else {
        format!("to_char({moment}, {})", literal(&pattern))
    };
    let piece = Piece::new(text, Kind::Integer).null_like(nullable);
    Ok(Some(match (kind, pattern.is_empty()) {
        (Kind::Text, true) => Piece::new(format!("{}::text", piece.text), Kind::Text),
        _ => Piece { kind, ..piece },
    }))
}

/// A time with its modifiers, in UTC.
fn moment(writer: &Writer<'_>, args: &[&Expr], scope: &Scope<'_>) -> Said<(String, bool)> {
    let (mut moment, mut nullable) = ("(now() at time zone 'UTC')".to_owned(), false);
    let modifiers = args.get(1..).unwrap_or_default();
    let epoch = modifiers.first().and_then(|arg| text(arg)) == Some("unixepoch");
    match args.first() {
        None => {}
        Some(arg) if text(arg) == Some("now") => {}
        Some(arg) if epoch => {
            let piece = writer.expression(arg, Want::hidden(Kind::Integer), scope)?.value();
            nullable = piece.nullable;
            moment = format!("(to_timestamp({}) at time zone 'UTC')", piece.text);
        }
        Some(arg) => {
            let piece = writer.expression(arg, Want::hidden(Kind::Text), scope)?.value();
            if !matches!(piece.kind, Kind::Text | Kind::Unknown) {
                return Err(Refusal::new(format!("the number `{}` as a time", piece.text))
                    .fix("say `'unixepoch'` after it, or store times as texts"));
            }
            nullable = piece.nullable;
            moment = format!("({}::timestamptz at time zone 'UTC')", piece.atom());
        }
    }
    for modifier in modifiers.iter().skip(usize::from(epoch)) {
        moment = if let Some(written) = text(modifier) {
            modified(&moment, written)?
        } else {
            let piece = writer.value(modifier, Want::hidden(Kind::Text), scope)?;
            nullable |= piece.nullable;
            format!("({moment} + {}::interval)", piece.atom())
        };
    }
    Ok((moment, nullable))
}

fn modified(moment: &str, written: &str) -> Said<String> {
    let words: Vec<&str> = written.split_whitespace().collect();
    match words.as_slice() {
        ["start", "of", unit @ ("day" | "month" | "year")] => {
            Ok(format!("date_trunc('{unit}', {moment})"))
        }
        [count, unit]
            if count.parse::<f64>().is_ok()
                && ["day", "hour", "minute", "second"].contains(&unit.trim_end_matches('s')) =>
        {
            Ok(format!("({moment} + interval {})", literal(written)))
        }
        ["utc"] => Ok(moment.to_owned()),
        _ => Err(Refusal::new(format!("the modifier `{written}` of a time"))
            .fix("use days, hours, minutes, seconds, or the start of a day, month or year")),
    }
}

/// A format of `strftime` as one of `to_char`.
fn pattern(format: &str) -> Said<String> {
    let (mut out, mut plain) = (String::new(), String::new());
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        let field = if c == '%' { characters.next() } else { None };
        let known = match field {
            Some('Y') => "YYYY",
            Some('m') => "MM",
            Some('d') => "DD",
            Some('H') => "HH24",
            Some('M') => "MI",
            Some('S') => "SS",
            Some('f') => "SS.MS",
            Some('j') => "DDD",
            Some('%') | None => {
                plain.push(c);
                continue;
            }
            Some(other) => return Err(Refusal::new(format!("`%{other}` in `strftime`"))),
        };
        flush(&mut out, &mut plain);
        out.push_str(known);
    }
    flush(&mut out, &mut plain);
    Ok(out)
}

/// What stands between the fields; letters are quoted, so that they are not read as fields.
fn flush(out: &mut String, plain: &mut String) {
    let plain = std::mem::take(plain);
    if plain.chars().any(char::is_alphanumeric) {
        out.push_str(&format!("\"{plain}\""));
    } else {
        out.push_str(&plain);
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}
