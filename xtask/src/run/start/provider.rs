//! Starts what stands in the place of every upstream while a service is checked: nothing leaves this machine, and the
//! checks decide what is answered.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use proofline_spec::document::{Binding, Environment};
use serde_json::Value;

use crate::context::{Context, Stopped};
use crate::run::build::Program;
use crate::run::process::Process;
use crate::run::session::SEED;
use crate::run::workspace::LoadedService;

/// It keeps nothing that it would have to finish.
const STOP: Duration = Duration::from_secs(2);

/// A provider that answers as it is told.
#[derive(Debug)]
pub(crate) struct Provider {
    address: String,
    _process: Process,
}

impl Provider {
    /// Starts one where the environment permits faults and the service calls anybody, at an address of this machine.
    pub(super) fn start(
        context: &Context,
        service: &LoadedService,
        environment: &Environment,
        at: IpAddr,
    ) -> Result<Option<Self>> {
        if !environment.permits.faults || upstreams(service).next().is_none() {
            return Ok(None);
        }
        let program = Program::Features.path(context);
        let spec = context.root.join("spec/services").join(&service.folder).join("service.yaml");
        let (reader, writer) = std::io::pipe()?;
        let mut command = Command::new(&program);
        command
            .arg("provider")
            .arg("--spec")
            .arg(&spec)
            .args(["--at", &at.to_string()])
            .args(["--seed", &SEED.to_string()])
            .stdin(Stdio::null())
            .stdout(writer);
        let process = Process::spawn(&mut command, STOP)
            .with_context(|| format!("cannot start {}", program.display()))?;
        // Our own end of the pipe: what ends without a word must end the reading.
        drop(command);
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line)?;
        let said: Option<Value> = serde_json::from_str(&line).ok();
        match said.as_ref().and_then(|said| said["address"].as_str()) {
            Some(address) => Ok(Some(Self { address: address.to_owned(), _process: process })),
            None => Err(Stopped::could_not_find_out(
                "the scripted provider ended before it listened".to_owned(),
            )),
        }
    }

    /// Where it is told what to answer.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables by which a service calls it instead of its upstreams.
    pub(super) fn variables(&self, service: &LoadedService) -> BTreeMap<String, String> {
        upstreams(service)
            .map(|name| (format!("{name}_BASE_URL"), format!("{}/{name}", self.url())))
            .collect()
    }
}

pub(super) fn upstreams(service: &LoadedService) -> impl Iterator<Item = &str> {
    let bindings = service.service.bindings.iter();
    bindings
        .filter(|(_, binding)| matches!(binding, Binding::Upstream { .. }))
        .map(|(name, _)| name.as_str())
}
