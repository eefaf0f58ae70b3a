//! The command line of a service: `serve`, `healthcheck`, `check-config`, `migrate`, `version`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::config;
use super::log;
use super::open::databases;
use super::requirements;
use super::run::start;
use crate::definition::Definition;
use crate::host::config::ConfigProblem;
use crate::host::log::Level;
use crate::service::Service;

const USAGE: &str = "commands: serve (without a command too), healthcheck [--url URL], check-config, migrate, version";
/// Wrong command line or configuration.
const WRONG_USE: u8 = 2;
/// How long a health check may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs what the command line says.
pub fn main<S: Service>(service: S) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let definition = service.definition();
    match arguments.as_slice() {
        [] | ["serve"] => serve(service),
        ["healthcheck"] => health_check(definition, None),
        ["healthcheck", "--url", url] => health_check(definition, Some(url)),
        ["check-config"] => match read_with(definition, config::read) {
            Ok(_) => done(&json!({"event": "configuration", "valid": true}).to_string()),
            Err(problems) => wrong(&problems),
        },
        ["migrate"] => migrate(definition),
        ["version" | "--version"] => done(
            &json!({
                "name": definition.service,
                "version": definition.version,
                "spec_digest": definition.spec_digest,
            })
            .to_string(),
        ),
        [unknown, ..] => complain(&format!("`{unknown}` is not understood; {USAGE}"), WRONG_USE),
    }
}

fn done(line: &str) -> ExitCode {
    // Nobody can be told when standard output is gone.
    let _ = writeln!(std::io::stdout(), "{line}");
    ExitCode::SUCCESS
}

fn complain(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}

/// Gives a variable of the process's environment.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The one place where the process's environment is read.
fn read_with<T>(
    definition: &'static Definition,
    read: impl Fn(&'static Definition, Variable<'_>) -> T,
) -> T {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let variable = |name: &str| std::env::var(name).ok();
    read(definition, &variable)
}

fn wrong(problems: &[ConfigProblem]) -> ExitCode {
    let lines: Vec<String> = problems.iter().map(ConfigProblem::to_string).collect();
    complain(&lines.join("\n"), WRONG_USE)
}

fn serve<S: Service>(service: S) -> ExitCode {
    let definition = service.definition();
    let (config, mut problems) = read_with(definition, config::read_all);
    let (log, writer) = log::start(config.common.log_level);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("start: {error}"), 1),
    };
    problems.extend(runtime.block_on(requirements::unreachable(definition, &config, &log)));
    if !problems.is_empty() {
        return wrong(&problems);
    }
    let environment = config.common.settings.environment.clone();
    let result = runtime.block_on(async {
        let running = start(service, config, log).await?;
        let members = [
            ("address", running.address().to_string().into()),
            ("service", definition.service.into()),
            ("version", definition.version.into()),
            ("spec_digest", definition.spec_digest.into()),
            ("environment", environment.into()),
        ];
        let stop = signals().map_err(|error| error.to_string())?;
        let log = running.log().clone();
        log.announce("listening", &members);
        let finished = running.until(stop).await;
        log.event(Level::Info, "stopped", &[("finished", finished.into())]);
        Ok::<bool, String>(finished)
    });
    // Threads that still compute would keep the log open.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(finished) => {
            writer.finish();
            ExitCode::from(u8::from(!finished))
        }
        Err(error) => complain(&format!("start: {error}"), 1),
    }
}

/// Ends when the process is asked to end.
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn migrate(definition: &'static Definition) -> ExitCode {
    let config = match read_with(definition, super::databases::read_alone) {
        Ok(config) => config,
        Err(problems) => return wrong(&problems),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("migrate: {error}"), 1),
    };
    let mut applied = Vec::new();
    for (position, database) in definition.databases.iter().enumerate() {
        match runtime.block_on(databases::migrate(&config, position, database)) {
            Ok(names) => applied.extend(names),
            Err(error) => return complain(&format!("migrate: {error}"), 1),
        }
    }
    done(&json!({"event": "migrated", "migrations": applied}).to_string())
}

/// Asks a running service for its health, without any configuration but where it listens.
fn health_check(definition: &Definition, url: Option<&str>) -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "a container asks with nothing but its port")]
    let port = std::env::var("PORT").ok().unwrap_or_else(|| "8080".to_owned());
    let default = format!("http://127.0.0.1:{port}{}", definition.health_path);
    match ask(url.unwrap_or(&default)) {
        Ok(200) => ExitCode::SUCCESS,
        Ok(status) => complain(&format!("healthcheck: the service answered {status}"), 1),
        Err(error) => complain(&format!("healthcheck: {error}"), 1),
    }
}

fn ask(url: &str) -> Result<u16, String> {
    let rest =
        url.strip_prefix("http://").ok_or("write a URL such as http://127.0.0.1:8080/health")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, "health"));
    let address: SocketAddr = authority
        .replace("localhost", "127.0.0.1")
        .parse()
        .map_err(|_| "write an address and a port".to_owned())?;
    let exchange = || {
        let mut stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
        stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
        let head =
            format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error: std::io::Error| error.to_string())?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| "the answer is not HTTP".to_owned())
}
