//! Builds a valid request to any route of the spec, so that a check can change one thing about it.

use proofline_spec::document::{Job, Method, Operation, Route, RouteKey};
use serde_json::Value;

use crate::accounts::{self, Account};
use crate::exchange::Request;
use crate::failure::Failure;
use crate::generate::{Generator, file};
use crate::plan::Target;
use crate::run::Run;
use crate::token;
use crate::world::World;

/// A request to a route, in parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The route.
    pub key: RouteKey,
    /// Values of the parameters in the path.
    pub path: Vec<(String, String)>,
    /// Members of the query string.
    pub query: Vec<(String, String)>,
    /// The JSON body.
    pub body: Option<Value>,
    /// The file, where the body is one.
    pub file: Option<Vec<u8>>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// The path to the thing with this id, which stands in the place of the last parameter.
pub fn path_to(key: &RouteKey, id: &str) -> String {
    let last = key.parameters().last().unwrap_or("id");
    key.path.replace(&format!("{{{last}}}"), &encode(id))
}

impl Call {
    /// A valid call to a route by nobody; parameters in the path have the right form but name nothing.
    pub fn valid(generator: &mut Generator<'_>, key: &RouteKey, route: &Route) -> Self {
        let target = generator.target();
        let path = key
            .parameters()
            .map(|name| {
                let schema = route.path.get(name).and_then(|schema| target.schema(schema));
                let value = schema.map_or(Value::Null, |schema| generator.valid(schema));
                (name.to_owned(), plain(&value).unwrap_or_else(|| "1".to_owned()))
            })
            .collect();
        let query = route
            .query
            .as_deref()
            .and_then(|name| target.schema(name))
            .map_or_else(Vec::new, |schema| members(&generator.valid(schema)));
        let body = route
            .body
            .as_deref()
            .and_then(|name| target.schema(name))
            .map(|schema| generator.valid(schema));
        let file = match &route.op {
            Operation::Upload(upload) => {
                upload.accept.iter().find_map(|kind| file::of_kind(kind, 0))
            }
            _ => None,
        };
        Self { key: key.clone(), path, query, body, file, headers: Vec::new() }
    }

    /// With another header.
    #[must_use]
    pub fn with(mut self, header: (String, String)) -> Self {
        self.headers.push(header);
        self
    }

    /// With another value of a parameter in the path.
    pub fn set_path(&mut self, name: &str, value: &str) {
        for (known, old) in &mut self.path {
            if known == name {
                value.clone_into(old);
            }
        }
    }

    /// The path and query as they are sent.
    pub fn target(&self) -> String {
        let mut path = self.key.path.clone();
        for (name, value) in &self.path {
            path = path.replace(&format!("{{{name}}}"), &encode(value));
        }
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// The request.
    pub fn request(&self) -> Request {
        let mut request =
            Request::new(self.key.method.as_str(), self.target()).headers(&self.headers);
        if let Some(body) = &self.body {
            request = request.json(body);
        } else if let Some(file) = &self.file {
            request = request.body("application/octet-stream", file.clone());
        }
        request
    }

    /// The request, signed where the route is a webhook and its secret is known.
    pub fn signed(&self, target: &Target) -> Request {
        let request = self.request();
        let hook = target.route(&self.key).and_then(|route| target.webhook_of(route));
        let secret = hook.as_ref().and_then(|hook| target.secrets.get(&hook.secret));
        match (hook, secret) {
            (Some(hook), Some(secret)) => {
                let (at, body) = (token::now(), request.body.as_deref().unwrap_or_default());
                let signature = hook.signature(secret.as_bytes(), at, body);
                let time = hook.time(at);
                let request = request.header(hook.header, signature);
                request.headers(time.as_slice())
            }
            _ => request,
        }
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986).
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A value as it stands in a path or a query string; objects, arrays and null cannot stand there.
pub fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An object as members of a query string.
pub fn members(value: &Value) -> Vec<(String, String)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), plain(value)?)))
        .collect()
}

/// The path of the object that the last parameter of a path names.
pub fn object_path(key: &RouteKey) -> Option<&str> {
    key.path.rfind('}').and_then(|end| key.path.get(..=end))
}

/// The route that makes the objects that the last parameter of a path names: `POST` to the path before it.
pub fn creator<'a>(target: &'a Target, key: &RouteKey) -> Option<(&'a RouteKey, &'a Route)> {
    let (before, last) = object_path(key)?.rsplit_once('/')?;
    let is_parameter = last.starts_with('{');
    target
        .routes()
        .find(|(other, _)| is_parameter && other.method == Method::Post && other.path == before)
}

/// Makes an object that a route's path names, as that account, or as an administrator where only those may; the object's
/// id.
///
/// Where the service charges for it, the account is given something to spend first.
pub async fn make_object(
    world: &World,
    account: &Account,
    key: &RouteKey,
) -> Result<String, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let (maker, route) = creator(target, key)
        .ok_or_else(|| Failure::broken(format!("no route of the spec makes what `{key}` names")))?;
    let mut generator = Generator::new(target, world.seed);
    let anonymous = Call::valid(&mut generator, maker, route);
    let call = anonymous.clone().with(account.bearer());
    let mut answer = world.send(call.request()).await?;
    if [402, 409].contains(&answer.status) && accounts::provide(world, account).await? {
        answer = world.send(call.request()).await?;
    }
    if answer.status == 403 && route.roles.is_some() {
        let call = anonymous.with(accounts::admin(&run, maker)?);
        answer = world.send(call.request()).await?;
    }
    let name = key.parameters().last().unwrap_or("id").to_owned();
    if !answer.is_success() {
        return Err(Failure::Broken(format!("no object can be made: {}", answer.describe())));
    }
    answer
        .at(&format!("/{name}"))
        .or_else(|| answer.at("/id"))
        .ok_or_else(|| Failure::Broken(format!("the new object has no id: {}", answer.describe())))
}

/// A text in place of `{text}`, wherever it stands.
pub fn filled(value: &Value, text: &str) -> Value {
    match value {
        Value::String(known) => Value::String(known.replace("{text}", text)),
        Value::Array(items) => items.iter().map(|item| filled(item, text)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), filled(value, text))).collect()
        }
        other => other.clone(),
    }
}

/// The request that puts a job with that text into its queue, from who may.
pub fn job(run: &Run, job: &Job, account: &Account, text: &str) -> Result<Request, Failure> {
    let body: Value =
        job.body.iter().map(|(name, value)| (name.clone(), filled(value, text))).collect();
    let request = Request::new(job.route.method.as_str(), job.route.path.clone()).json(&body);
    Ok(request.headers(&[accounts::caller(run, &job.route, account)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_of_a_route_is_what_its_last_parameter_names() {
        for (key, path) in [
            ("GET /things/{id}", Some("/things/{id}")),
            ("POST /things/{id}/cancellation", Some("/things/{id}")),
            ("GET /a/{one}/b/{two}/c", Some("/a/{one}/b/{two}")),
            ("GET /things", None),
        ] {
            assert_eq!(object_path(&key.parse().unwrap()), path, "{key}");
        }
    }

    #[test]
    fn values_in_paths_and_queries_are_encoded() {
        let call = Call {
            key: "GET /things/{id}".parse().unwrap(),
            path: vec![("id".to_owned(), "a/b'".to_owned())],
            query: vec![("q".to_owned(), "x&y=ü".to_owned())],
            body: None,
            file: None,
            headers: Vec::new(),
        };
        assert_eq!(call.target(), "/things/a%2Fb%27?q=x%26y%3D%C3%BC");
    }
}
