//! A bucket that speaks the S3 protocol as the store of files.
//!
//! The crate `object_store` signs and sends; its HTTP client is the one that upstreams have already.

mod reading;
mod upload;

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::{Path, PathPart};
use object_store::signer::Signer as _;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, ObjectStore as _,
    ObjectStoreExt as _, PutOptions, RetryConfig,
};

use super::storage::Bucket as Settings;
use crate::binding::blob::{Blob, BlobError, BlobStore, Reading, UNFINISHED, Upload};
use crate::binding::{Reply, later, ready};
use crate::context::hash_token;

/// The longest key that becomes part of the name; a longer one is known by its hash.
const LONGEST_KEY: usize = 200;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
/// What fails is tried again for so long; the route's own timeout is shorter or longer.
const RETRY: Duration = Duration::from_secs(5);

/// A part of a bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: AmazonS3,
    folder: Path,
    /// Whether the bucket is made when it is not there.
    creates: bool,
}

impl Bucket {
    /// The files of this binding of a service. Nothing is connected yet.
    pub fn new(settings: &Settings, service: &str, binding: &str) -> Result<Self, String> {
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(TIMEOUT)
            .with_allow_http(true);
        let retry =
            RetryConfig { backoff: BackoffConfig::default(), max_retries: 2, retry_timeout: RETRY };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_access_key_id(settings.key_id.expose())
            .with_secret_access_key(settings.key.expose())
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| error.to_string())?;
        let prefix = settings.prefix.split('/').filter(|part| !part.is_empty());
        let parts = prefix.chain([service, binding]).map(PathPart::from);
        Ok(Self { store, folder: parts.collect(), creates: settings.create })
    }

    /// Makes the bucket. The crate has no call for it, but it signs any request.
    async fn create(&self) -> Result<(), BlobError> {
        let signed = self.store.signed_url(Method::PUT, &Path::default(), TIMEOUT).await;
        let url = signed.map_err(|error| failed(&error))?;
        let client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
        let client = client.build().map_err(|error| BlobError(error.to_string()))?;
        // The URL holds the signature, which is not for others to read.
        let answer = client.put(url).send().await;
        let answer = answer.map_err(|error| BlobError(error.without_url().to_string()))?;
        match answer.status() {
            // Another instance was first.
            status if status.is_success() || status == StatusCode::CONFLICT => Ok(()),
            status => Err(BlobError(format!("the bucket is not there, to make it gave {status}"))),
        }
    }

    /// Makes the bucket when that is what was missing.
    async fn or_create<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, BlobError>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        match attempt().await {
            Err(error) if self.creates && may_lack_bucket(&error) => {}
            other => return other.map_err(|error| failed(&error)),
        }
        // Where it cannot be made because somebody else just did that, it is there.
        let made = self.create().await;
        attempt().await.map_err(|error| made.err().unwrap_or_else(|| failed(&error)))
    }

    /// Where unfinished uploads are.
    fn unfinished(&self) -> Path {
        self.folder.clone().join(PathPart::from("unfinished"))
    }

    /// Keys come from requests. What could mean something in a path is escaped, so that each key is
    /// one name in this folder.
    fn path(&self, key: &str) -> Path {
        let name = if key.is_empty() || key.len() > LONGEST_KEY {
            format!("sha256:{}", hash_token(key))
        } else {
            format!("key:{key}")
        };
        let folder =
            if key.starts_with(UNFINISHED) { self.unfinished() } else { self.folder.clone() };
        folder.join(PathPart::from(name))
    }
}

/// Whether the bucket is perhaps not there. Of a list the crate tells nothing but the answer's text.
fn may_lack_bucket(error: &Error) -> bool {
    match error {
        Error::NotFound { .. } => true,
        Error::Generic { source, .. } => source.to_string().contains("NoSuchBucket"),
        _ => false,
    }
}

/// What it says holds no credentials, but it may be long.
fn failed(error: &Error) -> BlobError {
    let text = error.to_string();
    BlobError(text.chars().take(300).collect())
}

fn labelled(media_type: &str) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, media_type.to_owned().into());
    attributes
}

fn media_type(attributes: &Attributes) -> String {
    let given = attributes.get(&Attribute::ContentType);
    given.map(|value| value.as_ref().to_owned()).unwrap_or_default()
}

fn etag(quoted: Option<String>) -> String {
    quoted.unwrap_or_default().trim_start_matches("W/").trim_matches('"').to_owned()
}

impl BlobStore for Bucket {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Blob>, BlobError>> {
        later(async move {
            let found = match self.store.get(&self.path(key)).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(failed(&error)),
            };
            let media_type = media_type(&found.attributes);
            let etag = etag(found.meta.e_tag.clone());
            let bytes = found.bytes().await.map_err(|error| failed(&error))?;
            Ok(Some(Blob { bytes, media_type, etag }))
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Reading>, BlobError>> {
        later(reading::read(self.clone(), self.path(key)))
    }

    fn upload<'a>(
        &'a self,
        key: &'a str,
        media_type: &'a str,
    ) -> Reply<'a, Result<Box<dyn Upload>, BlobError>> {
        // Nothing is sent before there is a part to send.
        let parts = upload::Parts::new(self.clone(), self.path(key), media_type);
        ready(Ok(Box::new(parts)))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        media_type: &'a str,
    ) -> Reply<'a, Result<String, BlobError>> {
        later(async move {
            let attributes = labelled(media_type);
            let (path, options) =
                (self.path(key), PutOptions { attributes, ..PutOptions::default() });
            let put = || self.store.put_opts(&path, bytes.clone().into(), options.clone());
            Ok(etag(self.or_create(put).await?.e_tag))
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), BlobError>> {
        later(async move {
            match self.store.delete(&self.path(key)).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failed(&error)),
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Reply<'a, Result<Vec<String>, BlobError>> {
        later(async move {
            let folder = self.unfinished();
            let all = || async {
                let found = self.store.list(Some(&folder));
                found.try_collect::<Vec<_>>().await
            };
            let found = self.or_create(all).await?;
            let names = found.iter().filter_map(|found| found.location.filename());
            let keys = names.filter_map(|name| name.strip_prefix("key:"));
            Ok(keys.filter(|key| key.starts_with(prefix)).map(str::to_owned).collect())
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), BlobError>> {
        later(async {
            // That nothing is found says that the bucket is there and our signature is right; to ask for
            // a file would say the same of a bucket that is not there.
            let nothing = self.folder.clone().join(PathPart::from("ping"));
            let first = || async { self.store.list(Some(&nothing)).next().await.transpose() };
            self.or_create(first).await.map(drop)
        })
    }
}
