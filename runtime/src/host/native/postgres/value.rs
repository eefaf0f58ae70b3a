//! Values on their way to the server and back, in the types that the server says.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::binding::sql::Parameter;

type Failed = Box<dyn Error + Sync + Send>;

/// A parameter that is given to the server.
#[derive(Debug)]
pub(super) struct Given<'a>(pub(super) &'a Parameter);

impl ToSql for Given<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        let whole = || whole(self.0).ok_or_else(|| misfit(self.0, kind));
        match *kind {
            _ if *self.0 == Parameter::Null => Ok(IsNull::Yes),
            Type::BOOL => (whole()? != 0).to_sql(kind, out),
            Type::INT2 => i16::try_from(whole()?)?.to_sql(kind, out),
            Type::INT4 => i32::try_from(whole()?)?.to_sql(kind, out),
            Type::INT8 => whole()?.to_sql(kind, out),
            Type::FLOAT8 => real(self.0).ok_or_else(|| misfit(self.0, kind))?.to_sql(kind, out),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                text(self.0).as_str().to_sql(kind, out)
            }
            _ => Err(misfit(self.0, kind)),
        }
    }

    fn accepts(_: &Type) -> bool {
        // What does not fit is said with the value's kind, above.
        true
    }

    to_sql_checked!();
}

/// As a whole number, as a column of them would hold it in SQLite.
fn whole(parameter: &Parameter) -> Option<i64> {
    match parameter {
        Parameter::Integer(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction, and is in range")]
        Parameter::Real(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => {
            Some(*number as i64)
        }
        Parameter::Text(text) => text.trim().parse().ok(),
        Parameter::Real(_) | Parameter::Null => None,
    }
}

fn real(parameter: &Parameter) -> Option<f64> {
    match parameter {
        #[expect(clippy::cast_precision_loss, reason = "a column of real numbers holds it so")]
        Parameter::Integer(number) => Some(*number as f64),
        Parameter::Real(number) => Some(*number),
        Parameter::Text(text) => text.trim().parse().ok(),
        Parameter::Null => None,
    }
}

fn text(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Integer(number) => number.to_string(),
        Parameter::Real(number) => format!("{number:?}"),
        Parameter::Text(text) => text.clone(),
        Parameter::Null => String::new(),
    }
}

/// The kinds alone: the value may be a secret.
fn misfit(parameter: &Parameter, kind: &Type) -> Failed {
    let given = match parameter {
        Parameter::Null => "NULL",
        Parameter::Integer(_) => "a whole number",
        Parameter::Real(_) => "a real number",
        Parameter::Text(_) => "a text",
    };
    format!("{given} is no {kind}").into()
}

/// A value that the server gave.
#[derive(Debug)]
pub(super) struct Taken(pub(super) Parameter);

impl<'a> FromSql<'a> for Taken {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failed> {
        Ok(Self(match *kind {
            Type::BOOL => Parameter::Integer(i64::from(bool::from_sql(kind, raw)?)),
            Type::INT2 => Parameter::Integer(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Parameter::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Parameter::Integer(i64::from_sql(kind, raw)?),
            Type::FLOAT4 => Parameter::Real(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Parameter::Real(f64::from_sql(kind, raw)?),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
                Parameter::Text(str::from_utf8(raw)?.to_owned())
            }
            // The first byte is the version of the form.
            Type::JSONB => {
                Parameter::Text(str::from_utf8(raw.get(1..).unwrap_or_default())?.to_owned())
            }
            _ => return Err(format!("a value of the type {kind} is not understood").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failed> {
        Ok(Self(Parameter::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
