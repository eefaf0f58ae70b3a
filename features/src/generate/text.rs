//! Texts of a format or a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

/// A text of that format; `None` for a format that is not known.
pub fn text_of_format(format: &str, rng: &mut fastrand::Rng) -> Option<String> {
    let number = rng.u32(100_000..1_000_000);
    Some(match format {
        // Unique over runs as well: a service may refuse an address that is already there.
        "email" => format!("check-{}@example.com", uuid::Uuid::new_v4().simple()),
        "uuid" => {
            uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid().to_string()
        }
        "date-time" => format!("2024-0{}-1{}T08:30:00Z", rng.u8(1..=9), rng.u8(0..=9)),
        "date" => format!("2024-0{}-1{}", rng.u8(1..=9), rng.u8(0..=9)),
        "time" => "08:30:00Z".to_owned(),
        "uri" => format!("https://example.com/{number}"),
        "hostname" => format!("h{number}.example.com"),
        "ipv4" => format!("192.0.2.{}", rng.u8(1..=254)),
        "ipv6" => format!("2001:db8::{:x}", rng.u16(1..)),
        _ => return None,
    })
}

/// Texts that are not of that format.
pub(super) fn not_of_format(format: &str) -> &'static [&'static str] {
    match format {
        "email" => &[
            "plain",
            "@example.com",
            "user@",
            "user@@example.com",
            "us er@example.com",
            "user@exa mple.com",
            "user@example..com",
            "<user@example.com>",
            ".user@example.com",
            "user.@example.com",
            "us..er@example.com",
            "user@-example.com",
        ],
        "uuid" => &[
            "1",
            "not-a-uuid",
            "00000000-0000-0000-0000-00000000000g",
            "00000000-0000-0000-0000-0000000000000",
        ],
        "date-time" => &[
            "yesterday",
            "2024-13-01T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-01-01",
            "2024-01-01T25:00:00Z",
            // Days that a calendar does not have, and clocks that run too far.
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
        ],
        "date" => &[
            "2024-13-01",
            "2024-00-01",
            "2024-02-30",
            "2023-02-29",
            "1900-02-29",
            "2024-04-31",
            "2024-01-00",
            "01.02.2024",
            "2024-1-1",
        ],
        "time" => &["25:00:00Z", "00:60:00Z", "noon"],
        "uri" => &["not a uri", "//", "example"],
        "hostname" => &["-a.example", "a..b", "a b"],
        "ipv4" => &["256.1.1.1", "1.2.3", "::1"],
        "ipv6" => &["1.2.3.4", ":::", "2001:db8::g"],
        _ => &[],
    }
}

/// A short text that matches a regular expression; `None` when the expression is not understood.
pub fn matching(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    write(&hir, &mut text)?;
    regex::Regex::new(pattern).ok()?.is_match(&text).then_some(text)
}

fn write(hir: &Hir, text: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(()),
        HirKind::Literal(literal) => {
            text.push_str(std::str::from_utf8(&literal.0).ok()?);
            Some(())
        }
        HirKind::Class(Class::Unicode(class)) => {
            // A letter or digit reads better than the first character of the class.
            let found = ('a'..='z').chain('A'..='Z').chain('0'..='9').find(|c| {
                class.ranges().iter().any(|range| (range.start()..=range.end()).contains(c))
            });
            text.push(found.or_else(|| {
                class.ranges().first().map(regex_syntax::hir::ClassUnicodeRange::start)
            })?);
            Some(())
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.push(char::from(class.ranges().first()?.start()));
            Some(())
        }
        HirKind::Repetition(repetition) => {
            let wanted = repetition.min.max(u32::from(repetition.max.is_none_or(|max| max > 0)));
            (0..wanted).try_for_each(|_| write(&repetition.sub, text))
        }
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, text)),
        HirKind::Alternation(parts) => write(parts.first()?, text),
    }
}

/// An e-mail address with exactly that many characters, if there can be one.
pub(super) fn email_of_length(length: usize) -> Option<String> {
    const LOCAL: usize = 40;
    const LABEL: usize = 50;
    let tail = "example.com";
    let domain = length.checked_sub(LOCAL + 1)?;
    let mut rest = domain.checked_sub(tail.len())?;
    let mut text = uuid::Uuid::new_v4().simple().to_string();
    text.push_str(&"a".repeat(LOCAL - text.len()));
    text.push('@');
    while rest > 0 {
        // A label and its dot; one character cannot hold both.
        let take = match rest {
            1 => return None,
            _ if rest <= LABEL => rest,
            _ if rest - LABEL == 1 => LABEL - 1,
            _ => LABEL,
        };
        text.push_str(&"b".repeat(take - 1));
        text.push('.');
        rest -= take;
    }
    text.push_str(tail);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_for_patterns_of_the_kind_specs_use() {
        for pattern in ["^[a-z]{2}(-[A-Z]{2})?$", "^v[0-9]+$", "^(a|b)c*$", "^[^@]+$", "^\\d{3}$"] {
            let text = matching(pattern).unwrap();
            assert!(regex::Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text}");
        }
    }

    #[test]
    fn an_email_address_can_be_made_of_any_usual_length() {
        for length in [60, 100, 101, 102, 103, 150, 253, 254, 255, 320] {
            let text = email_of_length(length).unwrap();
            assert_eq!(text.chars().count(), length);
            assert!(!text.contains(".."), "{text}");
        }
    }
}
