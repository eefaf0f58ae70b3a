//! Who watches what in this process: hints for those whose answer may have changed, and how many there are.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::task::AtomicWaker;

use crate::binding::sql::Bound;

/// Everybody who watches.
#[derive(Debug, Default)]
pub struct Watchers {
    open: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// Who wants a hint when a write names this text.
    by_key: HashMap<String, HashMap<u64, Arc<Bell>>>,
    by_caller: HashMap<String, usize>,
    by_route: HashMap<&'static str, usize>,
}

/// Tells one who watches that there may be something new; however often it rings, that is heard once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Waits until it has rung since it was heard last.
    pub(super) async fn heard(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// The place of one who watches, given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    watchers: Arc<Watchers>,
    id: u64,
    keys: Vec<String>,
    caller: String,
    route: &'static str,
}

impl Watchers {
    /// A place for a caller who has fewer than so many, and what rings from now on when something may be new.
    pub(crate) fn sit(
        self: &Arc<Self>,
        route: &'static str,
        caller: String,
        most: usize,
        keys: Vec<String>,
    ) -> Option<(Seat, Arc<Bell>)> {
        let mut inner = self.inner();
        let count = inner.by_caller.entry(caller.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        *inner.by_route.entry(route).or_default() += 1;
        let id = inner.next;
        inner.next += 1;
        let bell = Arc::new(Bell::default());
        for key in &keys {
            inner.by_key.entry(key.clone()).or_default().insert(id, Arc::clone(&bell));
        }
        drop(inner);
        self.open.fetch_add(1, Ordering::AcqRel);
        Some((Seat { watchers: Arc::clone(self), id, keys, caller, route }, bell))
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// How many there are for each route that has any.
    pub fn by_route(&self) -> Vec<(&'static str, usize)> {
        let mut all: Vec<_> = self.inner().by_route.iter().map(|(path, n)| (*path, *n)).collect();
        all.sort_unstable();
        all
    }

    /// Who wants to know of a write: those whose key is one of its parameters. Others see it when they look next.
    pub(crate) fn of<'b>(&self, bound: impl IntoIterator<Item = &'b Bound>) -> Vec<Arc<Bell>> {
        if self.open() == 0 {
            return Vec::new();
        }
        let inner = self.inner();
        let writes = bound.into_iter().filter(|bound| !bound.statement.reads);
        let texts = writes.flat_map(|bound| bound.parameters.iter().filter_map(|p| p.as_text()));
        texts
            .filter_map(|text| inner.by_key.get(text))
            .flat_map(|of| of.values().cloned())
            .collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who want to know of a write that it is done.
pub(crate) fn hint(whom: &[Arc<Bell>]) {
    for bell in whom {
        bell.ring();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.watchers.open.fetch_sub(1, Ordering::AcqRel);
        let mut inner = self.watchers.inner();
        for key in &self.keys {
            if let Some(of) = inner.by_key.get_mut(key) {
                of.remove(&self.id);
                if of.is_empty() {
                    inner.by_key.remove(key);
                }
            }
        }
        give_back(&mut inner.by_caller, &self.caller);
        if let Some(count) = inner.by_route.get_mut(self.route) {
            *count = count.saturating_sub(1);
        }
    }
}

fn give_back(counts: &mut HashMap<String, usize>, of: &str) {
    if let Some(count) = counts.get_mut(of) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::binding::sql::{Parameter, Statement};

    static WRITE: Statement = Statement { parameters: &["id"], ..Statement::DEFAULT };
    static READ: Statement = Statement { parameters: &["id"], reads: true, ..Statement::DEFAULT };

    fn bound(statement: &'static Statement, id: &str) -> Bound {
        Bound { statement, parameters: vec![Parameter::Text(id.to_owned())], session: None }
    }

    #[test]
    fn a_write_hints_at_those_whose_key_it_names_and_many_writes_are_heard_once() {
        let watchers = Arc::new(Watchers::default());
        assert!(watchers.of([&bound(&WRITE, "a")]).is_empty());
        let (seat, bell) =
            watchers.sit("/a", "ada".to_owned(), 1, vec!["a".to_owned()]).expect("a place");
        assert!(watchers.of([&bound(&READ, "a"), &bound(&WRITE, "b")]).is_empty());
        for _ in 0..1000 {
            hint(&watchers.of([&bound(&WRITE, "a")]));
        }
        assert_eq!(bell.heard().now_or_never(), Some(()));
        assert_eq!(bell.heard().now_or_never(), None);
        drop(seat);
        assert!(watchers.of([&bound(&WRITE, "a")]).is_empty());
    }

    #[test]
    fn one_caller_has_so_many_places_and_no_more() {
        let watchers = Arc::new(Watchers::default());
        let sit = |who: &str| watchers.sit("/a", who.to_owned(), 2, Vec::new());
        let (first, _second) = (sit("ada").expect("a place"), sit("ada").expect("a place"));
        assert!(sit("ada").is_none());
        let _bob = sit("bob").expect("another caller's place");
        assert_eq!(watchers.by_route(), [("/a", 3)]);
        drop(first);
        assert!(sit("ada").is_some());
        assert_eq!(watchers.open(), 2);
    }
}
