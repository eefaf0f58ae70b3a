//! Workers AI and Vectorize, and what an environment declares in their place.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use js_sys::{Array, Float32Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, JsValue};

use super::glue;
use crate::binding::search::{Embedder, Embedding, SearchError, VectorIndex};
use crate::binding::sql::Database;
use crate::binding::{Reply, later, ready};
use crate::definition::{Ai, Definition, Vector};
use crate::host::search::{self, Embedders, Indexes};

/// What a model said of itself holds so long, in milliseconds: asking it costs, and monitors ask often.
const KNOWN_FOR: f64 = 60_000.0;

/// A model of the platform.
struct WorkersAi {
    binding: SendWrapper<JsValue>,
    model: &'static str,
    /// Until when it is known to work.
    works_until: SendWrapper<Cell<f64>>,
}

impl WorkersAi {
    async fn vector(&self, text: &str) -> Result<Embedding, SearchError> {
        let vector = glue::ai_embed(&self.binding, self.model, text).await;
        let vector = vector.map_err(|error| failed(&error))?;
        let vector: Float32Array = vector.dyn_into().map_err(|other| failed(&other))?;
        self.works_until.set(glue::now() + KNOWN_FOR);
        Ok(vector.to_vec())
    }
}

impl Embedder for WorkersAi {
    fn embed<'a>(&'a self, text: &'a str) -> Reply<'a, Result<Embedding, SearchError>> {
        later(SendWrapper::new(self.vector(text)))
    }

    fn ping(&self) -> Reply<'_, Result<(), SearchError>> {
        if glue::now() < self.works_until.get() {
            return ready(Ok(()));
        }
        later(SendWrapper::new(async { self.vector("ping").await.map(drop) }))
    }
}

/// An index of the platform.
struct Vectorize {
    binding: SendWrapper<JsValue>,
    dimensions: usize,
}

impl VectorIndex for Vectorize {
    fn upsert<'a>(&'a self, id: &'a str, vector: &'a [f32]) -> Reply<'a, Result<(), SearchError>> {
        later(SendWrapper::new(async move {
            let done = glue::vectorize_upsert(&self.binding, id, vector).await;
            done.map_err(|error| failed(&error))
        }))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, Result<(), SearchError>> {
        later(SendWrapper::new(async move {
            let done = glue::vectorize_remove(&self.binding, id).await;
            done.map_err(|error| failed(&error))
        }))
    }

    fn nearest<'a>(
        &'a self,
        vector: &'a [f32],
        most: usize,
    ) -> Reply<'a, Result<Vec<String>, SearchError>> {
        later(SendWrapper::new(async move {
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            let found = glue::vectorize_nearest(&self.binding, vector, most).await;
            let ids: Array = found.and_then(JsValue::dyn_into).map_err(|error| failed(&error))?;
            Ok(ids.iter().filter_map(|id| id.as_string()).collect())
        }))
    }

    fn ping(&self) -> Reply<'_, Result<(), SearchError>> {
        later(SendWrapper::new(async {
            let size = glue::vectorize_size(&self.binding).await.map_err(|error| failed(&error))?;
            let expected = u32::try_from(self.dimensions).map(f64::from);
            // An index that says no size is not judged by it.
            let right = size.as_f64().is_none_or(|size| {
                expected.is_ok_and(|expected| size.total_cmp(&expected).is_eq())
            });
            let wrong = || SearchError("the index has vectors of another size".to_owned());
            right.then_some(()).ok_or_else(wrong)
        }))
    }
}

fn failed(error: &JsValue) -> SearchError {
    SearchError(glue::explain(error))
}

/// What the environment names in the place of a binding, in the order of the spec: name, what was said, what fits.
pub(super) fn substitutes(
    definition: &'static Definition,
    env: &JsValue,
) -> Vec<(&'static str, String, &'static str)> {
    let models = definition.ais.iter().map(|ai| (ai.name, search::HASHING));
    let indexes = definition.vectors.iter().map(|vector| (vector.name, search::TABLE));
    let named = models.chain(indexes).filter_map(|(name, word)| {
        Some((name, glue::variable(env, &search::variable(name))?, word))
    });
    named.collect()
}

/// The models of a service.
pub(super) fn embedders(definition: &'static Definition, env: &JsValue) -> Embedders {
    let model = |ai: &'static Ai| -> (&'static str, Arc<dyn Embedder>) {
        if glue::variable(env, &search::variable(ai.name)).is_some() {
            return (ai.name, search::embedder(definition, ai));
        }
        let binding = SendWrapper::new(glue::binding(env, ai.name));
        let works_until = SendWrapper::new(Cell::new(0.0));
        (ai.name, Arc::new(WorkersAi { binding, model: ai.model, works_until }))
    };
    definition.ais.iter().map(model).collect()
}

/// The indexes of a service.
pub(super) fn indexes(
    definition: &'static Definition,
    env: &JsValue,
    databases: &HashMap<&'static str, Arc<dyn Database>>,
) -> Indexes {
    let index = |vector: &'static Vector| -> Option<(&'static str, Arc<dyn VectorIndex>)> {
        if glue::variable(env, &search::variable(vector.name)).is_some() {
            return Some((
                vector.name,
                search::index(vector, |name| databases.get(name).map(Arc::clone))?,
            ));
        }
        let binding = SendWrapper::new(glue::binding(env, vector.name));
        Some((vector.name, Arc::new(Vectorize { binding, dimensions: vector.dimensions })))
    };
    definition.vectors.iter().filter_map(index).collect()
}
