//! A translated part of a statement, with what must be known to put it into a larger one.

use super::model::Kind;
use super::refusal::{Refusal, Said};

/// How strongly a piece holds together; a weaker one gets parentheses inside of a stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Comparison,
    Operator,
    Atom,
}

/// A translated expression.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) kind: Kind,
    pub(super) level: Level,
    pub(super) nullable: bool,
    /// Compared without upper and lower case.
    pub(super) nocase: bool,
    /// A text out of a JSON document, which may stand for a number or a truth value.
    pub(super) from_json: bool,
    /// A number or a text as it was written.
    pub(super) is_literal: bool,
}

impl Piece {
    pub(super) fn new(text: impl Into<String>, kind: Kind) -> Self {
        Self {
            text: text.into(),
            kind,
            level: Level::Atom,
            nullable: true,
            nocase: false,
            from_json: false,
            is_literal: false,
        }
    }

    pub(super) fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    pub(super) fn never_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    pub(super) fn null_like(mut self, nullable: bool) -> Self {
        self.nullable = nullable;
        self
    }

    /// The text, in parentheses if it is weaker than this.
    pub(super) fn within(&self, level: Level) -> String {
        if self.level < level { format!("({})", self.text) } else { self.text.clone() }
    }

    /// The text as one operand of something strong, such as a cast.
    pub(super) fn atom(&self) -> String {
        self.within(Level::Atom)
    }

    /// As a value: truth is 1 or 0 in SQLite.
    pub(super) fn value(self) -> Self {
        if self.kind == Kind::Boolean {
            let text = format!("{}::integer", self.atom());
            return Self::new(text, Kind::Integer).null_like(self.nullable);
        }
        self
    }

    /// As a condition.
    pub(super) fn condition(self) -> Said<Self> {
        let condition = |text: String| Self::new(text, Kind::Boolean).level(Level::Comparison);
        Ok(match self.kind {
            Kind::Boolean => self,
            Kind::Integer if self.is_literal => {
                Self::new(if self.text == "0" { "false" } else { "true" }, Kind::Boolean)
            }
            Kind::Integer | Kind::Real => {
                condition(format!("{} <> 0", self.within(Level::Operator))).null_like(self.nullable)
            }
            Kind::Unknown if self.text == "null" => Self::new("null::boolean", Kind::Boolean),
            _ => {
                return Err(Refusal::new(format!("`{}` as a condition", self.text))
                    .fix("compare it with something"));
            }
        })
    }

    /// As a value of this kind, as SQLite would compare or store it.
    pub(super) fn cast(self, kind: Kind) -> Self {
        let piece = self.value();
        if piece.kind == kind || kind == Kind::Unknown || piece.kind == Kind::Unknown {
            return piece;
        }
        let nullable = piece.nullable;
        if piece.is_literal && kind == Kind::Text {
            return Self::new(format!("'{}'", piece.text), kind).never_null();
        }
        let text = if piece.from_json && matches!(kind, Kind::Integer | Kind::Real) {
            format!(
                "case {0} when 'true' then 1 when 'false' then 0 else {0}::{1} end",
                piece.atom(),
                kind.sql()
            )
        } else {
            format!("{}::{}", piece.atom(), kind.sql())
        };
        Self::new(text, kind).null_like(nullable)
    }

    /// As it is compared.
    pub(super) fn folded(&self) -> String {
        // What the letters are must not depend on the server's locale, as it does not in SQLite.
        let text = if self.nocase && self.level == Level::Atom {
            self.text.clone()
        } else {
            format!("{} collate \"C\"", self.atom())
        };
        format!("lower({text})")
    }
}
