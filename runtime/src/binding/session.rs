//! Reads of a database that has copies elsewhere: what one client sees is never older than what it saw, or wrote, before.
//!
//! A copy follows the database at a distance. A *bookmark* names a state of the database; whoever reads with one reads from
//! a copy that has that state, or from the database itself. A session is one request: it begins with the bookmark that the
//! client brings, and the client is told the latest one at its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The header that brings and tells a bookmark, as in the platform's own examples
/// (<https://developers.cloudflare.com/d1/best-practices/read-replication/>).
pub const BOOKMARK: &str = "x-d1-bookmark";

/// Longer than any bookmark of the platform, which has 59 characters.
const LONGEST: usize = 128;

/// What one request does with a database that has copies.
#[derive(Debug)]
pub struct Session {
    database: &'static str,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What the client brought.
    brought: Option<String>,
    /// The latest state that a statement saw or made.
    seen: Option<String>,
}

/// Where statements may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// At the database itself.
    Primary,
    /// At any copy.
    Anywhere,
    /// At any copy that has this state.
    Bookmark(String),
}

impl From {
    /// What the platform's `withSession` is asked with; nothing where there is no session.
    pub fn constraint(from: Option<&Self>) -> &str {
        match from {
            None => "",
            Some(Self::Primary) => "first-primary",
            Some(Self::Anywhere) => "first-unconstrained",
            Some(Self::Bookmark(bookmark)) => bookmark,
        }
    }
}

impl Session {
    /// A session with a database, from a client's bookmark on. One that is malformed is none.
    pub fn new(database: &'static str, bookmark: Option<&str>) -> Self {
        let brought = bookmark.filter(|text| is_bookmark(text)).map(str::to_owned);
        Self { database, known: Mutex::new(Known { brought, seen: None }) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Name of the database's binding.
    pub fn database(&self) -> &'static str {
        self.database
    }

    /// Where statements may run: those that change anything at the database itself.
    pub fn start(&self, reads: bool) -> From {
        let known = self.lock();
        // Bookmarks are sorted by time.
        match known.brought.as_ref().max(known.seen.as_ref()) {
            _ if !reads => From::Primary,
            Some(bookmark) => From::Bookmark(bookmark.clone()),
            None => From::Anywhere,
        }
    }

    /// Statements saw, or made, this state.
    pub fn saw(&self, bookmark: &str) {
        let mut known = self.lock();
        if is_bookmark(bookmark) && known.seen.as_deref().is_none_or(|seen| seen < bookmark) {
            known.seen = Some(bookmark.to_owned());
        }
    }

    /// What the client brought names no state that there is.
    pub fn forget(&self) {
        self.lock().brought = None;
    }

    /// The latest state that a statement saw or made.
    pub fn bookmark(&self) -> Option<String> {
        self.lock().seen.clone()
    }
}

/// Whether a text has the form of a bookmark: groups of hexadecimal digits.
fn is_bookmark(text: &str) -> bool {
    let is_group = |group: &str| {
        group.len() >= 8 && group.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.len() <= LONGEST && text.contains('-') && text.split('-').all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
    const NEW: &str = "00000085-0000024d-00004c6d-00000000000000000000000000000000";

    #[test]
    fn reads_follow_the_latest_state_and_writes_go_to_the_database() {
        let session = Session::new("DB", None);
        assert_eq!((session.start(true), session.bookmark()), (From::Anywhere, None));
        session.saw(NEW);
        session.saw(OLD);
        assert_eq!(session.start(true), From::Bookmark(NEW.to_owned()));
        assert_eq!(session.start(false), From::Primary);
        assert_eq!(session.bookmark().as_deref(), Some(NEW));
    }

    #[test]
    fn what_a_client_brings_is_a_bookmark_or_nothing() {
        let session = Session::new("DB", Some(OLD));
        assert_eq!(session.start(true), From::Bookmark(OLD.to_owned()));
        assert_eq!(session.bookmark(), None, "nothing was seen yet");
        session.forget();
        assert_eq!(session.start(true), From::Anywhere);
        let long = format!("{OLD}-{}", "0".repeat(100));
        for bad in [
            "",
            "-",
            "first-primary",
            "zzz",
            "00000085",
            "00000085 ",
            "0-0",
            "00000085-0000024C",
            &long,
        ] {
            assert_eq!(Session::new("DB", Some(bad)).start(true), From::Anywhere, "{bad}");
        }
    }
}
