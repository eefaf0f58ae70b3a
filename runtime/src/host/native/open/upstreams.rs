//! Services of others.

use std::collections::HashMap;
use std::sync::Arc;

use super::Opening;
use crate::binding::upstream::Upstream;
use crate::host::native::clock::SystemEntropy;
use crate::host::native::upstream::HttpUpstream;
use crate::host::upstream::Attempts;

/// A client for every upstream of the service.
pub(in crate::host::native) fn upstreams(
    opening: &Opening<'_>,
) -> Result<HashMap<&'static str, Arc<dyn Upstream>>, String> {
    let common = &opening.config.common;
    let mut upstreams: HashMap<&'static str, Arc<dyn Upstream>> = HashMap::new();
    for upstream in opening.definition.upstreams {
        let base_url = common.base_urls.get(upstream.name).map(String::as_str);
        let bearer = upstream.bearer.and_then(|name| common.settings.secrets.get(name).cloned());
        let clock = Arc::clone(opening.clock);
        let attempts = Attempts::new(upstream, clock, Arc::new(SystemEntropy));
        let client = HttpUpstream::new(upstream, base_url, bearer, attempts)?;
        upstreams.insert(upstream.name, Arc::new(client));
    }
    Ok(upstreams)
}
