//! The request's target: its path, decoded safely, and the route that it names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderValue;

use crate::definition::{Definition, Limit, LimitBy, Method, Route};
use crate::problem::{Failure, MALFORMED_REQUEST};

/// A route, and what of its limits needs no authentication.
#[derive(Debug)]
pub struct Routed {
    /// The route.
    pub route: &'static Route,
    /// Limits that apply before authentication, narrow ones first.
    pub early_limits: Vec<&'static Limit>,
}

/// The limits that apply before authentication. What one client is refused must not use up what all
/// share, so narrow ones come first.
pub fn early(limits: &[&'static Limit]) -> Vec<&'static Limit> {
    let early = |limit: &&&'static Limit| matches!(limit.by, LimitBy::ClientIp | LimitBy::Global);
    let mut limits: Vec<_> = limits.iter().filter(early).copied().collect();
    limits.sort_by_key(|limit| limit.by == LimitBy::Global);
    limits
}

/// The methods of one path.
#[derive(Debug)]
pub struct Resource {
    routes: Vec<Routed>,
    /// What `Allow` says.
    pub allow: HeaderValue,
    /// The path as it is declared.
    pub path: &'static str,
}

impl Resource {
    /// The route of a method; `HEAD` is answered by `GET`.
    pub fn route(&self, method: &http::Method) -> Option<&Routed> {
        let wanted = if method == http::Method::HEAD { "GET" } else { method.as_str() };
        self.routes.iter().find(|routed| routed.route.method.as_str() == wanted)
    }
}

/// Finds the route of a path.
#[derive(Debug)]
pub struct Router {
    paths: matchit::Router<usize>,
    resources: Vec<Resource>,
}

impl Router {
    /// The routes of a definition. Two paths that mean the same are an error.
    pub fn new(definition: &'static Definition) -> Result<Self, String> {
        let mut by_path: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
        for route in definition.routes {
            by_path.entry(route.path).or_default().push(route);
        }
        let mut router = Self { paths: matchit::Router::new(), resources: Vec::new() };
        for (path, routes) in by_path {
            router
                .paths
                .insert(path, router.resources.len())
                .map_err(|error| format!("{path}: {error}"))?;
            let mut allow: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
            if routes.iter().any(|route| route.method == Method::Get) {
                allow.push("HEAD");
            }
            allow.push("OPTIONS");
            let allow = HeaderValue::from_str(&allow.join(", ")).map_err(|e| e.to_string())?;
            let with_limits =
                |route: &'static Route| Routed { route, early_limits: early(route.limits) };
            let methods = routes.into_iter().map(with_limits).collect();
            router.resources.push(Resource { routes: methods, allow, path });
        }
        Ok(router)
    }

    /// The resource at a path, and the path's parameters.
    pub fn find<'s, 'p>(
        &'s self,
        path: &'p str,
    ) -> Option<(&'s Resource, matchit::Params<'s, 'p>)> {
        let found = self.paths.at(path).ok()?;
        self.resources.get(*found.value).map(|resource| (resource, found.params))
    }
}

/// A path without percent-encoding. What could be read in two ways is refused: an encoded slash,
/// backslash or control character, a dot segment, text that is not UTF-8.
pub fn decode_path(path: &str) -> Result<Cow<'_, str>, Failure> {
    let malformed = || Failure::of(&MALFORMED_REQUEST).detail("the path is malformed");
    let decoded = if path.contains('%') {
        let decoded = percent_decode(path.as_bytes(), false).ok_or_else(malformed)?;
        if decoded.matches('/').count() != path.matches('/').count() {
            return Err(malformed());
        }
        Cow::Owned(decoded)
    } else {
        Cow::Borrowed(path)
    };
    let bad = |c: char| c == '\\' || c.is_control();
    let dots = |segment: &str| segment == "." || segment == "..";
    if decoded.contains(bad) || decoded.split('/').any(dots) {
        return Err(malformed());
    }
    Ok(decoded)
}

/// A name or value of a query string without its encoding.
pub(crate) fn decode_form(text: &str) -> Option<String> {
    percent_decode(text.as_bytes(), true)
}

fn percent_decode(bytes: &[u8], plus_is_space: bool) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let (pair, after) = rest.split_at_checked(2)?;
                decoded.push(digit(pair[0])? << 4 | digit(pair[1])?);
                rest = after;
            }
            b'+' if plus_is_space => decoded.push(b' '),
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_paths_are_refused() {
        for path in [
            "/a%2fb",
            "/a%2Fb",
            "/a%00",
            "/a%5cb",
            "/%2e%2e/a",
            "/../a",
            "/a/./b",
            "/%",
            "/%g0",
            "/%ff",
            "/a%0d%0a",
        ] {
            assert!(decode_path(path).is_err(), "{path}");
        }
        assert!(decode_path("/api/v1/%6De").is_ok_and(|path| path == "/api/v1/me"));
        assert!(decode_path("/a/..b/c.").is_ok());
    }
}
