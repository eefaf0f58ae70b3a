//! Names of files as clients send them, made harmless. A name is only ever shown, and given back as the name
//! to save under; it is no key and no path.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::percent;
use crate::problem::{Failure, UNSAFE_NAME};

/// The longest name, in bytes.
const LONGEST: usize = 200;
/// So often may a name be escaped in itself.
const ROUNDS: usize = 5;
/// What separates folders, and what looks like it.
const SEPARATORS: [char; 9] = ['/', '\\', '／', '＼', '⁄', '∕', '∖', '⧵', '⧸'];
/// What is a dot, and what becomes one when a name is normalised.
const DOTS: [char; 4] = ['.', '．', '․', '。'];
/// Names that mean a device on Windows, whatever their ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The name that a file gets. One that would climb out of a folder, or that ends in the middle for some
/// readers (NUL), is refused; of the rest the last segment is kept, without what could mean something.
pub fn harmless(sent: Option<&str>, extension: &str) -> Result<String, Failure> {
    let name = decoded(sent.unwrap_or_default());
    let climbs = name.split(SEPARATORS).any(|segment| {
        let dots = segment.trim();
        dots.chars().count() > 1 && dots.chars().all(|c| DOTS.contains(&c))
    });
    if climbs || name.contains('\0') {
        return Err(Failure::of(&UNSAFE_NAME));
    }
    let last = name.split(SEPARATORS).next_back().unwrap_or_default();
    let stem = match last.rsplit_once('.') {
        Some((stem, end)) if is_ending(end) => stem,
        _ => last,
    };
    let kept: String = stem
        .chars()
        .map(|c| if c.is_alphanumeric() || " -_()".contains(c) { c } else { '_' })
        .collect();
    let kept = kept.trim_matches([' ', '_']);
    let most = LONGEST.saturating_sub(extension.len() + 1);
    let end = (0..=most.min(kept.len())).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
    let kept = kept[..end].trim_end();
    let kept = match kept {
        "" => Cow::Borrowed("file"),
        kept if is_device(kept) => Cow::Owned(format!("_{kept}")),
        kept => Cow::Borrowed(kept),
    };
    Ok(format!("{kept}.{extension}"))
}

fn is_ending(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_device(stem: &str) -> bool {
    let lower = stem.trim().to_lowercase();
    let numbered = ["com", "lpt"].iter().any(|device| {
        lower.strip_prefix(device).is_some_and(|rest| {
            let mut rest = rest.chars();
            let digit = rest.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c));
            digit && rest.next().is_none()
        })
    });
    numbered || DEVICES.contains(&lower.as_str())
}

/// A name without its escapes, however often it was escaped.
fn decoded(name: &str) -> String {
    let mut name = name.to_owned();
    for _ in 0..ROUNDS {
        let next = unescaped(&name);
        if next == name {
            break;
        }
        name = next;
    }
    name
}

/// A text without its percent escapes. What is not UTF-8, such as the overlong forms of a slash, is replaced,
/// but for the overlong forms of `.`, `/`, `\` and NUL, which some readers take for what they stand for.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let [first, tail @ ..] = rest {
        let overlong = match rest {
            [0xC0, 0xAE, ..] => Some(b'.'),
            [0xC0, 0xAF, ..] => Some(b'/'),
            [0xC1, 0x9C, ..] => Some(b'\\'),
            [0xC0, 0x80, ..] => Some(0),
            _ => None,
        };
        plain.push(overlong.unwrap_or(*first));
        rest = if overlong.is_some() { &tail[1..] } else { tail };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The name in `Content-Disposition` (RFC 6266); the extended form is believed before the plain one.
pub fn of_disposition(value: &[u8]) -> Option<String> {
    // Some clients send UTF-8, others Latin-1; the name is only shown.
    let text = String::from_utf8_lossy(value);
    let (mut plain, mut extended) = (None, None);
    for (name, value) in parameters(&text) {
        match name.to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            // charset'language'value
            "filename*" => extended = value.splitn(3, '\'').nth(2).map(unescaped),
            _ => {}
        }
    }
    extended.or(plain).filter(|name| !name.is_empty())
}

/// The parameters of a header, quoted or not.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', '\t', ';']).to_owned();
        let after = after.trim_start();
        let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut chars = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    // Quoted pairs are for quotes. Elsewhere a backslash is what some clients send of a path.
                    '\\' if quoted[at + 1..].starts_with(['"', '\\']) => {
                        value.extend(chars.next().map(|(_, c)| c));
                    }
                    c => value.push(c),
                }
            }
            (value, &quoted[end..])
        } else {
            let (value, left) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), left)
        };
        found.push((name, value));
        rest = left;
    }
    found
}

