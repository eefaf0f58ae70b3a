//! What answers tell about limits: `RateLimit` and `RateLimit-Policy` (structured fields, RFC 9651), or the older fields
//! that a spec may declare instead.

use proofline_spec::document::LimitFields;

use crate::exchange::Answer;
use crate::token;

/// An item of a list: a name and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The name.
    pub name: String,
    /// The parameters.
    pub parameters: Vec<(String, String)>,
}

impl Item {
    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.parameters.iter().find(|(known, _)| known == name)?.1.parse().ok()
    }
}

/// What an answer tells about a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many requests are left.
    pub left: Option<u64>,
    /// In how many seconds there are more.
    pub until: Option<u64>,
    /// How many requests the limit allows.
    pub count: Option<u64>,
    /// In how many seconds.
    pub window: Option<u64>,
}

/// From here on a number is a time since 1970, not one from now: 2001-09-09.
const SINCE_1970: u64 = 1_000_000_000;

/// What an answer tells about that limit, in the fields that the spec declares; nothing where it tells nothing.
pub(crate) fn told(fields: LimitFields, answer: &Answer, limit: &str) -> Option<Told> {
    let before = match fields {
        LimitFields::Structured => return structured(answer, limit),
        LimitFields::Separate => "ratelimit",
        LimitFields::Prefixed => "x-ratelimit",
        LimitFields::None => return None,
    };
    // Several limits or a window may follow, as in `100, 100;w=60`.
    let first = |name: &str| -> Option<u64> {
        let text = answer.header(&format!("{before}-{name}"))?;
        text.split([',', ';']).next()?.trim().parse().ok()
    };
    let until = first("reset").map(|at| match at {
        SINCE_1970.. => at.saturating_sub(token::now()),
        from_now => from_now,
    });
    let told = Told { left: first("remaining"), until, count: first("limit"), window: None };
    (told != Told::default()).then_some(told)
}

fn structured(answer: &Answer, limit: &str) -> Option<Told> {
    let of = |header| items(answer, header).into_iter().find(|item| item.name == limit);
    let policy = of("ratelimit-policy");
    let number = |item: &Option<Item>, name| item.as_ref().and_then(|item| item.number(name));
    let left = of("ratelimit");
    let told = Told {
        left: number(&left, "r"),
        until: number(&left, "t"),
        count: number(&policy, "q"),
        window: number(&policy, "w"),
    };
    (left.is_some() || policy.is_some()).then_some(told)
}

/// Where a service tells of one limit in several fields at once, a client may believe any of them: what an older one says
/// otherwise than the structured ones.
pub(crate) fn contradiction(answer: &Answer) -> Option<String> {
    let only = |header| items(answer, header).try_into().ok().map(|[item]: [Item; 1]| item);
    let (left, policy) = (only("ratelimit")?, only("ratelimit-policy")?);
    let said = [
        ("limit", policy.number("q")),
        ("remaining", left.number("r")),
        ("reset", left.number("t")),
    ];
    said.into_iter().find_map(|(name, said)| {
        let (name, said) = (format!("x-ratelimit-{name}"), said?);
        let older: u64 = answer.header(&name)?.trim().parse().ok()?;
        let differs = older != said && older < SINCE_1970;
        differs.then(|| format!("`{name}` says {older} where `RateLimit` says {said}"))
    })
}

/// The items of a header.
pub(crate) fn items(answer: &Answer, header: &str) -> Vec<Item> {
    answer
        .headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse)
        .collect()
}

fn parse(text: &str) -> Vec<Item> {
    text.split(',')
        .filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next()?.trim_matches('"').to_owned();
            let parameters = parts
                .filter_map(|part| part.split_once('='))
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect();
            (!name.is_empty()).then_some(Item { name, parameters })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_fields_are_read_as_the_spec_declares_them() {
        let answer = Answer::made_up(
            200,
            &[
                ("ratelimit-limit", "100, 100;w=60"),
                ("ratelimit-remaining", "7"),
                ("ratelimit-reset", "30"),
                ("x-ratelimit-remaining", "8"),
                ("x-ratelimit-reset", "1000000000"),
            ],
            "",
        );
        let separate = told(LimitFields::Separate, &answer, "any").unwrap();
        assert_eq!((separate.count, separate.left, separate.until), (Some(100), Some(7), Some(30)));
        // A time that is over already.
        let prefixed = told(LimitFields::Prefixed, &answer, "any").unwrap();
        assert_eq!((prefixed.count, prefixed.left, prefixed.until), (None, Some(8), Some(0)));
        assert_eq!(told(LimitFields::Structured, &answer, "any"), None);
        assert_eq!(told(LimitFields::None, &answer, "any"), None);
    }

    #[test]
    fn an_older_field_that_says_something_else_is_a_contradiction() {
        let told = |remaining, reset| {
            let headers = [
                ("ratelimit-policy", "\"ip\";q=60;w=60"),
                ("ratelimit", "\"ip\";r=7;t=30"),
                ("x-ratelimit-limit", "60"),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", reset),
            ];
            contradiction(&Answer::made_up(200, &headers, ""))
        };
        assert_eq!((told("7", "30"), told("7", "1000000030")), (None, None));
        let found = told("60", "30").unwrap();
        assert_eq!(found, "`x-ratelimit-remaining` says 60 where `RateLimit` says 7");
        assert!(told("7", "31").is_some());
    }

    #[test]
    fn the_example_of_the_draft_is_read() {
        let found = parse("\"burst\";r=50;t=30, \"daily\";r=7;t=9000");
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name.as_str(), found[0].number("r"), found[0].number("t")),
            ("burst", Some(50), Some(30))
        );
        assert_eq!(found[1].number("q"), None);
    }
}
