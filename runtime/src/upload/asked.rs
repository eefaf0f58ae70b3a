//! What a client asks of a file: only if it is another one than it has, or a part of it (RFC 9110, sections 13 and 14).

use std::ops::Range;

use http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, Method};

use crate::time;

/// The headers that are conditions of a request, and the part that it asks for.
const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];

/// What a request asks of a file.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Whether only the head of the answer is wanted.
    pub(crate) is_head: bool,
    /// The conditions; nothing is allocated where there are none.
    conditions: HeaderMap,
}

/// A file, as far as conditions know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Its entity tag without quotes; a strong one, or none.
    pub(crate) etag: &'a str,
    /// When it was put there, in milliseconds since 1970.
    pub(crate) modified: Option<u64>,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// The time now, in milliseconds since 1970.
    pub(crate) now: u64,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The file as a whole.
    Whole,
    /// A part of it.
    Part(Range<u64>),
    /// That the client has it (304).
    Same,
    /// That it is another one than the client means (412).
    Changed,
    /// That it has no such part (416).
    NoSuchPart,
}

impl Asked {
    /// What a request asks.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut conditions = HeaderMap::new();
        if method == Method::GET || method == Method::HEAD {
            for name in CONDITIONS {
                for value in headers.get_all(&name) {
                    conditions.append(&name, value.clone());
                }
            }
        }
        Self { is_head: method == Method::HEAD, conditions }
    }

    /// What is answered, in the order of RFC 9110, section 13.2.2.
    pub(crate) fn judge(&self, file: Known<'_>) -> Verdict {
        if self.conditions.is_empty() {
            return Verdict::Whole;
        }
        match self.list(&IF_MATCH) {
            Some(tags) if !matches(&tags, file.etag, Compared::Strongly) => {
                return Verdict::Changed;
            }
            Some(_) => {}
            None => match (self.date(&IF_UNMODIFIED_SINCE), file.seconds()) {
                (Some(since), Some(modified)) if modified > since => return Verdict::Changed,
                _ => {}
            },
        }
        match self.list(&IF_NONE_MATCH) {
            Some(tags) if matches(&tags, file.etag, Compared::Weakly) => return Verdict::Same,
            Some(_) => {}
            None => match (self.date(&IF_MODIFIED_SINCE), file.seconds()) {
                (Some(since), Some(modified)) if modified <= since => return Verdict::Same,
                _ => {}
            },
        }
        // A range has a meaning for GET alone.
        if self.is_head || !self.range_is_of(file) { Verdict::Whole } else { self.part(file.size) }
    }

    /// The values of a header as one list; `None` when there is none.
    fn list(&self, name: &HeaderName) -> Option<String> {
        let mut lines = self.conditions.get_all(name).iter().peekable();
        lines.peek()?;
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        Some(lines.join(","))
    }

    /// The only value of a header; what is said twice means nothing.
    fn one(&self, name: &HeaderName) -> Option<&str> {
        let mut lines = self.conditions.get_all(name).iter();
        let line = lines.next()?.to_str().ok()?.trim();
        lines.next().is_none().then_some(line)
    }

    /// A date in seconds; one that cannot be read is no condition.
    fn date(&self, name: &HeaderName) -> Option<u64> {
        self.one(name).and_then(time::of_http)
    }

    /// Whether the range is meant of this very file: `If-Range` says of which one.
    fn range_is_of(&self, file: Known<'_>) -> bool {
        if !self.conditions.contains_key(IF_RANGE) {
            return true;
        }
        let Some(said) = self.one(&IF_RANGE) else { return false };
        if said.contains('"') {
            return matches(said, file.etag, Compared::Strongly);
        }
        // A date tells files apart that are a second old: no key is written twice within one.
        let settled = |modified| file.now / 1000 > modified;
        time::of_http(said).is_some_and(|date| {
            file.seconds().is_some_and(|modified| modified == date && settled(modified))
        })
    }

    /// The part that `Range` asks for. What is no range, and what asks for several, is answered with the whole.
    fn part(&self, size: u64) -> Verdict {
        let Some(said) = self.one(&RANGE) else { return Verdict::Whole };
        let Some((unit, set)) = said.split_once('=') else { return Verdict::Whole };
        let mut ranges = set.split(',').map(|one| one.trim_matches([' ', '\t']));
        let mut ranges = ranges.by_ref().filter(|one| !one.is_empty());
        let (Some(one), None) = (ranges.next(), ranges.next()) else { return Verdict::Whole };
        if !unit.eq_ignore_ascii_case("bytes") {
            return Verdict::Whole;
        }
        let found = one.split_once('-').and_then(|(first, last)| match (first, last) {
            ("", last) => {
                let length = number(last)?.min(size);
                Some(size - length..size)
            }
            (first, "") => Some(number(first)?..size),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then(|| first..last.saturating_add(1).min(size))
            }
        });
        match found {
            None => Verdict::Whole,
            Some(range) if range.start < range.end => Verdict::Part(range),
            // The last bytes of nothing are nothing, which no range can say.
            Some(_) if size == 0 && one.starts_with('-') && number(&one[1..]) != Some(0) => {
                Verdict::Whole
            }
            Some(_) => Verdict::NoSuchPart,
        }
    }
}

