//! A path into a document, made as the document is walked and only written out when something is wrong there.

use std::borrow::Cow;

/// A path into a document.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    parent: Option<&'a At<'a>>,
    segment: Cow<'a, str>,
}

impl<'a> At<'a> {
    /// A top-level key.
    pub(super) fn root(section: &'a str) -> Self {
        Self { parent: None, segment: Cow::Borrowed(section) }
    }

    /// A key of this mapping.
    pub(super) fn key(&'a self, key: impl Into<Cow<'a, str>>) -> Self {
        Self { parent: Some(self), segment: key.into() }
    }

    /// An element of this list.
    pub(super) fn index(&'a self, index: usize) -> Self {
        self.key(index.to_string())
    }

    /// The keys and positions from the root.
    pub(super) fn path(&self) -> Vec<String> {
        let mut path = self.parent.map_or_else(Vec::new, Self::path);
        path.push(self.segment.clone().into_owned());
        path
    }
}

#[cfg(test)]
mod tests {
    use super::At;

    #[test]
    fn path_is_written_from_the_root() {
        let routes = At::root("routes");
        let route = routes.key("GET /a");
        let limits = route.key("limits");
        assert_eq!(limits.index(1).path(), ["routes", "GET /a", "limits", "1"]);
    }
}
