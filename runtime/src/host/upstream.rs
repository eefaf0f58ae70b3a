//! Calls of another service: when one is tried again, and when none is tried for a while.

use std::sync::Arc;

use crate::binding::clock::{Clock, Entropy};
use crate::binding::upstream::{UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::definition::{self, Retry};
use crate::policy::breaker::{Circuit, State};
use crate::policy::retry;

/// Decides how often another service is called.
pub struct Attempts {
    circuit: Option<Circuit>,
    retry: Retry,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").field("circuit", &self.circuit).finish_non_exhaustive()
    }
}

impl Attempts {
    /// As the definition says.
    pub fn new(
        upstream: &'static definition::Upstream,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            circuit: upstream.breaker.map(Circuit::new),
            retry: upstream.retry.unwrap_or(Retry::NEVER),
            clock,
            entropy,
        }
    }

    /// What the breaker does with a call now, where there is one.
    pub fn state(&self) -> Option<State> {
        self.circuit.as_ref().map(|circuit| circuit.state(self.clock.monotonic()))
    }

    /// Calls until an answer counts as one, as often as the definition says.
    pub async fn call<F>(
        &self,
        request: UpstreamRequest,
        exchange: impl Fn(UpstreamRequest) -> F,
    ) -> Result<UpstreamResponse, UpstreamError>
    where
        F: Future<Output = Result<UpstreamResponse, UpstreamError>>,
    {
        let mut attempt = 1;
        loop {
            if let Some(circuit) = &self.circuit {
                circuit.admit(self.clock.monotonic()).map_err(UpstreamError::Open)?;
            }
            let result = exchange(request.clone()).await;
            let failed = is_failure(&result);
            if let Some(circuit) = &self.circuit {
                circuit.report(!failed, self.clock.monotonic());
            }
            // What may have been done already must not be done twice.
            let repeatable = request.method.is_idempotent();
            if !failed || !repeatable || attempt >= self.retry.attempts {
                return result;
            }
            let mut chance = [0_u8; 1];
            // Without randomness there is no jitter, which does no harm.
            let _ = self.entropy.fill(&mut chance);
            let pause = retry::pause(&self.retry, attempt, chance[0]);
            let said = result.as_ref().ok().and_then(UpstreamResponse::retry_after);
            if said.is_some_and(|said| said > self.retry.longest) {
                // Who asks has not so much time; they are told when to come again.
                return result;
            }
            self.clock.sleep(pause.max(said.unwrap_or_default())).await;
            attempt += 1;
        }
    }
}

/// Whether a result says that the other service does not work; a refusal does not.
fn is_failure(result: &Result<UpstreamResponse, UpstreamError>) -> bool {
    match result {
        Ok(response) => response.status >= 500 || response.status == 429,
        Err(UpstreamError::BadPath(_)) => false,
        Err(_) => true,
    }
}
