//! Writes one statement: the parameters, and what every part of it needs.

use std::cell::RefCell;

use super::model::{Kind, Model};
use super::piece::Piece;
use super::refusal::{Refusal, Said};

/// Where a parameter's text begins and ends until the whole statement is known.
const BEGIN: char = '\u{1}';
const END: char = '\u{2}';

/// What a value is wanted to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    pub(super) kind: Kind,
    /// Whether Postgres sees that, too.
    pub(super) evident: bool,
}

impl Want {
    /// Anything.
    pub(super) const ANY: Self = Self { kind: Kind::Unknown, evident: false };

    /// What the place says to Postgres as well.
    pub(super) const fn evident(kind: Kind) -> Self {
        Self { kind, evident: true }
    }

    /// What only we know.
    pub(super) const fn hidden(kind: Kind) -> Self {
        Self { kind, evident: false }
    }
}

#[derive(Clone, Copy)]
struct Use {
    parameter: usize,
    want: Want,
}

/// What a statement is written with.
pub(super) struct Writer<'a> {
    pub(super) model: &'a Model,
    /// Names, in the order of their numbers, with what the spec says they are.
    pub(super) parameters: &'a [(String, Kind)],
    uses: RefCell<Vec<Use>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(model: &'a Model, parameters: &'a [(String, Kind)]) -> Self {
        Self { model, parameters, uses: RefCell::default() }
    }

    /// A parameter, such as `:name`.
    pub(super) fn parameter(&self, written: &str, want: Want) -> Said<Piece> {
        let name = written.strip_prefix(':').unwrap_or(written);
        let parameter = self.parameters.iter().position(|(known, _)| known == name);
        let parameter = parameter.ok_or_else(|| {
            Refusal::new(format!("the parameter `{written}` here"))
                .fix("migrations, views and triggers have no parameters: write a value")
        })?;
        let mut uses = self.uses.borrow_mut();
        let text = format!("{BEGIN}{}{END}", uses.len());
        uses.push(Use { parameter, want });
        Ok(Piece::new(text, want.kind))
    }

    /// The statement with its parameters numbered, and typed where Postgres would have to guess.
    pub(super) fn finish(&self, text: &str) -> String {
        let (known, mut parts, mut rest) = (self.uses.borrow(), Vec::new(), text);
        while let Some((before, after)) = rest.split_once(BEGIN) {
            let Some((number, after)) = after.split_once(END) else { break };
            // What was tried and not written does not count.
            let used = number.parse::<usize>().ok().and_then(|number| known.get(number).copied());
            parts.push((before, used));
            rest = after;
        }
        let written: Vec<Use> = parts.iter().filter_map(|(_, used)| *used).collect();
        let mut out = String::with_capacity(text.len());
        for (before, used) in parts {
            out.push_str(before);
            out.push_str(&used.map(|used| self.numbered(used, &written)).unwrap_or_default());
        }
        out + rest
    }

    fn numbered(&self, used: Use, all: &[Use]) -> String {
        let number = used.parameter + 1;
        let same = || all.iter().filter(|other| other.parameter == used.parameter);
        let kinds = same().map(|other| other.want.kind).filter(|kind| *kind != Kind::Unknown);
        let declared = self.parameters.get(used.parameter).map_or(Kind::Unknown, |(_, kind)| *kind);
        let kind = kinds.chain([declared]).next().unwrap_or(Kind::Unknown);
        if same().all(|other| other.want.evident && other.want.kind == kind) {
            return format!("${number}");
        }
        let text = format!("${number}::{}", kind.sql());
        if used.want.kind == kind || used.want.kind == Kind::Unknown {
            text
        } else {
            format!("{text}::{}", used.want.kind.sql())
        }
    }
}
