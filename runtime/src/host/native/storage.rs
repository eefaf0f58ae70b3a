//! Where files are kept: `STORAGE_URL`, `file:PATH` or `s3://BUCKET/PREFIX?endpoint=URL&region=R`.

use std::path::PathBuf;

use crate::host::config::Reader;
use crate::secret::Secret;

const FIX: &str =
    "write file:PATH, or s3://BUCKET/PREFIX?endpoint=URL&region=REGION&path_style=true";

/// Where files are kept.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Folders beside the database; nothing was configured.
    BesideDatabase,
    /// Folders in this one.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Bucket),
}

/// A bucket that speaks the S3 protocol.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its name.
    pub bucket: String,
    /// What the names of all files begin with.
    pub prefix: String,
    /// Where it is, unless it is with AWS.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the bucket stands in the path and not in the host's name.
    pub path_style: bool,
    /// Whether it is made when it is not there.
    pub create: bool,
    /// The name of the credentials.
    pub key_id: Secret,
    /// What signs.
    pub key: Secret,
}

/// Reads it with its credentials.
pub fn read(reader: &mut Reader<'_>) -> Storage {
    let Some(url) = reader.get("STORAGE_URL") else { return Storage::BesideDatabase };
    if let Some(path) = url.strip_prefix("file:").filter(|path| !path.is_empty()) {
        return Storage::Folder(PathBuf::from(path.strip_prefix("//").unwrap_or(path)));
    }
    if !cfg!(feature = "s3") && url.starts_with("s3:") {
        let fix = "write file:PATH, or bind a store of files in the spec";
        reader.wrong("STORAGE_URL", "this service was built without S3", fix);
        return Storage::BesideDatabase;
    }
    let Some(mut bucket) = url.strip_prefix("s3://").and_then(bucket) else {
        reader.wrong("STORAGE_URL", "it is not valid", FIX);
        return Storage::BesideDatabase;
    };
    for (name, secret) in
        [("AWS_ACCESS_KEY_ID", &mut bucket.key_id), ("AWS_SECRET_ACCESS_KEY", &mut bucket.key)]
    {
        match reader.get(name) {
            Some(value) => *secret = Secret::new(value),
            None => reader.wrong(name, "it is missing", "set it: STORAGE_URL names a bucket"),
        }
    }
    Storage::Bucket(bucket)
}

fn bucket(text: &str) -> Option<Bucket> {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let mut bucket = Bucket {
        bucket: name.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: None,
        region: "us-east-1".to_owned(),
        path_style: false,
        create: false,
        key_id: Secret::new(String::new()),
        key: Secret::new(String::new()),
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("endpoint", endpoint) => {
                let uri = endpoint.parse::<http::Uri>().ok()?;
                if !matches!(uri.scheme_str(), Some("http" | "https")) {
                    return None;
                }
                bucket.endpoint = Some(endpoint.trim_end_matches('/').to_owned());
            }
            ("region", region) if !region.is_empty() => region.clone_into(&mut bucket.region),
            ("path_style", "true") => bucket.path_style = true,
            ("path_style", "false") => bucket.path_style = false,
            ("create", "true") => bucket.create = true,
            ("create", "false") => bucket.create = false,
            _ => return None,
        }
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (name.len() >= 3 && name.chars().all(is_name)).then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_read_with_all_that_its_url_says_and_nothing_else_is_taken() {
        let found = bucket("files/a/b?endpoint=http://127.0.0.1:9000/&region=eu-1&path_style=true");
        let found = found.expect("a bucket");
        assert_eq!((found.bucket.as_str(), found.prefix.as_str()), ("files", "a/b"));
        assert_eq!(found.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!((found.region.as_str(), found.path_style), ("eu-1", true));
        assert!(bucket("files?create=true").is_some_and(|found| found.create));
        assert!(bucket("files").is_some_and(|found| !found.create));
        assert!(bucket("files").is_some_and(|found| !found.path_style && found.prefix.is_empty()));
        for wrong in
            ["", "F", "files?endpoint=ftp://x", "files?paths_style=true", "a_b/c", "files?x"]
        {
            assert!(bucket(wrong).is_none(), "{wrong}");
        }
    }
}
