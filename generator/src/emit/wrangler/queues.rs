//! Queues: who sends, who is handed what, and how often, in the platform's units.

use proofline_spec::document::{Binding, Environment};
use proofline_spec::unit::Duration;
use serde_json::{Map, Value, json};

use crate::{Input, sql};

/// How often the platform tries to hand over a dead letter before it drops it: as often as it can.
const DEAD_LETTER_RETRIES: u32 = 100;
/// How long it waits in between, in seconds.
const DEAD_LETTER_DELAY: u64 = 60;

/// Adds the key of the queues.
pub(super) fn add(
    input: &Input<'_>,
    environment: Option<&Environment>,
    keys: &mut Map<String, Value>,
) {
    let mut producers = Vec::new();
    let mut consumers = Vec::new();
    let keeps = sql::Table::DeadLetters.database(input.service, input.migrations).is_some();
    for (name, binding) in &input.service.bindings {
        let Binding::Queue { queue, batch, retry, concurrency, dead_letter, .. } = binding else {
            continue;
        };
        let called = environment.map_or_else(|| queue.clone(), |e| e.resource_name(name, queue));
        let dead = dead_letter.as_ref().map(|dead| {
            environment
                .map_or_else(|| dead.queue.clone(), |e| e.dead_letter_name(name, &dead.queue))
        });
        producers.push(json!({ "binding": name, "queue": called }));
        let mut consumer = Map::new();
        consumer.insert("queue".into(), called.into());
        // Without these the platform has others than one process: batches of 10, 5 seconds and 3 retries.
        let (size, wait) = batch.as_ref().map_or((1, 0), |b| (b.size, seconds(b.wait)));
        consumer.insert("max_batch_size".into(), size.into());
        consumer.insert("max_batch_timeout".into(), wait.into());
        let attempts = retry.as_ref().map_or(1, |retry| retry.attempts);
        // The platform counts tries after the first.
        consumer.insert("max_retries".into(), attempts.saturating_sub(1).into());
        if let Some(retry) = retry {
            consumer.insert("retry_delay".into(), seconds(retry.backoff.first).into());
        }
        consumer.extend(concurrency.map(|count| ("max_concurrency".to_owned(), count.into())));
        consumer.extend(dead.clone().map(|dead| ("dead_letter_queue".to_owned(), dead.into())));
        consumers.push(Value::Object(consumer));
        // The worker puts dead letters into a table; without one they are safer in their queue.
        consumers.extend(dead.filter(|_| keeps).map(|dead| {
            json!({
                "queue": dead,
                "max_batch_size": size,
                "max_batch_timeout": wait,
                "max_retries": DEAD_LETTER_RETRIES,
                "retry_delay": DEAD_LETTER_DELAY,
            })
        }));
    }
    if !producers.is_empty() {
        keys.insert("queues".into(), json!({ "producers": producers, "consumers": consumers }));
    }
}

fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000)
}
