//! What is told of each request: a line in the log and a record for Analytics Engine.

use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::glue;
use crate::chain::{Observation, Observer};
use crate::host::log::{Level, Log, Sink};

/// Lines go to the platform's log.
pub(super) struct Console;

impl Sink for Console {
    fn take(&self, level: Level, line: &[u8]) {
        glue::log(level as u8, &String::from_utf8_lossy(line));
    }
}

/// Tells the log and Analytics Engine.
pub(super) struct Records {
    pub(super) log: Log,
    pub(super) dataset: Option<SendWrapper<JsValue>>,
}

impl Observer for Records {
    fn answered(&self, observation: &Observation<'_>) {
        self.log.request(observation);
        let Some(dataset) = &self.dataset else { return };
        let problem = observation.failure.map_or("", |failure| failure.problem().name);
        // The columns of a record; the first is also its index, by which it is sampled.
        let columns = [
            observation.route.unwrap_or("(none)"),
            observation.method.as_str(),
            &observation.status.to_string(),
            problem,
            observation.refused_by.unwrap_or_default(),
        ];
        let duration = observation.duration.as_secs_f64() * 1000.0;
        glue::data_point(dataset, &columns.join("\n"), duration);
    }
}
