//! Forms of texts.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::schema::Format;

/// Whether a text has a form.
pub fn matches(format: Format, text: &str) -> bool {
    match format {
        Format::Email => email(text),
        Format::Uuid => uuid(text),
        Format::DateTime => date_time(text),
        Format::Date => date(text),
        Format::Time => time(text),
        Format::Uri => uri(text),
        Format::Hostname => hostname(text),
        Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
        Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
    }
}

/// RFC 5321 without quoted local parts and address literals, and with a dot in the domain.
fn email(text: &str) -> bool {
    const SPECIAL: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || SPECIAL.contains(&byte))
    };
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(atom)
        && domain.contains('.')
        && hostname(domain)
}

/// RFC 9562: 8-4-4-4-12 hexadecimal digits.
fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 1123.
fn hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// RFC 3986, with a scheme.
fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_is_valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let escapes_are_valid = rest
        .split('%')
        .skip(1)
        .all(|part| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()));
    scheme_is_valid && !rest.is_empty() && rest.bytes().all(allowed) && escapes_are_valid
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn date(text: &str) -> bool {
    fn parts(text: &str) -> Option<(u32, u32, u32)> {
        let (year, rest) = text.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        Some((digits(year, 4)?, digits(month, 2)?, digits(day, 2)?))
    }
    let Some((year, month, day)) = parts(text) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn time(text: &str) -> bool {
    time_parts(text).unwrap_or(false)
}

fn time_parts(text: &str) -> Option<bool> {
    let hour = digits(text.get(..2)?, 2)?;
    let minute = digits(text.get(3..5)?, 2)?;
    let second = digits(text.get(6..8)?, 2)?;
    let separated = text.get(2..3)? == ":" && text.get(5..6)? == ":";
    let mut rest = text.get(8..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
        rest = &fraction[end..];
    }
    let offset = offset_minutes(rest)?;
    // A leap second ends a day in UTC, wherever the clock stands.
    let in_utc = (i64::from(hour) * 60 + i64::from(minute) - offset).rem_euclid(24 * 60);
    let leap_second = second == 60 && in_utc == 24 * 60 - 1;
    Some(separated && hour < 24 && minute < 60 && (second < 60 || leap_second))
}

/// Minutes east of UTC.
fn offset_minutes(text: &str) -> Option<i64> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = if text.starts_with('+') { 1 } else { -1 };
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * (i64::from(hours) * 60 + i64::from(minutes)))
}

fn date_time(text: &str) -> bool {
    match (text.get(..10), text.get(10..11), text.get(11..)) {
        (Some(day), Some("T" | "t"), Some(clock)) => date(day) && time(clock),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(format: Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(matches(format, text), "{text} is a valid {}", format.name());
        }
        for text in bad {
            assert!(!matches(format, text), "{text} is no valid {}", format.name());
        }
    }

    #[test]
    fn forms_are_told_apart() {
        judge(
            Format::Email,
            &["a@b.example", "first.last+tag@sub.example.com", "o'hara@example.com"],
            &[
                "",
                "a",
                "a@",
                "@b.example",
                "a@b",
                "a..b@c.example",
                ".a@b.example",
                "a b@c.example",
                "a@b.example\r\nBcc: x@y.example",
                "a@-b.example",
                "a@b@c.example",
                "ä@b.example",
            ],
        );
        judge(
            Format::Uuid,
            &["018f4e2a-7b1c-7def-8a12-0123456789ab"],
            &[
                "018f4e2a7b1c7def8a120123456789ab",
                "018f4e2a-7b1c-7def-8a12-0123456789ag",
                "' or 1=1",
            ],
        );
        judge(
            Format::DateTime,
            &[
                "2026-02-28T23:59:60Z",
                "2024-02-29t00:00:00.123z",
                "1990-12-31T15:59:60-08:00",
                "2026-01-01T00:00:00+05:30",
            ],
            &[
                "2025-02-29T00:00:00Z",
                "1990-12-31T23:59:60+01:00",
                "2026-01-01",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:00:00",
                "2026-01-01T00:00:00.Z",
                "2026-13-01T00:00:00Z",
                "2026-01-01 00:00:00Z",
            ],
        );
        judge(Format::Date, &["2000-02-29"], &["1900-02-29", "2026-1-1", "2026-04-31"]);
        judge(Format::Time, &["12:30:00Z"], &["12:30Z", "12:61:00Z", "12:30:00+5:00"]);
        judge(
            Format::Uri,
            &["https://example.com/a?b=c#d", "urn:uuid:x"],
            &["/relative", "https://exa mple.com", "1http://x", "https://x/%zz", "https://x/%2"],
        );
        judge(
            Format::Hostname,
            &["a.example", "localhost"],
            &["-a.example", "a..b", "a_b.example"],
        );
        judge(Format::Ipv4, &["127.0.0.1"], &["127.1", "256.0.0.1", "01.2.3.4"]);
        judge(Format::Ipv6, &["::1"], &["::1%eth0", "1"]);
    }
}
