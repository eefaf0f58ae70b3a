//! Stores of files: folders, or a bucket.

use std::collections::HashMap;
use std::sync::Arc;

use super::Opening;
use crate::binding::blob::BlobStore;
use crate::host::native::folder::Folder;
use crate::host::native::storage::{Bucket, Storage};

/// Every store of files.
pub(in crate::host::native) fn blobs(
    opening: &Opening<'_>,
) -> Result<HashMap<&'static str, Arc<dyn BlobStore>>, String> {
    let mut blobs: HashMap<&'static str, Arc<dyn BlobStore>> = HashMap::new();
    for blob in opening.definition.blobs {
        let config = opening.config;
        let store: Arc<dyn BlobStore> = match &config.storage {
            Storage::BesideDatabase => {
                let path = config.databases.file.with_extension(format!("{}.files", blob.name));
                Arc::new(Folder::open(path)?)
            }
            Storage::Folder(folder) => Arc::new(Folder::open(folder.join(blob.name))?),
            Storage::Bucket(bucket) => open(bucket, opening.definition.service, blob.name)?,
        };
        blobs.insert(blob.name, store);
    }
    Ok(blobs)
}

#[cfg(feature = "s3")]
fn open(bucket: &Bucket, service: &str, binding: &str) -> Result<Arc<dyn BlobStore>, String> {
    let store = crate::host::native::object_store::Bucket::new(bucket, service, binding);
    Ok(Arc::new(store.map_err(|error| format!("STORAGE_URL: {error}"))?))
}

#[cfg(not(feature = "s3"))]
fn open(_: &Bucket, _: &str, _: &str) -> Result<Arc<dyn BlobStore>, String> {
    Err("STORAGE_URL: this service was built without S3".to_owned())
}
