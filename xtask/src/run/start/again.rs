//! What random faults do to what was started: processes are killed, told to end and started again, stores go away.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::Environment;

use super::servers::Servers;
use super::{Started, native, workers};
use crate::context::Context;
use crate::run::workspace::LoadedService;

impl Started {
    /// What may break here, as the driver of random faults calls it.
    pub(crate) fn abilities(&self, environment: &Environment) -> Result<Vec<String>> {
        let mut can = vec!["faults".to_owned()];
        if environment.permits.restarts {
            can.push("kill".to_owned());
            // The platform ends what it runs without telling it.
            if self.output.is_none() {
                can.push("end".to_owned());
            }
        }
        if self.servers.is_some() {
            let each = |store| ["freeze", "kill", "link"].map(|what| format!("{what}:{store}"));
            can.extend(Servers::NAMES.into_iter().flat_map(each));
        }
        if let Some(project) = &self.project {
            let stores = project.stores()?;
            can.extend(stores.iter().flat_map(|s| [format!("freeze:{s}"), format!("kill:{s}")]));
        }
        Ok(can)
    }

    /// Kills the process, or the instance, at once.
    pub(crate) fn kill(&mut self) -> Result<()> {
        match &self.project {
            Some(project) => project.act("kill", "app"),
            None => Ok(self.process.kill().map(drop)?),
        }
    }

    /// Tells it to end and waits; why it did not end well, if so.
    pub(crate) fn end(&mut self) -> Result<Option<String>> {
        if let Some(project) = &self.project {
            return project.act("stop", "app").map(|()| None);
        }
        let status = self.process.stop()?;
        Ok((!status.success()).then(|| format!("told to end, it ended with {status}")))
    }

    /// Starts it again at the same address with what it had.
    pub(crate) fn start_again(
        &mut self,
        context: &Context,
        service: &LoadedService,
        environment: &Environment,
    ) -> Result<()> {
        if let Some(project) = &self.project {
            let begun = Context::now();
            project.act("start", "app")?;
            // Who follows a log may have gone when the container ended.
            if self.process.try_wait()?.is_some() {
                self.process = project.follow(&self.log, &begun)?;
            }
            return Ok(());
        }
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let port: u16 = port.context("the service has no port")?;
        if self.output.is_some() {
            let (process, output) = workers::start_again(
                context,
                service,
                environment,
                (self.folder.path(), port),
                &self.variables,
            )?;
            (self.process, self.output) = (process, Some(output));
            return Ok(());
        }
        let program = self.program.as_ref().context("there is no program")?;
        self.variables.insert("PORT".into(), port.to_string());
        self.process = native::start_again(context, program, &self.variables, &self.log)?;
        Ok(())
    }

    /// Does something to the server of a store: `freeze`, `thaw`, `kill`, `start`.
    pub(crate) fn store(&mut self, action: &str, store: &str) -> Result<()> {
        if let Some(servers) = &mut self.servers {
            return servers.act(action, store);
        }
        match (&self.project, action) {
            (Some(project), "freeze") => project.act("pause", store),
            (Some(project), "thaw") => project.act("unpause", store),
            (Some(project), "kill" | "start") => project.act(action, store),
            _ => bail!("nobody here can {action} `{store}`"),
        }
    }
}

/// The log of a service that is started again: what it says goes behind what it said.
pub(super) fn log(path: &Path) -> Result<File> {
    Ok(File::options().create(true).append(true).open(path)?)
}
