//! Starts the TLS endpoint that an environment has in front of a service on this machine.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use proofline_spec::evidence;
use serde_json::Value;

use crate::context::{Context, Stopped};
use crate::run::build::Program;
use crate::run::process::Process;

/// It keeps nothing that it would have to finish.
const STOP: Duration = Duration::from_secs(2);

/// A TLS endpoint in front of a service.
#[derive(Debug)]
pub(crate) struct Front {
    /// Where it is, and who vouches for it.
    pub(crate) plan: evidence::Front,
    _process: Process,
    /// It ends when this does.
    _lifeline: std::io::PipeWriter,
}

impl Front {
    /// Starts one before what listens at this URL, which is told over what a request came by a `header` or by the `url`;
    /// the authority's certificate is in that folder.
    pub(super) fn start(
        context: &Context,
        url: &str,
        telling: &str,
        folder: &Path,
    ) -> Result<Self> {
        let program = Program::Features.path(context);
        let authority = folder.join("authority.pem");
        let (reader, writer) = std::io::pipe()?;
        let (input, lifeline) = std::io::pipe()?;
        let mut command = Command::new(&program);
        command
            .arg("front")
            .args(["--behind", url.trim_start_matches("http://")])
            .args(["--telling", telling])
            .arg("--authority")
            .arg(&authority)
            .stdin(Stdio::from(input))
            .stdout(writer);
        let process = Process::spawn(&mut command, STOP)
            .with_context(|| format!("cannot start {}", program.display()))?;
        // Our own end of the pipe: what ends without a word must end the reading.
        drop(command);
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line)?;
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let port = |name: &str| said.as_ref().and_then(|said| said[name].as_u64());
        let (Some(secure), Some(clear)) = (port("secure_port"), port("plain_port")) else {
            return Err(Stopped::could_not_find_out(
                "the TLS endpoint ended before it listened".to_owned(),
            ));
        };
        let plan = evidence::Front {
            url: format!("https://localhost:{secure}"),
            plain_port: u16::try_from(clear)?,
            authority: authority.display().to_string(),
        };
        Ok(Self { plan, _process: process, _lifeline: lifeline })
    }
}
