//! Files in the API's document: bodies that are files, and what is said about them in headers.

use proofline_spec::document::{Method, Operation, Route, RouteKey};
use serde_json::{Value, json};

/// The body of a route that takes a file, or a part of one.
pub(super) fn body(key: &RouteKey, route: &Route) -> Option<Value> {
    match &route.op {
        Operation::Upload(upload) => {
            let kinds = upload.accept.join(", ");
            let mut description = format!(
                "The file itself, at most {}. Its content decides what it is: {kinds}.",
                upload.max_size
            );
            if let Some(pixels) = upload.pixels() {
                description.push_str(&format!(" Images have at most {pixels} pixels."));
            }
            if upload.keep.is_some() {
                description.push_str(
                    " With `Tus-Resumable` and `Upload-Length` in place of a body, an upload in several requests begins.",
                );
            }
            let content = json!({ "application/octet-stream": {} });
            Some(json!({ "description": description, "required": false, "content": content }))
        }
        Operation::Resume(_) if key.method == Method::Patch => Some(json!({
            "description": "The next part of the file.",
            "required": true,
            "content": { "application/offset+octet-stream": {} },
        })),
        _ => None,
    }
}

/// What is said about a file in headers.
pub(super) fn headers(key: &RouteKey, route: &Route) -> Vec<Value> {
    let header = |name: &str, required: bool, schema: Value, description: &str| json!({ "name": name, "in": "header", "required": required, "schema": schema, "description": description });
    let size = || json!({ "type": "integer", "minimum": 0 });
    let version = || json!({ "const": "1.0.0" });
    let text = || json!({ "type": "string" });
    match &route.op {
        Operation::Upload(upload) => {
            let mut headers = vec![header(
                "Content-Disposition",
                false,
                text(),
                "The file's name: `attachment; filename=\"…\"` (RFC 6266).",
            )];
            if upload.keep.is_some() {
                headers.extend([
                    header(
                        "Tus-Resumable",
                        false,
                        version(),
                        "Begins an upload in several requests (tus 1.0.0).",
                    ),
                    header("Upload-Length", false, size(), "How many bytes it will have."),
                    header(
                        "Upload-Metadata",
                        false,
                        text(),
                        "`filename` and `filetype`, in base64 (tus 1.0.0).",
                    ),
                ]);
            }
            headers
        }
        Operation::Resume(_) if key.method == Method::Patch => vec![
            header("Tus-Resumable", true, version(), "The protocol's version."),
            header("Upload-Offset", true, size(), "How many bytes were sent before."),
        ],
        _ => Vec::new(),
    }
}