impl Known<'_> {
    /// When it was put there, as exact as headers are.
    fn seconds(&self) -> Option<u64> {
        self.modified.map(|millis| millis / 1000)
    }
}

/// Digits, and nothing else; what is larger than any file is the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// How entity tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Strongly,
    Weakly,
}

/// Whether a list of entity tags, or `*`, has this one. What follows something that is no tag is not read.
fn matches(list: &str, etag: &str, compared: Compared) -> bool {
    let mut rest = list.trim_matches([' ', '\t']);
    if rest == "*" {
        return true;
    }
    while !rest.is_empty() {
        let (is_weak, tag) = match rest.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let Some((tag, after)) = tag.strip_prefix('"').and_then(|tag| tag.split_once('"')) else {
            return false;
        };
        if tag == etag && !etag.is_empty() && (compared == Compared::Weakly || !is_weak) {
            return true;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: u64 = 784_111_777_500;
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const FILE: Known<'_> =
        Known { etag: "a,b", modified: Some(MADE), size: 10, now: MADE + 60_000 };

    fn asked(method: &Method, headers: &[(&'static str, &str)], file: Known<'_>) -> Verdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        Asked::of(method, &map).judge(file)
    }

    fn get(headers: &[(&'static str, &str)]) -> Verdict {
        asked(&Method::GET, headers, FILE)
    }

    #[test]
    fn a_range_is_a_part_and_what_is_none_is_ignored() {
        use Verdict::{NoSuchPart, Part, Whole};
        for (said, verdict) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=2-5", Part(2..6)),
            ("bytes=9-", Part(9..10)),
            ("bytes=0-99", Part(0..10)),
            ("bytes=0-99999999999999999999999", Part(0..10)),
            ("BYTES=-3", Part(7..10)),
            ("bytes=-99", Part(0..10)),
            ("bytes=, 1-2 ,", Part(1..3)),
            ("bytes=10-", NoSuchPart),
            ("bytes=10-10", NoSuchPart),
            ("bytes=99999999999999999999999-", NoSuchPart),
            ("bytes=-0", NoSuchPart),
            ("bytes=5-2", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1 -2", Whole),
            ("bytes=0x1-2", Whole),
            ("items=0-1", Whole),
            ("bytes=0-1,3-4", Whole),
        ] {
            assert_eq!(get(&[("range", said)]), verdict, "{said}");
        }
        assert_eq!(get(&[("range", "bytes=0-1"), ("range", "bytes=3-4")]), Whole);
        assert_eq!(asked(&Method::HEAD, &[("range", "bytes=0-1")], FILE), Whole);
        assert_eq!(asked(&Method::POST, &[("range", "bytes=0-1")], FILE), Whole);
        let empty = Known { size: 0, ..FILE };
        assert_eq!(asked(&Method::GET, &[("range", "bytes=0-")], empty), NoSuchPart);
        assert_eq!(asked(&Method::GET, &[("range", "bytes=-1")], empty), Whole);
    }

    #[test]
    fn who_has_the_file_is_told_so() {
        use Verdict::{Same, Whole};
        for (said, verdict) in [
            ("\"a,b\"", Same),
            ("W/\"a,b\"", Same),
            ("*", Same),
            ("\"x\", W/\"y\" ,\"a,b\"", Same),
            ("\"a\", \"b\"", Whole),
            ("a,b", Whole),
            ("\"a,b", Whole),
            ("", Whole),
        ] {
            assert_eq!(get(&[("if-none-match", said)]), verdict, "{said}");
        }
        assert_eq!(get(&[("if-none-match", "\"x\""), ("if-none-match", "\"a,b\"")]), Same);
        for (said, verdict) in
            [(THEN, Same), (AFTER, Same), (BEFORE, Whole), ("yesterday", Whole), ("", Whole)]
        {
            assert_eq!(get(&[("if-modified-since", said)]), verdict, "{said}");
            // The tag decides where there is one.
            let both = [("if-modified-since", said), ("if-none-match", "\"x\"")];
            assert_eq!(get(&both), Whole, "{said}");
        }
        assert_eq!(asked(&Method::HEAD, &[("if-none-match", "*")], FILE), Same);
    }

    #[test]
    fn who_means_another_file_is_refused_first() {
        use Verdict::{Changed, Part, Same, Whole};
        for (said, verdict) in [
            ("\"a,b\"", Whole),
            ("*", Whole),
            ("\"x\", \"a,b\"", Whole),
            ("\"x\"", Changed),
            ("W/\"a,b\"", Changed),
            ("", Changed),
        ] {
            assert_eq!(get(&[("if-match", said)]), verdict, "{said}");
        }
        for (said, verdict) in [(THEN, Whole), (AFTER, Whole), (BEFORE, Changed), ("soon", Whole)] {
            assert_eq!(get(&[("if-unmodified-since", said)]), verdict, "{said}");
            let both = [("if-unmodified-since", said), ("if-match", "\"a,b\"")];
            assert_eq!(get(&both), Whole, "{said}");
        }
        let all = |tag| [("if-match", tag), ("if-none-match", "*"), ("range", "bytes=0-0")];
        assert_eq!(get(&all("\"x\"")), Changed);
        assert_eq!(get(&all("*")), Same);
        assert_eq!(get(&[("if-match", "*"), ("range", "bytes=0-0")]), Part(0..1));
    }

    #[test]
    fn a_part_of_another_file_is_not_given_but_the_whole() {
        use Verdict::{NoSuchPart, Part, Whole};
        let with = |said| get(&[("range", "bytes=1-2"), ("if-range", said)]);
        assert_eq!(with("\"a,b\""), Part(1..3));
        assert_eq!(with(THEN), Part(1..3));
        for other in ["\"x\"", "W/\"a,b\"", "*", "", AFTER, BEFORE, "a,b"] {
            assert_eq!(with(other), Whole, "{other}");
        }
        assert_eq!(get(&[("if-range", "\"x\"")]), Whole);
        let beyond = |said| get(&[("range", "bytes=99-"), ("if-range", said)]);
        assert_eq!((beyond("\"a,b\""), beyond("\"x\"")), (NoSuchPart, Whole));
        // A date does not tell apart what was written within its second.
        let young = Known { now: MADE + 100, ..FILE };
        let headers = [("range", "bytes=1-2"), ("if-range", THEN)];
        assert_eq!(asked(&Method::GET, &headers, young), Whole);
        let unknown = Known { etag: "", modified: None, ..FILE };
        for (name, said) in [("if-none-match", "\"\""), ("if-modified-since", AFTER)] {
            assert_eq!(asked(&Method::GET, &[(name, said)], unknown), Whole, "{name}");
        }
    }
}
