//! Numbers, times and names as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count as a number of millions with at most three decimals: `2.592 million`; small counts in full.
pub(super) fn millions(number: u64) -> String {
    if number < 1_000_000 {
        return grouped(number);
    }
    let thousandths = (number / 1_000) % 1_000;
    let whole = grouped(number / 1_000_000);
    if thousandths == 0 {
        return format!("{whole} million");
    }
    let fraction = format!("{thousandths:03}");
    format!("{whole}.{} million", fraction.trim_end_matches('0'))
}

/// An amount of money with two decimals and grouped thousands; the currency's sign where it is known.
pub(super) fn money(amount: f64, currency: &str) -> String {
    let text = format!("{amount:.2}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    match currency {
        "USD" => format!("${whole}.{fraction}"),
        "EUR" => format!("€{whole}.{fraction}"),
        other => format!("{other} {whole}.{fraction}"),
    }
}

/// Microseconds as a duration with three digits: `850 µs`, `12.3 ms`, `1.25 s`.
pub(super) fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10),
        10_000..100_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

/// Milliseconds as a duration.
pub(super) fn millis(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A moment in UTC, to the minute: `Sat 21 Nov 2026, 07:12 UTC`; what is not a moment stays as it is.
pub(super) fn moment(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), moment_of)
}

/// The same of a moment.
pub(super) fn moment_of(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%a %-d %b %Y, %H:%M UTC").to_string()
}

/// The first letter in upper case, when the first word is an ordinary one: `p50 is …` stays as it is.
pub(super) fn capital(text: &str) -> String {
    let first = text.split([' ', ':', ',', ';']).next().unwrap_or_default();
    if !first.chars().all(char::is_lowercase) {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(millions(2_592_000), "2.592 million");
        assert_eq!(millions(12_960_000_000), "12,960 million");
        assert_eq!(millions(999), "999");
        assert_eq!(money(1.296, "USD"), "$1.30");
        assert_eq!(money(6480.0, "USD"), "$6,480.00");
    }

    #[test]
    fn durations_have_three_digits() {
        assert_eq!(micros(850), "850 µs");
        assert_eq!(micros(1_234), "1.23 ms");
        assert_eq!(micros(12_345), "12.3 ms");
        assert_eq!(micros(1_250_000), "1.25 s");
        assert_eq!(millis(61_000), "1 min 1 s");
    }

    #[test]
    fn only_ordinary_words_get_a_capital() {
        assert_eq!(capital("made up: it holds"), "Made up: it holds");
        assert_eq!(capital("p50 is low"), "p50 is low");
        assert_eq!(capital(""), "");
    }

    #[test]
    fn moments_are_shown_in_utc() {
        assert_eq!(moment("2026-11-21T08:12:55+01:00"), "Sat 21 Nov 2026, 07:12 UTC");
        assert_eq!(moment("yesterday"), "yesterday");
    }
}
