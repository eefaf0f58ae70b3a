//! What a process knows of what was switched: read from the database now and then, and kept when that is away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Change, Evaluation, EvaluationContext, evaluate};
use crate::binding::sql::Row;
use crate::context::Context;
use crate::definition::{Flag, Overrides, Switches};
use crate::problem::{Failure, UNAVAILABLE};

/// A request waits no longer for the database to tell what was switched.
const PATIENCE: Duration = Duration::from_secs(1);

/// What says that a switch or a flag is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The spec, for every environment.
    Spec,
    /// The spec, for this environment.
    Environment,
    /// A variable at the start of the process.
    Variable,
    /// Somebody, at run time.
    RunTime,
}

/// What was switched, as far as this process knows.
#[derive(Debug, Default)]
pub struct Switchboard {
    known: Mutex<Known>,
    /// Switches that variables turned on at the start.
    forced: Forced,
}

/// Switches that variables turned on at the start; they stay on as long as the process runs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    /// `READ_ONLY=on`
    pub read_only: bool,
    /// `MAINTENANCE=on`
    pub maintenance: bool,
}

type Values = Arc<HashMap<String, Value>>;

#[derive(Debug, Default)]
struct Known {
    values: Values,
    /// When it was last asked, if that told anything before.
    asked: Option<Duration>,
    /// Whether the database ever told.
    told: bool,
    /// When asking last failed.
    failed: Option<Duration>,
    /// Counts what this process wrote itself: an older reading must not take it back.
    writes: u64,
}

impl Switchboard {
    /// Nothing is known yet but what variables say.
    pub fn new(forced: Forced) -> Self {
        Self { known: Mutex::default(), forced }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known counts as old: whoever asks next asks the database.
    pub fn doubt(&self) {
        let mut known = self.lock();
        (known.asked, known.failed) = (None, None);
    }

    /// What was switched: what is known while it is fresh, else what the database tells; when it does not, what was
    /// known before. Never an error.
    async fn values(&self, context: &Context) -> Values {
        let Some(overrides) = &context.definition().overrides else { return Values::default() };
        let now = context.clock().monotonic();
        let writes = {
            let mut known = self.lock();
            let is_recent = |then: Option<Duration>| {
                then.is_some_and(|then| now.saturating_sub(then) < overrides.refresh)
            };
            if known.told && is_recent(known.asked) || is_recent(known.failed) {
                return Arc::clone(&known.values);
            }
            // Whoever comes meanwhile goes on with what is known; at the very start nothing is, and everybody asks.
            known.asked = Some(now);
            known.writes
        };
        let read = read(context, overrides).await;
        let mut known = self.lock();
        match read {
            Some(values) => {
                if known.writes == writes {
                    known.values = Arc::new(values);
                }
                (known.told, known.failed) = (true, None);
            }
            None => known.failed = Some(context.clock().monotonic()),
        }
        Arc::clone(&known.values)
    }

    /// Keeps what somebody switched; it holds in this process from now on.
    async fn write(
        &self,
        context: &Context,
        name: String,
        value: Value,
        by: &str,
    ) -> Result<(), Failure> {
        let overrides = context.definition().overrides.as_ref();
        let overrides = overrides.ok_or_else(|| Failure::internal("nothing can be switched"))?;
        let (text, now) = (value.to_string(), context.now());
        let bound =
            overrides.write.with(&[("name", &name), ("value", &text), ("now", &now), ("by", &by)]);
        context.run(bound).await?;
        let mut known = self.lock();
        known.writes += 1;
        Arc::make_mut(&mut known.values).insert(name, value);
        Ok(())
    }

    /// Evaluates a flag.
    pub async fn evaluate(
        &self,
        context: &Context,
        flag: &'static Flag,
        whom: &EvaluationContext<'_>,
    ) -> Evaluation {
        let change = self.change(context, flag).await;
        evaluate(flag, context.environment(), change.as_ref(), whom)
    }

    /// What was said of a flag at run time. What cannot be read is as if nothing was said.
    pub async fn change(&self, context: &Context, flag: &Flag) -> Option<Change> {
        let values = self.values(context).await;
        let value = values.get(&format!("flag:{}", flag.name))?;
        serde_json::from_value(value.clone()).ok()
    }

    /// Says something of a flag.
    pub async fn change_flag(
        &self,
        context: &Context,
        flag: &Flag,
        change: &Change,
        by: &str,
    ) -> Result<(), Failure> {
        let value = serde_json::to_value(change).map_err(Failure::internal)?;
        self.write(context, format!("flag:{}", flag.name), value, by).await
    }

    /// Whether a switch is on, and what says so.
    pub async fn switch(&self, context: &Context, name: &str) -> (bool, Source) {
        let is_forced = match name {
            "read_only" => self.forced.read_only,
            _ => self.forced.maintenance,
        };
        if is_forced {
            return (true, Source::Variable);
        }
        let values = self.values(context).await;
        let said =
            values.get(&format!("switch:{name}")).and_then(|value| value["active"].as_bool());
        said.map_or((false, Source::Spec), |active| (active, Source::RunTime))
    }

    /// Turns a switch on or off.
    pub async fn turn(
        &self,
        context: &Context,
        name: &str,
        active: bool,
        by: &str,
    ) -> Result<(), Failure> {
        self.write(context, format!("switch:{name}"), json!({ "active": active }), by).await
    }

    /// How the service works now, in a word; nothing where it has no switches.
    pub async fn mode(&self, context: &Context) -> Option<&'static str> {
        let Switches { read_only, maintenance } = &context.definition().switches;
        if maintenance.is_some() && self.switch(context, "maintenance").await.0 {
            return Some("maintenance");
        }
        if read_only.is_some() && self.switch(context, "read_only").await.0 {
            return Some("read-only");
        }
        (read_only.is_some() || maintenance.is_some()).then_some("normal")
    }
}

/// What the database tells, unless it takes too long.
async fn read(context: &Context, overrides: &Overrides) -> Option<HashMap<String, Value>> {
    let asking = Box::pin(context.run(overrides.read.with(&[])));
    let done = match select(asking, context.clock().sleep(PATIENCE)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(Failure::of(&UNAVAILABLE)),
    };
    let rows = done.ok()?.rows;
    let row = |row: &Row| {
        let value = serde_json::from_str(row.text("value")?).ok()?;
        Some((row.text("name")?.to_owned(), value))
    };
    Some(rows.iter().filter_map(row).collect())
}