/// One value of `Upload-Metadata` (tus 1.0.0): pairs of a key and a value in base64, with commas between.
pub fn of_metadata(value: &str, key: &str) -> Option<String> {
    let pair = value.split(',').map(str::trim).find_map(|pair| {
        let (name, value) = pair.split_once(' ')?;
        (name == key).then_some(value.trim())
    })?;
    let bytes = STANDARD.decode(pair).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `Content-Disposition` for a name, in both forms.
pub fn disposition(how: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || " -_().".contains(c) { c } else { '_' })
        .collect();
    let mut extended = String::with_capacity(name.len());
    percent::push(&mut extended, name, b"-_.");
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<String> {
        harmless(Some(name), "png").ok()
    }

    #[test]
    fn ordinary_names_are_kept_and_end_as_what_they_hold() {
        for (sent, kept) in [
            ("a.png", "a.png"),
            ("Holiday (2).jpg", "Holiday (2).png"),
            ("Öl-Bild_1.PNG", "Öl-Bild_1.png"),
            ("my.photo.png", "my_photo.png"),
            ("shell.php", "shell.png"),
            ("shell.php.png", "shell_php.png"),
            ("C:\\pictures\\a.png", "a.png"),
            ("/tmp/a.png", "a.png"),
            ("", "file.png"),
            (".htaccess", "file.png"),
            ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x.png"),
            ("a\u{202e}gnp.exe", "a_gnp.png"),
            ("100%.png", "100.png"),
        ] {
            let name = named(sent);
            assert_eq!(name.as_deref(), Some(kept), "{sent:?}");
        }
        assert_eq!(harmless(None, "mp4").ok().as_deref(), Some("file.mp4"));
    }

    #[test]
    fn names_that_climb_or_end_early_are_refused_in_every_encoding() {
        for sent in [
            "../a",
            "..\\a",
            "a/../../b",
            "..",
            "%2e%2e%2fa",
            "%252e%252e%252fa",
            "..%c0%afa",
            "%c0%ae%c0%ae/a",
            "．．／a",
            "a\0.png",
            "a%00.png",
            "a%2500.png",
            "a%c0%80.png",
        ] {
            assert_eq!(named(sent), None, "{sent:?}");
        }
    }

    #[test]
    fn devices_of_windows_and_long_names_fit_into_any_folder() {
        for (sent, kept) in [
            ("CON", "_CON.png"),
            ("nul.txt", "_nul.png"),
            ("Com1.png", "_Com1.png"),
            ("lpt¹", "_lpt¹.png"),
        ] {
            assert_eq!(named(sent).as_deref(), Some(kept));
        }
        for letter in ["a", "ü", "漢"] {
            let name = named(&letter.repeat(5000)).unwrap_or_default();
            assert!(
                name.len() <= LONGEST && name.rsplit_once('.').is_some_and(|(_, end)| end == "png"),
                "{name}"
            );
        }
    }

    #[test]
    fn names_are_found_in_headers_as_browsers_write_them() {
        for (header, name) in [
            ("attachment; filename=\"a b.png\"", Some("a b.png")),
            ("attachment; filename=a.png; size=3", Some("a.png")),
            ("form-data; name=\"x\"; filename=\"a\\\"b;c.png\"", Some("a\"b;c.png")),
            ("attachment; filename=\"C:\\dir\\a.png\"", Some("C:\\dir\\a.png")),
            ("attachment; filename=\"a\"; filename*=UTF-8''%C3%B6.png", Some("ö.png")),
            ("attachment; FileName=\"a.png\"", Some("a.png")),
            ("attachment", None),
            ("attachment; filename=\"", None),
            ("attachment; filename=\"\"", None),
        ] {
            assert_eq!(of_disposition(header.as_bytes()).as_deref(), name, "{header}");
        }
        assert_eq!(
            of_metadata("filetype aW1hZ2UvcG5n, filename YS5wbmc=", "filename").as_deref(),
            Some("a.png")
        );
        assert_eq!(of_metadata("filename !!", "filename"), None);
    }

    #[test]
    fn a_name_cannot_leave_the_header_that_it_is_given_back_in() {
        let header = disposition("attachment", "ü\"; x=\r\n.png");
        assert_eq!(
            header,
            "attachment; filename=\"___ x___.png\"; filename*=UTF-8''%C3%BC%22%3B%20x%3D%0D%0A.png"
        );
    }
}
