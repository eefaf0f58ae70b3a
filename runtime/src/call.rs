//! One request that passed the policies, as an operation sees it.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::binding::session::Session;
use crate::binding::sql::{Batch, Bound, Done, SqlError, Transacted};
use crate::context::Context;
use crate::definition::{AuthScheme, Flag, Operand, Route};
use crate::flags::EvaluationContext;
use crate::problem::Failure;
use crate::upload::arriving::Arriving;
use crate::upload::asked::Asked;

static NULL: Value = Value::Null;

/// Who calls.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The principal's id.
    pub id: String,
    /// Its role; empty when the service has none.
    pub role: String,
    /// Its tier; empty when the service has none.
    pub tier: String,
    /// The id of the API key that was used.
    pub key_id: Option<String>,
    /// When the credential ends, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// How it authenticated.
    pub scheme: &'static AuthScheme,
}

/// One request that passed the policies. It is also the service's [`Context`].
#[derive(Debug)]
pub struct Call {
    pub(crate) context: Arc<Context>,
    pub(crate) route: &'static Route,
    pub(crate) principal: Option<Principal>,
    pub(crate) path: Map<String, Value>,
    pub(crate) query: Map<String, Value>,
    pub(crate) body: Value,
    pub(crate) raw_body: Bytes,
    /// What `Cookie` says, where a route looks at it.
    pub(crate) cookies: Option<String>,
    /// The body of a file, which is not read before.
    pub(crate) arriving: Option<Arriving>,
    /// What it asks of a file.
    pub(crate) asked: Asked,
    pub(crate) correlation_id: String,
    pub(crate) client: IpAddr,
    /// What it does with a database that has copies.
    pub(crate) session: Option<Arc<Session>>,
}

impl Deref for Call {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Call {
    /// The same, to be answered once more.
    pub(crate) fn again(&self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            route: self.route,
            principal: self.principal.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            body: self.body.clone(),
            raw_body: self.raw_body.clone(),
            arriving: None,
            cookies: self.cookies.clone(),
            asked: Asked::default(),
            correlation_id: self.correlation_id.clone(),
            client: self.client,
            session: None,
        }
    }

    /// The statement as a part of what the request does with its database, where that has copies.
    fn in_session(&self, mut bound: Bound) -> Bound {
        let session = self.session.as_ref();
        bound.session = session.filter(|s| s.database() == bound.statement.database).cloned();
        bound
    }

    /// Runs a statement and checks what it must do. Where the database has copies, one that only reads may be answered by
    /// a copy, which is never older than what the client saw before; `call.context().run` asks the database itself.
    pub async fn run(&self, bound: Bound) -> Result<Done, Failure> {
        self.context.run(self.in_session(bound)).await
    }

    /// Runs a statement like [`Self::run`]; the error is left to the caller.
    pub async fn try_run(&self, bound: Bound) -> Result<Done, SqlError> {
        self.context.try_run(self.in_session(bound)).await
    }

    /// Runs several statements, all or none; those that only read like [`Self::run`].
    pub async fn transact(&self, batch: Batch) -> Result<Transacted, Failure> {
        let once = batch.once.map(|bound| self.in_session(bound));
        let steps = batch.steps.into_iter().map(|bound| self.in_session(bound)).collect();
        self.context.transact(Batch { once, steps }).await
    }

    /// What the service has at hand.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Name of the operation.
    pub fn operation(&self) -> &'static str {
        self.route.operation
    }

    /// The route.
    pub fn route(&self) -> &'static Route {
        self.route
    }

    /// Who calls; an error on a route that is open to all.
    pub fn principal(&self) -> Result<&Principal, Failure> {
        self.principal.as_ref().ok_or_else(|| Failure::internal("the route has no principal"))
    }

    /// Whether a feature flag is on for who calls.
    pub async fn flag(&self, flag: &'static Flag) -> bool {
        let whom = self.principal.as_ref().map(EvaluationContext::from).unwrap_or_default();
        self.context.evaluate(flag, &whom).await.value
    }

    /// The JSON body, which can be taken once.
    pub fn body<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        typed(std::mem::take(&mut self.body), "body")
    }

    /// The body as it was received.
    pub fn raw_body(&self) -> &Bytes {
        &self.raw_body
    }

    /// The query string's parameters, which can be taken once.
    pub fn query<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        typed(Value::Object(std::mem::take(&mut self.query)), "query")
    }

    /// A parameter in the path.
    pub fn path(&self, name: &str) -> &Value {
        self.path.get(name).unwrap_or(&NULL)
    }

    /// All parameters in the path.
    pub fn path_parameters<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        typed(Value::Object(self.path.clone()), "path")
    }

    /// The id that connects the answer, the log line and the problem document.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The address that calls.
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// A text with `{principal.id}` and the like filled in.
    pub(crate) fn fill(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let value = match name.split_once('.') {
                Some(("path", name)) => self.path(name).clone(),
                Some(("query", name)) => self.query.get(name).cloned().unwrap_or_default(),
                Some(("body", path)) => {
                    let pointer = format!("/{}", path.replace('.', "/"));
                    self.body.pointer(&pointer).cloned().unwrap_or_default()
                }
                Some(("principal", "role")) => self.operand(&Operand::PrincipalRole),
                Some(("principal", "tier")) => self.operand(&Operand::PrincipalTier),
                Some(("principal", "key_id")) => self.operand(&Operand::PrincipalKeyId),
                _ => self.operand(&Operand::PrincipalId),
            };
            match value {
                Value::String(value) => text.push_str(&value),
                value => text.push_str(&value.to_string()),
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// What a policy reads for a statement's parameter.
    pub(crate) fn operand(&self, operand: &Operand) -> Value {
        let principal = self.principal.as_ref();
        let text = |text: Option<&String>| text.map_or(Value::Null, |text| text.clone().into());
        match operand {
            Operand::Path(name) => self.path(name).clone(),
            Operand::Query(name) => self.query.get(*name).cloned().unwrap_or_default(),
            Operand::Body(pointer) => self.body.pointer(pointer).cloned().unwrap_or_default(),
            Operand::PrincipalId => text(principal.map(|p| &p.id)),
            Operand::PrincipalRole => text(principal.map(|p| &p.role)),
            Operand::PrincipalTier => text(principal.map(|p| &p.tier)),
            Operand::PrincipalKeyId => text(principal.and_then(|p| p.key_id.as_ref())),
            Operand::Literal(constant) => constant.to_json(),
        }
    }
}

fn typed<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::internal(format!("the {what} fits its schema but not its type: {error}"))
    })
}
