//! Routes of two specs beside each other, as they are with the defaults of each.

use proofline_spec::document::{Answer, Route, RouteLimits, Service};
use serde_json::{Value, json};

use super::facts::between;
use super::schema::{self, Use};
use super::{Impact, SpecChange, pairs};
use crate::report::cost::limits_of;
use crate::report::derived::auth_of;

/// What is different.
pub(super) fn changes(then: &Service, now: &Service) -> Vec<SpecChange> {
    pairs((&then.routes, &now.routes), Impact::Breaking, |_, old, new| {
        let sides = Sides { then, now, old, new };
        between(&effective(then, old), &effective(now, new))
            .iter()
            .map(|fact| {
                let breaking = sides.breaks(&fact.path);
                (fact.text(), if breaking { Impact::Breaking } else { Impact::Other })
            })
            .collect()
    })
}

/// A route with what it takes from the defaults.
fn effective(service: &Service, route: &Route) -> Value {
    let mut value = json!(route);
    let auth = auth_of(service, route);
    value["auth"] = if auth.is_empty() { json!("public") } else { json!(auth) };
    value["limits"] = match &route.limits {
        Some(RouteLimits::None(reason)) => json!(format!("none ({reason})")),
        _ => json!(limits_of(service, route)),
    };
    value["max_body"] = json!(route.max_body.unwrap_or(service.defaults.max_body));
    value["timeout"] = json!(route.timeout.unwrap_or(service.defaults.timeout));
    value
}

/// A route as it was and as it is.
struct Sides<'a> {
    then: &'a Service,
    now: &'a Service,
    old: &'a Route,
    new: &'a Route,
}

impl Sides<'_> {
    /// Whether what stands there now may make a client fail that worked.
    fn breaks(&self, path: &str) -> bool {
        let (old, new) = (self.old, self.new);
        match path.split('.').next().unwrap_or_default() {
            "auth" => {
                let (old, new) = (auth_of(self.then, old), auth_of(self.now, new));
                let lost = old.is_empty() || old.iter().any(|scheme| !new.contains(scheme));
                !new.is_empty() && lost
            }
            "roles" => match (&old.roles, &new.roles) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(old), Some(new)) => old.iter().any(|role| !new.contains(role)),
            },
            "limits" => {
                let old = limits_of(self.then, old);
                limits_of(self.now, new).iter().any(|limit| !old.contains(limit))
            }
            "max_body" => {
                let size = |service: &Service, route: &Route| {
                    route.max_body.unwrap_or(service.defaults.max_body)
                };
                size(self.now, new) < size(self.then, old)
            }
            "body" => self.takes(old.body.as_deref(), new.body.as_deref()),
            "query" => self.takes(old.query.as_deref(), new.query.as_deref()),
            "path" => new.path.iter().any(|(name, schema)| {
                let old = old.path.get(name).map(String::as_str);
                old != Some(schema) && self.takes(old, Some(schema))
            }),
            "returns" => self.answers(path.strip_prefix("returns.").unwrap_or_default()),
            _ => false,
        }
    }

    /// Whether a request that fitted the old schema may not fit the new one.
    fn takes(&self, old: Option<&str>, new: Option<&str>) -> bool {
        match (old, new) {
            (None, None) => false,
            // What was taken is no longer read, or refused.
            (Some(_), None) => true,
            (None, Some(new)) => {
                self.now.schemas.get(new).is_none_or(|schema| !schema.required.is_empty())
            }
            (Some(old), Some(new)) => {
                schema::breaks((self.then, old), (self.now, new), Use::REQUEST)
            }
        }
    }

    /// Whether an answer of this status may no longer be what a client reads.
    fn answers(&self, status: &str) -> bool {
        let status = status.split('.').next().unwrap_or_default();
        let (old, new) = (self.old.returns.get(status), self.new.returns.get(status));
        match (old, new) {
            (None, _) | (Some(Answer::Problem(_)), None | Some(Answer::Problem(_))) => false,
            (Some(_), None) => true,
            (Some(Answer::One(old)), Some(Answer::One(new)))
            | (Some(Answer::List(old)), Some(Answer::List(new))) => {
                schema::breaks((self.then, old), (self.now, new), Use::RESPONSE)
            }
            (Some(old), Some(new)) => old != new,
        }
    }
}
