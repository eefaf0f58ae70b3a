//! Vectors in a table of the service's own: all of them are compared. For environments without the platform's index.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::binding::search::{SearchError, VectorIndex};
use crate::binding::sql::{Database, Done, Statement, ToParameter};
use crate::binding::{Reply, later};
use crate::definition::VectorTable;

/// The largest number of a kept vector: each is kept in one byte.
const LARGEST: f32 = 127.0;

/// What is less near has met by chance.
const LEAST: f32 = 0.1;

/// An index in a table.
pub struct Table {
    database: Arc<dyn Database>,
    statements: &'static VectorTable,
}

impl Table {
    /// The index in this table.
    pub fn new(database: Arc<dyn Database>, statements: &'static VectorTable) -> Self {
        Self { database, statements }
    }

    async fn run(
        &self,
        statement: &'static Statement,
        values: &[(&str, &dyn ToParameter)],
    ) -> Result<Done, SearchError> {
        let done = self.database.run(statement.with(values));
        done.await.map_err(|error| SearchError(error.to_string()))
    }
}

/// A vector as it is kept: its numbers against the largest of them, as only its direction matters.
fn kept(vector: &[f32]) -> String {
    let largest =
        vector.iter().fold(f32::MIN_POSITIVE, |largest, number| largest.max(number.abs()));
    #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127, by the division")]
    let bytes = vector.iter().map(|number| ((number / largest * LARGEST) as i8).to_ne_bytes()[0]);
    STANDARD_NO_PAD.encode(bytes.collect::<Vec<_>>())
}

/// How near a kept vector is: the cosine of the angle, 1 for the same direction.
fn nearness(vector: &[f32], kept: &str) -> Option<f32> {
    let bytes = STANDARD_NO_PAD.decode(kept).ok().filter(|bytes| bytes.len() == vector.len())?;
    let (mut product, mut lengths) = (0.0, (0.0, 0.0));
    for (number, byte) in vector.iter().zip(bytes) {
        let other = f32::from(i8::from_ne_bytes([byte]));
        product += number * other;
        lengths = (lengths.0 + number * number, lengths.1 + other * other);
    }
    Some(product / (lengths.0.sqrt() * lengths.1.sqrt()))
}

impl VectorIndex for Table {
    fn upsert<'a>(&'a self, id: &'a str, vector: &'a [f32]) -> Reply<'a, Result<(), SearchError>> {
        later(async move {
            let vector = kept(vector);
            self.run(self.statements.put, &[("id", &id), ("vector", &vector)]).await.map(drop)
        })
    }

    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, Result<(), SearchError>> {
        later(async move { self.run(self.statements.remove, &[("id", &id)]).await.map(drop) })
    }

    fn nearest<'a>(
        &'a self,
        vector: &'a [f32],
        most: usize,
    ) -> Reply<'a, Result<Vec<String>, SearchError>> {
        later(async move {
            let rows = self.run(self.statements.all, &[]).await?.rows;
            let mut found: Vec<(f32, String)> = rows
                .iter()
                .filter_map(|row| {
                    let near = nearness(vector, row.text("vector")?)?;
                    // What has nothing in common with the text is not found by it.
                    (near > LEAST).then(|| Some((near, row.text("id")?.to_owned())))?
                })
                .collect();
            found.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
            Ok(found.into_iter().take(most).map(|(_, id)| id).collect())
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), SearchError>> {
        later(async { self.database.ping().await.map_err(|error| SearchError(error.to_string())) })
    }

    fn substitute(&self) -> Option<&'static str> {
        Some(super::TABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_vector_has_its_direction() {
        let vector = [0.6, -0.8, 0.0];
        let near = nearness(&vector, &kept(&vector)).unwrap();
        let away = nearness(&vector, &kept(&[-0.6, 0.8, 0.0])).unwrap();
        assert!(near > 0.999 && away < -0.999, "{near}, {away}");
    }

    #[test]
    fn vector_of_another_size_or_none_is_not_compared() {
        assert_eq!(nearness(&[1.0, 0.0], &kept(&[1.0])), None);
        assert_eq!(nearness(&[1.0], "?"), None);
    }

    #[test]
    fn text_without_a_word_finds_nothing() {
        let near = nearness(&[0.0, 0.0], &kept(&[1.0, 0.0])).unwrap();
        assert!(near.is_nan(), "{near}");
    }
}
