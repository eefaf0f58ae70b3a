//! Flags evaluated for users who do not exist, so that a test can measure a share of many without so many accounts.
//!
//! They go the way of requests: the same switchboard, the same rules, the same hash. Only who asks is made up.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::flags::EvaluationContext;
use crate::problem::{Failure, MALFORMED_REQUEST};

/// Which flag is to be evaluated for whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagRequest {
    /// The flag; none where only the database is to be asked again.
    #[serde(default)]
    pub flag: Option<String>,
    /// Targeting keys of the users.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Whether what is known of switches counts as old, so that the database is asked first.
    #[serde(default)]
    pub again: bool,
}

/// Evaluates the flag for each of the users.
pub async fn evaluate(context: &Context, wanted: &FlagRequest) -> Result<Value, Failure> {
    if wanted.again {
        context.switchboard().doubt();
    }
    let Some(name) = &wanted.flag else { return Ok(json!({ "values": [] })) };
    let flag = context.definition().flags.iter().find(|flag| flag.name == name);
    let unknown = || Failure::of(&MALFORMED_REQUEST).detail("name a flag that there is");
    let flag = flag.ok_or_else(unknown)?;
    let mut values = Vec::with_capacity(wanted.keys.len());
    for key in &wanted.keys {
        values.push(context.evaluate(flag, &EvaluationContext::of(key)).await.value);
    }
    Ok(json!({ "flag": flag.name, "values": values }))
}
