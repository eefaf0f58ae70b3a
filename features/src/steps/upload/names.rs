//! Names of files: they come back harmless, or are refused.

use cucumber::step::Collection;

use super::{request, taking};
use crate::failure::{Findings, Seen, require};
use crate::generate::file;
use crate::steps::{Arguments, steps};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a file with an ordinary name keeps it" => ordinary;
        then "a name that leads elsewhere is refused or made harmless, in every encoding" => elsewhere;
    }
}

/// Names that lead out of a folder, end early, mean a device, or are too long, as they stand in `Content-Disposition`.
fn dangerous() -> Vec<(String, String)> {
    let quoted = [
        ("a path", "../../etc/passwd"),
        ("a path of Windows", r"..\..\windows\system32\drivers\etc\hosts"),
        ("an absolute path", "/etc/passwd"),
        ("a drive", r"C:\boot.ini"),
        ("a share", r"\\server\share\x.png"),
        ("escaped", "..%2f..%2fetc%2fpasswd"),
        ("escaped twice", "..%252f..%252fetc%252fpasswd"),
        ("all escaped", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        ("escaped backslashes", "..%5c..%5cboot.ini"),
        ("overlong", "..%c0%af..%c0%afetc%c0%afpasswd"),
        ("overlong dots", "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd"),
        ("dots and slashes doubled", "....//....//etc/passwd"),
        ("a NUL", "a.php%00.png"),
        ("a line's end", "a%0d%0aSet-Cookie:x=1.png"),
        ("a device", "CON.png"),
        ("a device with a number", "com1.tar.png"),
        ("a stream", "a.png::$DATA"),
        ("dots only", ".."),
        ("hidden", ".htaccess"),
        ("a trailing dot", "a.png."),
        ("markup", "<img src=x onerror=alert(1)>.png"),
    ];
    let extended = [
        ("wide letters", "UTF-8''%EF%BC%8E%EF%BC%8E%EF%BC%8Fetc%EF%BC%8Fpasswd"),
        ("written from right to left", "UTF-8''a%E2%80%AEgnp.exe"),
        ("extended, escaped", "UTF-8''..%2F..%2Fetc%2Fpasswd"),
        ("extended, escaped twice", "UTF-8''..%252F..%252Fetc%252Fpasswd"),
        ("extended, a NUL", "UTF-8''a.php%00.png"),
        ("in another charset", "ISO-8859-1''..%2Fetc%2Fpasswd"),
    ];
    let mut names: Vec<(String, String)> = quoted
        .iter()
        .map(|(what, name)| ((*what).to_owned(), format!("attachment; filename=\"{name}\"")))
        .collect();
    names.extend(extended.iter().map(|(what, name)| {
        ((*what).to_owned(), format!("attachment; filename=\"a.png\"; filename*={name}"))
    }));
    names.push(("long".to_owned(), format!("attachment; filename=\"{}.png\"", "a".repeat(5000))));
    names
}

/// Why a name is not harmless, if so.
fn harm(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    let devices = ["con", "prn", "aux", "nul"];
    let is_numbered = |device: &str| {
        stem.strip_prefix(device)
            .is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    let folded: String = name.chars().filter(|c| "／＼⁄∕".contains(*c) || *c == '．').collect();
    if name.contains(['/', '\\', ':', '%', '<', '>', '"', '|', '*', '?']) || !folded.is_empty() {
        return Some("it holds what means something in a path");
    }
    if name.chars().any(char::is_control) || name.contains(['\u{202e}', '\u{202d}', '\u{2066}']) {
        return Some("it holds what is not seen");
    }
    if name.contains("..") || name.starts_with('.') || name.ends_with(['.', ' ']) {
        return Some("its dots mean something");
    }
    if devices.contains(&stem) || is_numbered("com") || is_numbered("lpt") {
        return Some("it is a device's name");
    }
    (name.is_empty() || name.len() > 255).then_some("no folder can hold it")
}

async fn ordinary(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in taking(world)? {
        let Some(kind) = taking.upload.accept.first() else { continue };
        let Some(file) = file::of_kind(kind, 0) else { continue };
        let asked = request(world, &taking, &user, Some(kind), file)?;
        let asked = asked.header("Content-Disposition", "attachment; filename=\"Holiday (2).x\"");
        let answer = world.send(asked).await?;
        let name = answer.at("/name").unwrap_or_default();
        let kept = answer.status == taking.status && name.starts_with("Holiday (2).");
        let result =
            require(kept, || format!("must be called `Holiday (2).…`, not {name:?}"), &answer);
        findings.add(&taking.key.to_string(), result)?;
    }
    findings.finish("no route takes files", |_| "its name was kept".to_owned())
}

async fn elsewhere(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let mut findings = Findings::new();
    let mut refused = 0;
    for taking in taking(world)? {
        let Some(kind) = taking.upload.accept.first() else { continue };
        let Some(file) = file::of_kind(kind, 0) else { continue };
        for (what, disposition) in dangerous() {
            let asked = request(world, &taking, &user, Some(kind), file.clone())?;
            let answer = world.send(asked.header("Content-Disposition", disposition)).await?;
            let result = if answer.is_success() {
                let name = answer.at("/name").unwrap_or_default();
                let harm = harm(&name);
                let text = || format!("must not be called {name:?}: {}", harm.unwrap_or_default());
                require(harm.is_none(), text, &answer)
            } else {
                refused += 1;
                let right = [400, 422].contains(&answer.status) && answer.is_problem();
                require(right, || "must be refused with 400 or 422".to_owned(), &answer)
            };
            findings.add(&what, result)?;
        }
    }
    findings.finish("no route takes files", |count| {
        format!("of {count} names {refused} were refused, and the others made harmless")
    })
}

#[cfg(test)]
mod tests {
    use super::harm;

    #[test]
    fn harmful_names_are_known_and_others_are_not() {
        for name in ["../a", "a\\b", "CON.png", "lpt1", "a\0b", ".a", "a.", "a%2fb", "", "．．／a"]
        {
            assert!(harm(name).is_some(), "{name:?}");
        }
        for name in ["a.png", "Holiday (2).png", "ü_1-b.png", "console.png"] {
            assert_eq!(harm(name), None, "{name:?}");
        }
    }
}
