//! Secrets of a worker: which are set, and where the values of the others come from. No value is ever shown.

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::Environment;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::run::workspace::LoadedService;
use crate::workers::wrangler::Call;

/// The secrets that a service cannot do without.
#[derive(Debug)]
pub(crate) struct Secrets {
    required: Vec<String>,
}

/// Values on their way to the platform.
pub(super) struct Values(Map<String, Value>);

impl Secrets {
    /// Those that the spec requires.
    pub(crate) fn of(service: &LoadedService) -> Self {
        let secrets = service.service.config.secrets.iter();
        let required = secrets.filter(|(_, secret)| !secret.optional);
        Self { required: required.map(|(name, _)| name.clone()).collect() }
    }

    /// Those that the worker does not have yet.
    pub(super) fn missing(&self, call: &Call<'_>, exists: bool) -> Result<Vec<String>> {
        if self.required.is_empty() {
            return Ok(Vec::new());
        }
        let doing = "list the names of the secrets";
        let known = if exists {
            call.ask(call.command(&["secret", "list", "--format", "json"]), &["not found"], doing)?
        } else {
            None
        };
        let known: Vec<Value> = match known {
            Some(said) => {
                let start = said.stdout.find('[').unwrap_or_default();
                serde_json::from_str(&said.stdout[start..])
                    .with_context(|| format!("wrangler printed no list when it should {doing}"))?
            }
            None => Vec::new(),
        };
        let is_set = |name: &&String| known.iter().any(|item| item["name"] == name.as_str());
        Ok(self.required.iter().filter(|name| !is_set(name)).cloned().collect())
    }

    /// Takes the missing ones from the operator, or names every one that is nowhere.
    #[expect(clippy::unused_self, reason = "values are taken only of the secrets of a service")]
    pub(super) fn values(
        &self,
        context: &Context,
        environment: &Environment,
        missing: &[String],
    ) -> Result<Values> {
        let mut values = Map::new();
        let mut nowhere = Vec::new();
        for name in missing {
            // The environment may say under which name the operator has it.
            let variable = environment.secrets.get(name).unwrap_or(name);
            match context.variable(variable) {
                Some(value) => {
                    values.insert(name.clone(), Value::String(value));
                }
                None if variable == name => nowhere.push(name.clone()),
                None => nowhere.push(format!("{name} (from {variable})")),
            }
        }
        if nowhere.is_empty() {
            return Ok(Values(values));
        }
        bail!(
            "`{}` has no value for {}\nhint: set each as a variable of this command; it is sent to the platform and kept nowhere else",
            environment.environment,
            nowhere.join(", ")
        )
    }
}

impl Values {
    /// Sends them on wrangler's standard input.
    pub(super) fn put(&self, call: &Call<'_>) -> Result<()> {
        let input = serde_json::to_string(&self.0)?;
        call.run(call.command(&["secret", "bulk"]), Some(&input), "set the secrets")?;
        Ok(())
    }
}
