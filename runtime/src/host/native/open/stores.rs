//! Stores of keys and values: in Redis where there is one.

use std::collections::HashMap;
use std::sync::Arc;

use super::Opening;
use crate::binding::kv::KeyValueStore;
use crate::host::faults;

/// Every store of the service.
pub(in crate::host::native) fn stores(
    opening: &Opening<'_>,
) -> HashMap<&'static str, Arc<dyn KeyValueStore>> {
    let names = opening.definition.stores.iter().map(|store| store.name);
    let store = |name| faults::store(name, opening.shared.store(name), opening.faults);
    names.map(|name| (name, store(name))).collect()
}
