//! What answers promised, and whether what the service says afterwards keeps it.
//!
//! What was confirmed is there exactly once. What was refused is not there. What failed or got no answer is there once
//! or not at all.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was confirmed.
    Done,
    /// It was refused.
    Refused,
    /// It failed, or there was no answer.
    Unknown,
}

/// How many writes of a kind there may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) done: u64,
    pub(super) unknown: u64,
}

impl Count {
    pub(super) fn add(&mut self, fate: Fate) {
        match fate {
            Fate::Done => self.done += 1,
            Fate::Unknown => self.unknown += 1,
            Fate::Refused => {}
        }
    }

    fn wrong(self, what: &str, found: u64) -> Option<String> {
        let most = self.done + self.unknown;
        if found < self.done {
            return Some(format!("{} {what} were confirmed, and {found} are there", self.done));
        }
        (found > most)
            .then(|| format!("{found} {what} are there, and at most {most} can have been made"))
    }
}

/// A movement of a balance, as the service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Movement {
    pub(super) id: Option<String>,
    pub(super) amount: i64,
}

/// What was promised about one balance.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) grants: Count,
    pub(super) spends: Count,
    /// The ids of movements that were confirmed.
    pub(super) ids: Vec<String>,
    /// How much each grant is.
    pub(super) grant: i64,
}

impl Ledger {
    /// How many movements there may be, refused ones apart.
    pub(super) const fn attempts(&self) -> u64 {
        self.grants.done + self.grants.unknown + self.spends.done + self.spends.unknown
    }

    /// Whether the movements add up.
    pub(super) fn adds_up(balance: i64, movements: &[Movement]) -> bool {
        movements.iter().map(|movement| movement.amount).sum::<i64>() == balance
    }

    /// What is wrong.
    pub(super) fn wrong(&self, balance: i64, movements: &[Movement]) -> Vec<String> {
        let mut wrong = Vec::new();
        if balance < 0 {
            wrong.push(format!("the balance is {balance}"));
        }
        if !Self::adds_up(balance, movements) {
            let sum: i64 = movements.iter().map(|movement| movement.amount).sum();
            wrong.push(format!("the movements add up to {sum}, and the balance is {balance}"));
        }
        let count = |amount: i64| movements.iter().filter(|m| m.amount == amount).count() as u64;
        wrong.extend(self.grants.wrong("grants", count(self.grant)));
        wrong.extend(self.spends.wrong("deductions", count(-1)));
        let known = count(self.grant) + count(-1);
        if known != movements.len() as u64 {
            wrong.push(format!(
                "{} of the movements were never asked for",
                movements.len() as u64 - known
            ));
        }
        let mut seen = BTreeSet::new();
        for id in movements.iter().filter_map(|movement| movement.id.as_deref()) {
            if !seen.insert(id) {
                wrong.push(format!("the movement {id} is listed twice"));
            }
        }
        if movements.iter().all(|movement| movement.id.is_some()) {
            let lost = self.ids.iter().filter(|id| !seen.contains(id.as_str()));
            wrong.extend(
                lost.map(|id| format!("the movement {id} was confirmed, and is not there")),
            );
        }
        wrong
    }
}

/// What was promised about the things of one kind that one user made, by what tells them apart.
#[derive(Debug, Default)]
pub(super) struct Things(BTreeMap<String, Fate>);

impl Things {
    /// Notes what became of a thing.
    pub(super) fn add(&mut self, marker: String, fate: Fate) {
        self.0.insert(marker, fate);
    }

    /// Nothing is promised of what was confirmed: it may be there or not.
    pub(super) fn forgive(&mut self) {
        self.0.values_mut().filter(|fate| **fate == Fate::Done).for_each(|f| *f = Fate::Unknown);
    }

    /// How many there may be.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many were confirmed, and of how many nobody knows.
    pub(super) fn count(&self) -> Count {
        let mut count = Count::default();
        self.0.values().for_each(|fate| count.add(*fate));
        count
    }

    /// What is wrong with the things that were found.
    pub(super) fn wrong(&self, found: &[String]) -> Vec<String> {
        let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
        for marker in found {
            *copies.entry(marker).or_default() += 1;
        }
        let mut wrong = Vec::new();
        for (marker, fate) in &self.0 {
            match (fate, copies.remove(marker.as_str()).unwrap_or_default()) {
                (Fate::Done, 0) => wrong.push(format!("{marker} was confirmed, and is not there")),
                (Fate::Refused, copies) if copies > 0 => {
                    wrong.push(format!("{marker} was refused, and is there"));
                }
                (_, copies) if copies > 1 => {
                    wrong.push(format!("{marker} was made once, and is there {copies} times"));
                }
                _ => {}
            }
        }
        wrong.extend(copies.keys().map(|marker| format!("{marker} was never made")));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn movements(amounts: &[i64]) -> Vec<Movement> {
        let movement =
            |(at, amount): (usize, &i64)| Movement { id: Some(format!("m{at}")), amount: *amount };
        amounts.iter().enumerate().map(movement).collect()
    }

    fn ledger() -> Ledger {
        Ledger {
            grants: Count { done: 1, unknown: 1 },
            spends: Count { done: 2, unknown: 1 },
            ids: vec!["m1".to_owned()],
            grant: 5,
        }
    }

    #[test]
    fn what_is_unknown_may_be_there_or_not() {
        assert_eq!(ledger().wrong(3, &movements(&[5, -1, -1])), [""; 0]);
        assert_eq!(ledger().wrong(7, &movements(&[5, -1, -1, -1, 5])), [""; 0]);
    }

    #[test]
    fn lost_doubled_and_unasked_movements_are_found() {
        for (balance, amounts, part) in [
            (4, &[5, -1][..], "2 deductions were confirmed, and 1 are there"),
            (1, &[5, -1, -1, -1, -1], "4 deductions are there"),
            (4, &[5, -1, -1], "add up to 3"),
            (-2, &[-1, -1], "the balance is -2"),
            (12, &[5, 5, 5, -1, -1, -1], "3 grants are there"),
            (6, &[5, -1, -1, 3], "1 of the movements were never asked for"),
        ] {
            let wrong = ledger().wrong(balance, &movements(amounts));
            assert!(wrong.iter().any(|text| text.contains(part)), "{amounts:?}: {wrong:?}");
        }
    }

    #[test]
    fn a_confirmed_movement_is_looked_for_by_its_id() {
        let mut found = movements(&[5, -1, -1]);
        found[1].id = Some("another".to_owned());
        assert_eq!(ledger().wrong(3, &found), ["the movement m1 was confirmed, and is not there"]);
        found[1].id = Some("m2".to_owned());
        assert!(ledger().wrong(3, &found)[0].contains("listed twice"));
    }

    #[test]
    fn things_are_there_as_their_answers_promised() {
        let mut things = Things::default();
        things.add("a".to_owned(), Fate::Done);
        things.add("b".to_owned(), Fate::Unknown);
        things.add("c".to_owned(), Fate::Refused);
        let found = |names: &[&str]| {
            things.wrong(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(found(&["a"]), [""; 0]);
        assert_eq!(found(&["b", "a"]), [""; 0]);
        assert_eq!(found(&[]), ["a was confirmed, and is not there"]);
        assert_eq!(found(&["a", "c"]), ["c was refused, and is there"]);
        assert_eq!(found(&["a", "b", "b"]), ["b was made once, and is there 2 times"]);
        assert_eq!(found(&["a", "d"]), ["d was never made"]);
    }
}
