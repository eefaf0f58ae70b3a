//! Server-side request forgery: no client input chooses where the service connects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::SchemaType;
use serde_json::json;
use tokio::net::TcpListener;

use super::people::crowd;
use super::{Arguments, steps};
use crate::call::Call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::raw;
use crate::world::World;

/// How long a connection is waited for after the last request.
const GRACE: Duration = Duration::from_secs(2);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "no address in any text makes the service connect to it" => in_texts;
        then "no address in any header makes the service connect to it or repeat it" => in_headers;
        then "no address in the request line makes the service connect to it" => in_request_line;
    }
}

/// A listener that counts who connects.
struct Canary {
    address: String,
    connections: Arc<AtomicUsize>,
    worker: tokio::task::JoinHandle<()>,
}

impl Canary {
    /// Listens, and shows that a connection is noticed: that none came would mean nothing otherwise.
    async fn new() -> Result<Self, Failure> {
        let broken =
            |error: std::io::Error| Failure::Broken(format!("the canary cannot listen: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(broken)?;
        let address = listener.local_addr().map_err(broken)?.to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let worker = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let canary = Self { address, connections, worker };
        tokio::net::TcpStream::connect(&canary.address).await.map_err(broken)?;
        if !canary.notices(Duration::from_secs(5)).await {
            return Err(Failure::broken("the canary does not notice a connection"));
        }
        canary.connections.store(0, Ordering::SeqCst);
        Ok(canary)
    }

    /// Whether somebody connects within that time.
    async fn notices(&self, time: Duration) -> bool {
        let began = tokio::time::Instant::now();
        while began.elapsed() < time {
            if self.connections.load(Ordering::SeqCst) > 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    async fn untouched(&self) -> Result<(), Failure> {
        if self.notices(GRACE).await {
            return Err(Failure::wrong("the service connected to an address that a client chose"));
        }
        Ok(())
    }

    fn urls(&self) -> Vec<String> {
        let port = self.address.rsplit(':').next().unwrap_or_default();
        vec![
            format!("http://{}/", self.address),
            format!("//{}/", self.address),
            format!("http://localhost:{port}/"),
            format!("http://0x7f000001:{port}/"),
            format!("http://example.com@{}/", self.address),
        ]
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

async fn in_texts(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let canary = Canary::new().await?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        let schemas = [(true, route.body.as_deref()), (false, route.query.as_deref())];
        for (in_body, schema) in schemas {
            let Some(schema) = schema.and_then(|name| run.target.schema(name)) else { continue };
            for (name, property) in &schema.properties {
                let property = run.target.resolve(property);
                let free = property.variants.is_none()
                    && property.format.as_deref().is_none_or(|f| f == "uri" || f == "hostname");
                if property.main_type() != Some(SchemaType::String) || !free {
                    continue;
                }
                for url in canary.urls() {
                    let who = crowd(world, key, route).await?;
                    let mut call =
                        Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
                    call.headers.extend(who);
                    if in_body
                        && let Some(text) = call.body.as_mut().and_then(|body| body.get_mut(name))
                    {
                        *text = json!(url);
                    }
                    for (_, value) in
                        call.query.iter_mut().filter(|(known, _)| !in_body && known == name)
                    {
                        value.clone_from(&url);
                    }
                    let answer = world.send(call.signed(&run.target)).await?;
                    findings.add(
                        &format!("{key} {name}"),
                        require(
                            answer.status < 500,
                            || "must not be a server error".to_owned(),
                            &answer,
                        ),
                    )?;
                }
            }
        }
    }
    canary.untouched().await?;
    findings.finish("no route takes a text", |count| {
        format!("{count} requests; nobody connected to the canary")
    })
}

async fn in_headers(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let canary = Canary::new().await?;
    let path = run.target.health_route().map_or("/", |(key, _)| key.path.as_str());
    let control = world.send(Request::get(path)).await?;
    let mut findings = Findings::new();
    for name in [
        "Host",
        "X-Forwarded-Host",
        "X-Host",
        "X-Forwarded-Server",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Referer",
        "Origin",
        "Forwarded",
        "X-Forwarded-Proto",
        "Destination",
        "Profile",
        "X-HTTP-Method-Override",
        "X-Webhook-URL",
        "Callback-URL",
    ] {
        for value in [canary.address.clone(), format!("http://{}/", canary.address)] {
            let value = if name == "Forwarded" { format!("host={value}") } else { value };
            let answer = world.send(Request::get(path).header(name, value)).await?;
            let headers: String = answer
                .headers
                .values()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            let repeated = format!("{headers}{}", answer.text()).contains(&canary.address);
            let mut result = require(
                !repeated,
                || "repeats an address that the client chose".to_owned(),
                &answer,
            );
            // A host with a path is no host: it is refused, or leads to another path that is not there.
            let alike = answer.status == control.status
                || name == "Host" && [400, 404, 421].contains(&answer.status);
            result = result.and_then(|()| {
                require(
                    alike,
                    || format!("must be answered {} as without it", control.status),
                    &answer,
                )
            });
            findings.add(&format!("{name}: {}", canary.address), result)?;
        }
    }
    canary.untouched().await?;
    findings.finish("there are no headers", |count| {
        format!("{count} requests; nobody connected to the canary")
    })
}

async fn in_request_line(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let canary = Canary::new().await?;
    let authority = run.target.base.trim_start_matches("http://").to_owned();
    let path = run.target.health_route().map_or("/", |(key, _)| key.path.as_str());
    let mut findings = Findings::new();
    let mut seen = Vec::new();
    for (name, line) in [
        ("a whole address", format!("GET http://{}{path} HTTP/1.1", canary.address)),
        (
            "an address with a user",
            format!("GET http://{authority}@{}{path} HTTP/1.1", canary.address),
        ),
        ("a path that begins with two slashes", format!("GET //{}{path} HTTP/1.1", canary.address)),
        ("a tunnel", format!("CONNECT {} HTTP/1.1", canary.address)),
        ("a path with an at sign", format!("GET @{}{path} HTTP/1.1", canary.address)),
    ] {
        let bytes = format!("{line}\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        let answer = raw::send(&authority, bytes.as_bytes(), Duration::from_secs(3)).await;
        let answer = answer
            .map_err(|error| Failure::Broken(format!("the service cannot be reached: {error}")))?;
        world.recorder.add_raw(name, &answer.statuses(), answer.closed);
        let status = answer.statuses().first().copied();
        seen.push(format!(
            "{name}: {}",
            status.map_or("closed".to_owned(), |status| status.to_string())
        ));
        let proxied =
            name == "a tunnel" && status.is_some_and(|status| (200..300).contains(&status));
        let result =
            if proxied { Err(Failure::wrong("the service opened a tunnel")) } else { Ok(()) };
        findings.add(name, result)?;
    }
    canary.untouched().await?;
    findings.finish("there are no request lines", |_| {
        format!("{}; nobody connected to the canary", seen.join(", "))
    })
}
