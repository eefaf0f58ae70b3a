//! Stores of keys and values: in Redis where there is one.

use std::collections::HashMap;
use std::sync::Arc;

use super::Opening;
use crate::binding::kv::KeyValueStore;
use crate::host::faults::FaultyStore;

/// Every store of the service.
pub(in crate::host::native) fn stores(
    opening: &Opening<'_>,
) -> HashMap<&'static str, Arc<dyn KeyValueStore>> {
    let names = opening.definition.stores.iter().map(|store| store.name);
    names.map(|name| (name, disturbed(opening, name, opening.shared.store(name)))).collect()
}

fn disturbed(
    opening: &Opening<'_>,
    name: &'static str,
    store: Arc<dyn KeyValueStore>,
) -> Arc<dyn KeyValueStore> {
    let Some(faults) = opening.faults else { return store };
    Arc::new(FaultyStore::new(name, store, Arc::clone(faults), Arc::clone(opening.clock)))
}
