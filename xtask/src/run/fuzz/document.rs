//! An OpenAPI document: its operations, and copies that say otherwise of one of them.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The methods that a path of the document may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The document.
#[derive(Debug, Clone)]
pub(super) struct Document(pub(super) Value);

impl Document {
    /// Reads it; nothing where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let document = serde_json::from_slice(&text);
        Ok(Some(Self(document.with_context(|| format!("{} is no JSON", path.display()))?)))
    }

    fn each(&self) -> impl Iterator<Item = (String, &Value)> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            let methods = METHODS.iter().filter_map(|method| Some((*method, item.get(method)?)));
            methods.map(move |(method, operation)| {
                (format!("{} {path}", method.to_uppercase()), operation)
            })
        })
    }

    /// Each operation as `METHOD /path`.
    pub(super) fn operations(&self) -> impl Iterator<Item = String> {
        self.each().map(|(name, _)| name)
    }

    /// Those that want to know who asks.
    pub(super) fn guarded_operations(&self) -> impl Iterator<Item = String> {
        self.each().filter(|(_, operation)| !is_open(operation)).map(|(name, _)| name)
    }

    /// Those that anybody can ask with `GET` without saying anything.
    pub(super) fn plain_operations(&self) -> impl Iterator<Item = String> {
        self.each()
            .filter(|(name, operation)| {
                let asks_nothing = operation["parameters"].as_array().is_none_or(Vec::is_empty);
                name.starts_with("GET ")
                    && !name.contains('{')
                    && asks_nothing
                    && is_open(operation)
            })
            .map(|(name, _)| name)
    }

    /// Copies that declare something else of an operation, each with what that is.
    pub(super) fn doctored(&self, name: &str) -> Vec<(&'static str, Self)> {
        let kept = "application/json";
        let answer = |header: Value, kind: &str, schema: Value| json!({"default": {"description": "Made up.", "headers": header, "content": {kind: {"schema": schema}}}});
        let teapot = json!({"418": {"description": "Made up."}});
        let header = json!({"Proofline-Control": {"required": true, "schema": {"type": "string"}}});
        let mut copies = vec![
            ("other statuses", teapot),
            ("another media type", answer(json!({}), "application/x-proofline", json!({}))),
            ("a header that is missing", answer(header, kept, json!({}))),
            ("a body that it has not", answer(json!({}), kept, json!({"const": "made up"}))),
        ];
        // Only what is JSON can be compared with a schema.
        if !self.answers_json(name) {
            copies.pop();
        }
        let copy = |responses| {
            let mut copy = self.clone();
            if let Some((method, path)) = name.split_once(' ') {
                copy.0["paths"][path][method.to_lowercase()]["responses"] = responses;
            }
            copy
        };
        copies.into_iter().map(|(what, responses)| (what, copy(responses))).collect()
    }

    fn answers_json(&self, name: &str) -> bool {
        self.each().find(|(one, _)| one == name).is_some_and(|(_, operation)| {
            operation["responses"]["200"]["content"]["application/json"].is_object()
        })
    }
}

fn is_open(operation: &Value) -> bool {
    operation["security"].as_array().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let ok = json!({"200": {"content": {"application/json": {"schema": {}}}}});
        Document(json!({"paths": {
            "/me": {"get": {"security": [{"session": []}], "responses": ok}, "parameters": []},
            "/items/{id}": {"get": {"responses": ok}},
            "/health": {
                "get": {"security": [], "responses": ok},
                "post": {"security": [], "responses": ok},
            },
            "/search": {"get": {"parameters": [{"name": "q"}], "responses": ok}},
            "/metrics": {"get": {"responses": {"200": {"content": {"text/plain": {}}}}}},
        }}))
    }

    #[test]
    fn operations_are_told_apart_by_what_they_want_to_know() {
        let document = document();
        let of = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>();
        assert_eq!(document.operations().count(), 6);
        assert_eq!(of(&mut document.guarded_operations()), ["GET /me"]);
        assert_eq!(of(&mut document.plain_operations()), ["GET /health", "GET /metrics"]);
    }

    #[test]
    fn a_copy_says_otherwise_of_one_operation_and_nothing_else() {
        let document = document();
        let copies = document.doctored("GET /health");
        assert_eq!(copies.len(), 4);
        for (what, copy) in copies {
            let mut back = copy.0.clone();
            assert_ne!(copy.0, document.0, "{what}");
            back["paths"]["/health"]["get"]["responses"] =
                document.0["paths"]["/health"]["get"]["responses"].clone();
            assert_eq!(back, document.0, "{what}");
        }
        // A text has no schema to compare it with.
        assert_eq!(document.doctored("GET /metrics").len(), 3);
    }
}
