//! Stores of files.

use std::collections::HashMap;
use std::sync::Arc;

use super::Opening;
use crate::binding::blob::BlobStore;
use crate::host::native::folder::Folder;

/// Every store of files: each is a folder beside the database.
pub(in crate::host::native) fn blobs(
    opening: &Opening<'_>,
) -> Result<HashMap<&'static str, Arc<dyn BlobStore>>, String> {
    let mut blobs: HashMap<&'static str, Arc<dyn BlobStore>> = HashMap::new();
    for blob in opening.definition.blobs {
        let path = opening.config.databases.file.with_extension(format!("{}.files", blob.name));
        blobs.insert(blob.name, Arc::new(Folder::open(path)?));
    }
    Ok(blobs)
}
