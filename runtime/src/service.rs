//! What generated code implements: the definition, and what to do for each name in it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::Outcome;
use crate::call::Call;
use crate::context::Context;
use crate::definition::Definition;
use crate::problem::Failure;
use crate::queue::{Delivery, ErrorClass};

/// A generated service.
pub trait Service: Send + Sync + 'static {
    /// Its tables.
    fn definition(&self) -> &'static Definition;

    /// Runs the operation of the call's route.
    fn answer<'a>(&'a self, call: &'a mut Call) -> impl Future<Output = Outcome> + Send + 'a;

    /// Handles one message of a queue.
    fn deliver<'a>(
        &'a self,
        delivery: &'a Delivery<'a>,
        queue: &'a str,
        message: Value,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'a;

    /// Runs a task.
    fn run_task<'a>(
        &'a self,
        context: &'a Context,
        task: &'a str,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'a;
}

/// A message of a queue as its type.
pub fn message<T: DeserializeOwned>(json: Value) -> Result<T, Failure> {
    serde_json::from_value(json).map_err(|error| {
        Failure::internal(format!("the message does not fit its type: {error}"))
            .class(ErrorClass::Permanent)
    })
}

/// The failure when a definition and its service do not know the same names.
pub fn unknown(what: &str, name: &str) -> Failure {
    Failure::internal(format!("there is no {what} {name}")).class(ErrorClass::Permanent)
}
