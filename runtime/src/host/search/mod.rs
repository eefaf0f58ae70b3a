//! What stands in for the platform's models and vector indexes where an environment declares it, by a variable.

mod hashing;
mod table;

pub use hashing::Hashing;
pub use table::Table;

use std::collections::HashMap;
use std::sync::Arc;

use crate::binding::search::{Embedder, VectorIndex};
use crate::binding::sql::Database;
use crate::definition::{Ai, Definition, Vector};

/// Models by name.
pub type Embedders = HashMap<&'static str, Arc<dyn Embedder>>;
/// Indexes by name.
pub type Indexes = HashMap<&'static str, Arc<dyn VectorIndex>>;

/// The variable that names what stands in for a binding.
pub fn variable(binding: &str) -> String {
    format!("{binding}_SUBSTITUTE")
}

/// What stands in for models.
pub const HASHING: &str = "hashing";
/// What stands in for indexes.
pub const TABLE: &str = "table";

/// The model that stands in for another one: its vectors have the size of the index that they are for.
pub fn embedder(definition: &'static Definition, ai: &'static Ai) -> Arc<dyn Embedder> {
    let index = definition.vectors.iter().find(|vector| vector.ai == ai.name);
    Arc::new(Hashing::new(index.map_or(1, |vector| vector.dimensions)))
}

/// The index that stands in for another one, where the spec names its table.
pub fn index(
    vector: &'static Vector,
    database: impl FnOnce(&str) -> Option<Arc<dyn Database>>,
) -> Option<Arc<dyn VectorIndex>> {
    let table = vector.table.as_ref()?;
    Some(Arc::new(Table::new(database(table.all.database)?, table)))
}
