//! A service whose operations can be disturbed.

use std::sync::Arc;

use serde_json::Value;

use super::{Faults, task_subject};
use crate::answer::Outcome;
use crate::binding::clock::Clock;
use crate::call::Call;
use crate::context::Context;
use crate::definition::{Definition, Route};
use crate::problem::Failure;
use crate::queue::Delivery;
use crate::service::Service;

/// A service whose operations can be disturbed; without faults it is the service itself.
pub struct FaultyService<S> {
    inner: S,
    faults: Option<(Arc<Faults>, Arc<dyn Clock>)>,
}

impl<S> FaultyService<S> {
    /// A service whose operations can be disturbed, where faults can be made.
    pub fn new(inner: S, faults: Option<(Arc<Faults>, Arc<dyn Clock>)>) -> Self {
        Self { inner, faults }
    }
}

/// The name of a route's operation among the faults, such as `GET /health`.
pub fn name(route: &Route) -> String {
    format!("{} {}", route.method.as_str(), route.path)
}

impl<S: Service> Service for FaultyService<S> {
    fn definition(&self) -> &'static Definition {
        self.inner.definition()
    }

    async fn answer<'a>(&'a self, call: &'a mut Call) -> Outcome {
        let Some((faults, clock)) = &self.faults else { return self.inner.answer(call).await };
        let subject = name(call.route);
        faults.pass(&subject, &**clock).await.map_err(Failure::internal)?;
        let outcome = self.inner.answer(call).await;
        faults.hold_up(&subject, &**clock).await;
        outcome
    }

    async fn deliver<'a>(
        &'a self,
        delivery: &'a Delivery<'a>,
        queue: &'a str,
        message: Value,
    ) -> Result<(), Failure> {
        self.inner.deliver(delivery, queue, message).await
    }

    async fn run_task<'a>(&'a self, context: &'a Context, task: &'a str) -> Result<(), Failure> {
        if let Some((faults, clock)) = &self.faults {
            faults.pass(&task_subject(task), &**clock).await.map_err(Failure::internal)?;
        }
        self.inner.run_task(context, task).await
    }
}
