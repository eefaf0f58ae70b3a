//! Figures about deliveries: counted without locks.

use std::sync::atomic::{AtomicU64, Ordering};

use super::ErrorClass;
use crate::definition::Definition;

/// What became of a message or of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// It was delivered.
    Delivered,
    /// It had been delivered before, and was not handled again.
    Duplicate,
    /// An attempt failed, and there is another one.
    Retried(ErrorClass),
    /// It was kept as a dead letter.
    Dead(ErrorClass),
    /// It could neither be delivered nor kept.
    Lost,
}

impl Figure {
    /// Every figure.
    pub fn all() -> impl Iterator<Item = Self> {
        let classes = ErrorClass::ALL.into_iter();
        [Self::Delivered, Self::Duplicate, Self::Lost]
            .into_iter()
            .chain(classes.clone().map(Self::Retried))
            .chain(classes.map(Self::Dead))
    }

    const fn position(self) -> usize {
        match self {
            Self::Delivered => 0,
            Self::Duplicate => 1,
            Self::Lost => 2,
            Self::Retried(class) => 3 + class as usize,
            Self::Dead(class) => 8 + class as usize,
        }
    }

    /// The name of its outcome, and of the class where there is one.
    pub const fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Delivered => ("delivered", None),
            Self::Duplicate => ("duplicate", None),
            Self::Lost => ("lost", None),
            Self::Retried(class) => ("retried", Some(class.name())),
            Self::Dead(class) => ("dead", Some(class.name())),
        }
    }
}

/// What became of the messages of each queue, in this process.
#[derive(Debug)]
pub struct Deliveries(Vec<(&'static str, [AtomicU64; 13])>);

impl Deliveries {
    /// Figures for a service's queues.
    pub fn new(definition: &'static Definition) -> Self {
        Self(definition.queues.iter().map(|queue| (queue.name, Default::default())).collect())
    }

    /// One more.
    pub fn count(&self, queue: &str, figure: Figure) {
        if let Some((_, counts)) = self.0.iter().find(|(name, _)| *name == queue) {
            counts[figure.position()].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queue, figure and how many, for all that there are.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Figure, u64)> {
        self.0.iter().flat_map(|(queue, counts)| {
            Figure::all()
                .map(|figure| (*queue, figure, counts[figure.position()].load(Ordering::Relaxed)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_figure_has_a_place_of_its_own() {
        let places: BTreeSet<usize> = Figure::all().map(Figure::position).collect();
        assert_eq!(places, (0..13).collect());
    }
}
