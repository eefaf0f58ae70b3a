//! Entries of catalogues that others keep: what a claim answers to outside of its spec.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The items of the OWASP API Security Top 10 of 2023: `API1:2023` to `API10:2023`.
pub const API_ITEMS: u8 = 10;
/// The chapters of the OWASP Application Security Verification Standard 5.0.0: `V1` to `V17`.
pub const ASVS_CHAPTERS: u8 = 17;

/// An id as it is written: any text, so that [`crate::check`] can say what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutsideId(String);

impl OutsideId {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is the id of, or what is wrong with it.
    pub fn entry(&self) -> Result<OutsideEntry, OutsideProblem> {
        OutsideEntry::read(&self.0)
    }
}

impl From<&str> for OutsideId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for OutsideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for OutsideId {
    fn schema_name() -> Cow<'static, str> {
        "OutsideId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(API([1-9]|10):2023|v5\.0\.0-([1-9]|1[0-7])(\.[1-9][0-9]?){2}|CWE-[1-9][0-9]{0,3})$",
            "description": "An item of the OWASP API Security Top 10 (`API4:2023`), a requirement of the OWASP ASVS in the \
                standard's own form (`v5.0.0-6.3.1`), or a weakness of the CWE (`CWE-770`).",
        })
    }
}

/// An entry of a catalogue that others keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutsideEntry {
    /// An item of the OWASP API Security Top 10 of 2023, by its number.
    Api(u8),
    /// A requirement of the OWASP ASVS 5.0.0.
    Asvs {
        /// Its chapter.
        chapter: u8,
        /// Its section in the chapter.
        section: u8,
        /// Its number in the section.
        requirement: u8,
    },
    /// A weakness of the Common Weakness Enumeration, by its number.
    Cwe(u16),
}

/// What is wrong with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideProblem {
    /// It has the form of no catalogue that is known.
    Form,
    /// The API Security Top 10 of 2023 has no such item, or it is one of another year's.
    Api,
    /// It is no requirement of ASVS 5.0.0.
    Asvs,
    /// It is no weakness's number.
    Cwe,
}

impl OutsideEntry {
    fn read(text: &str) -> Result<Self, OutsideProblem> {
        if let Some(rest) = text.strip_prefix("API") {
            let item = rest.strip_suffix(":2023").and_then(number).filter(|n| *n <= API_ITEMS);
            return item.map(Self::Api).ok_or(OutsideProblem::Api);
        }
        if let Some(rest) = text.strip_prefix("CWE-") {
            let number = Some(rest).filter(|rest| rest.len() <= 4).and_then(number);
            return number.map(Self::Cwe).ok_or(OutsideProblem::Cwe);
        }
        if let Some(rest) = text.strip_prefix("v5.0.0-") {
            let parts: Vec<Option<u8>> = rest.split('.').map(number).collect();
            return match parts.as_slice() {
                [Some(chapter), Some(section), Some(requirement)]
                    if *chapter <= ASVS_CHAPTERS && *section < 100 && *requirement < 100 =>
                {
                    Ok(Self::Asvs {
                        chapter: *chapter,
                        section: *section,
                        requirement: *requirement,
                    })
                }
                _ => Err(OutsideProblem::Asvs),
            };
        }
        let like_asvs = ["asvs", "v"].iter().any(|start| {
            let rest = text.get(..start.len()).filter(|head| head.eq_ignore_ascii_case(start));
            rest.is_some() && text.contains(|c: char| c.is_ascii_digit())
        });
        Err(if like_asvs { OutsideProblem::Asvs } else { OutsideProblem::Form })
    }
}

/// A number above 0 that does not begin with 0 or a sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number)
}

impl fmt::Display for OutsideEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(item) => write!(f, "API{item}:2023"),
            Self::Asvs { chapter, section, requirement } => {
                write!(f, "v5.0.0-{chapter}.{section}.{requirement}")
            }
            Self::Cwe(number) => write!(f, "CWE-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_and_written_in_its_catalogue_s_own_form() {
        for text in ["API1:2023", "API10:2023", "v5.0.0-6.2.1", "v5.0.0-17.1.10", "CWE-307"] {
            assert_eq!(OutsideId::from(text).entry().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_no_catalogue_has_is_refused_with_the_catalogue_that_was_meant() {
        use OutsideProblem::{Api, Asvs, Cwe, Form};
        for (text, problem) in [
            ("API0:2023", Api),
            ("API11:2023", Api),
            ("API4:2019", Api),
            ("API4", Api),
            ("API04:2023", Api),
            ("v5.0.0-18.1.1", Asvs),
            ("v5.0.0-6.2", Asvs),
            ("v5.0.0-6.02.1", Asvs),
            ("v4.0.3-2.1.1", Asvs),
            ("ASVS-6.2.1", Asvs),
            ("CWE-", Cwe),
            ("CWE-0", Cwe),
            ("CWE-12345", Cwe),
            ("CWE-+1", Cwe),
            ("RFC9110", Form),
            ("", Form),
        ] {
            assert_eq!(OutsideId::from(text).entry(), Err(problem), "{text}");
        }
    }

    #[test]
    fn the_schema_accepts_what_is_read_and_nothing_else() {
        let schema = schemars::schema_for!(OutsideId);
        let pattern = schema.get("pattern").and_then(serde_json::Value::as_str).unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        let texts =
            ["API1:2023", "API10:2023", "API11:2023", "API4", "v5.0.0-6.2.1", "v5.0.0-18.1.1"];
        for text in
            texts.into_iter().chain(["v5.0.0-6.2", "CWE-307", "CWE-0", "CWE-12345", "RFC9110", ""])
        {
            let id = OutsideId::from(text);
            assert_eq!(pattern.is_match(text), id.entry().is_ok(), "{text}");
        }
    }
}
