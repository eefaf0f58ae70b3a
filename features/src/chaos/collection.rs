//! Things that a user makes and finds again in a list, as the spec declares them.

use proofline_spec::document::{Answer, Method, Route, RouteKey, Schema, SchemaType};

use crate::plan::Target;

/// Things that a user makes, and the list that they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    /// The path of both routes.
    pub(super) key: RouteKey,
    /// The list.
    pub(super) list: RouteKey,
    /// The member of a new thing and of an item that tells which it is.
    pub(super) marker: String,
    /// So many are made for one user at most, so that one page has all.
    pub(super) most: usize,
}

/// What a marker needs.
const MARKER_LENGTH: u64 = 40;

/// A required text without a form of its own.
fn is_free_text(schema: &Schema) -> bool {
    schema.main_type() == Some(SchemaType::String)
        && schema.format.is_none()
        && schema.pattern.is_none()
        && schema.variants.is_none()
        && schema.constant.is_none()
        && schema.max_length.is_none_or(|most| most >= MARKER_LENGTH)
}

fn is_own(target: &Target, key: &RouteKey, route: &Route) -> bool {
    route.roles.is_none() && key.parameters().next().is_none() && target.takes_principals(route)
}

/// How many items one page has at most.
fn page(target: &Target, route: &Route) -> usize {
    let schema = route.query.as_deref().and_then(|name| target.schema(name));
    let most = schema.and_then(|schema| schema.properties.get("limit")?.maximum.as_ref()?.as_u64());
    most.and_then(|most| usize::try_from(most).ok()).unwrap_or(100)
}

/// Every collection that an ordinary user fills.
pub(super) fn collections(target: &Target) -> Vec<Collection> {
    let mut found = Vec::new();
    for (key, route) in target.routes() {
        let made = matches!(target.success(route), Some((201, Answer::One(_))));
        if key.method != Method::Post || !made || !is_own(target, key, route) {
            continue;
        }
        let Some(body) = route.body.as_deref().and_then(|name| target.schema(name)) else {
            continue;
        };
        let list = target.routes().find(|(other, list)| {
            other.method == Method::Get && other.path == key.path && is_own(target, other, list)
        });
        let Some((list_key, list)) = list else { continue };
        let Some((200, Answer::List(item))) = target.success(list) else { continue };
        let Some(item) = target.schema(&item) else { continue };
        let marker = body.properties.iter().find(|(name, schema)| {
            body.requires(name)
                && item.properties.contains_key(*name)
                && is_free_text(target.resolve(schema))
        });
        if let Some((marker, _)) = marker {
            found.push(Collection {
                key: key.clone(),
                list: list_key.clone(),
                marker: marker.clone(),
                most: page(target, list),
            });
        }
    }
    found
}
