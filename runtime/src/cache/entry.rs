//! An answer as it is stored: whole, with a digest that tells when it is not.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tags::Versions;
use crate::answer::Answer;

/// The form that is written here; another one is not read.
const FORM: &[u8; 4] = b"PLA1";
/// Bytes of the digest that are kept: enough to tell damage.
const DIGEST: usize = 16;

/// A stored answer.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// When it was made, in milliseconds since 1970.
    pub(super) at: u64,
    /// How long it holds.
    pub(super) ttl: Duration,
    /// The versions of its tags before it was made.
    pub(super) versions: Versions,
    /// The answer.
    pub(super) answer: Answer,
}

/// A stored answer at some time.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    /// Since it was made.
    pub(super) age: Duration,
    /// How long it still holds; nothing when it does not.
    pub(super) left: Duration,
}

impl Stored {
    pub(super) const fn holds(&self) -> bool {
        !self.left.is_zero()
    }
}

/// What stands before the body.
#[derive(Serialize, Deserialize)]
struct Head {
    at: u64,
    ttl: u64,
    versions: Versions,
    status: u16,
    headers: Vec<(String, String)>,
}

/// Whether an answer is the same for everyone who gets it from the cache, and says so.
pub(super) fn is_storable(answer: &Answer) -> bool {
    let private = |name: &HeaderName, value: &HeaderValue| {
        *name == SET_COOKIE || (*name == CACHE_CONTROL && value.as_bytes().starts_with(b"no-store"))
    };
    answer.headers.iter().all(|(name, value)| !private(name, value) && value.to_str().is_ok())
}

impl Entry {
    pub(super) fn encode(&self) -> Bytes {
        let headers = self.answer.headers.iter();
        let headers = headers.filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let head = Head {
            at: self.at,
            ttl: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            versions: self.versions.clone(),
            status: self.answer.status,
            headers: headers.collect(),
        };
        // Texts and numbers always have a form in JSON.
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let length = u32::try_from(head.len()).unwrap_or_default().to_be_bytes();
        let parts = [&length[..], &head, &self.answer.body];
        let mut bytes = Vec::with_capacity(FORM.len() + DIGEST + 4 + head.len() + parts[2].len());
        bytes.extend_from_slice(FORM);
        bytes.extend_from_slice(&digest(&parts));
        for part in parts {
            bytes.extend_from_slice(part);
        }
        bytes.into()
    }

    /// The entry, if it is one and nothing of it was changed.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(FORM)?;
        let (expected, rest) = rest.split_at_checked(DIGEST)?;
        if digest(&[rest]) != expected {
            return None;
        }
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (head, body) = rest.split_at_checked(length)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        let header = |(name, value): &(String, String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        let headers = head.headers.iter().map(header).collect::<Option<Vec<_>>>()?;
        Some(Self {
            at: head.at,
            ttl: Duration::from_millis(head.ttl),
            versions: head.versions,
            answer: Answer {
                status: head.status,
                headers,
                body: Bytes::copy_from_slice(body),
                pieces: None,
                connection: None,
            },
        })
    }

    /// The entry at this time, in milliseconds since 1970.
    pub(super) fn aged(self, now: u64) -> Stored {
        let age = Duration::from_millis(now.saturating_sub(self.at));
        let left = self.ttl.saturating_sub(age);
        Stored { entry: self, age, left }
    }
}

fn digest(parts: &[&[u8]]) -> [u8; DIGEST] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut short = [0; DIGEST];
    short.copy_from_slice(&hasher.finalize()[..DIGEST]);
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(body: Vec<u8>) -> Entry {
        Entry {
            at: 5_000,
            ttl: Duration::from_mins(1),
            versions: Versions::of(vec!["a".to_owned(), String::new()]),
            answer: Answer::text(200, "text/plain", body),
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let stored = entry(body);
            let read = Entry::decode(&stored.encode()).unwrap();
            prop_assert_eq!(read.at, stored.at);
            prop_assert_eq!(read.ttl, stored.ttl);
            prop_assert_eq!(&read.versions, &stored.versions);
            prop_assert_eq!(read.answer.status, stored.answer.status);
            prop_assert_eq!(&read.answer.headers, &stored.answer.headers);
            prop_assert_eq!(&read.answer.body, &stored.answer.body);
        }

        #[test]
        fn what_was_changed_or_cut_off_is_not_read(
            position in any::<prop::sample::Index>(), change in 1_u8.., cut in any::<bool>(),
        ) {
            let mut bytes = entry(b"body".to_vec()).encode().to_vec();
            let position = position.index(bytes.len());
            if cut {
                bytes.truncate(position);
            } else {
                bytes[position] ^= change;
            }
            prop_assert!(Entry::decode(&bytes).is_none());
        }
    }

    #[test]
    fn an_answer_for_one_client_alone_is_not_stored() {
        let mut answer = Answer::empty(200);
        assert!(is_storable(&answer));
        answer.headers.push((SET_COOKIE, HeaderValue::from_static("a=b")));
        assert!(!is_storable(&answer));
    }
}
