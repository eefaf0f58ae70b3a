//! Suites that run what is shipped: the image itself, and Luna in containers.

use std::collections::BTreeSet;

use anyhow::Result;

use super::service::{self, SERVICE};
use super::table::Outcome;
use crate::containers::engine::{self, Engine};
use crate::containers::image;
use crate::context::Context;
use crate::run::workspace::{LoadedService, Workspace};

/// An image that is larger holds something that the service does not need.
const LARGEST: u64 = 40 * 1024 * 1024;

/// What is in the image, and that the same inputs make the same layers; then the main job with it. Nothing stays.
pub(super) fn containers(context: &Context, _: bool) -> Result<Outcome> {
    let engine = Engine::find(context)?;
    let before = things(context, &engine)?;
    let workspace = Workspace::load(context, Some(SERVICE))?;
    let mut outcome = shipped(context, &engine, workspace.service(Some(SERVICE))?)?;
    outcome.add(&super::replicas::replicas(context)?);
    outcome.add(&service::readiness(context, SERVICE, "compose")?);
    let left: Vec<String> = things(context, &engine)?.difference(&before).cloned().collect();
    let text =
        if left.is_empty() { String::new() } else { format!("left behind: {}\n", left.join(", ")) };
    outcome.add(&Outcome::one(left.is_empty(), text));
    Ok(outcome)
}

/// Every container, network, volume and named image that runs of checks made.
fn things(context: &Context, engine: &Engine) -> Result<BTreeSet<String>> {
    let lists: [&[&str]; 4] = [
        &["ps", "--all", "--format", "{{.Names}} {{.Labels}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
        &["images", "--format", "{{.Repository}}"],
    ];
    let mut found = BTreeSet::new();
    for list in lists {
        let mut command = engine.docker();
        command.args(list);
        let said = engine::must(context, command, "list what there is")?;
        found.extend(
            said.stdout.lines().filter(|line| line.contains("proofline-")).map(str::to_owned),
        );
    }
    Ok(found)
}

/// Builds the image twice from nothing, and looks into it.
fn shipped(context: &Context, engine: &Engine, service: &LoadedService) -> Result<Outcome> {
    let stage = image::prepare(context, engine, service)?;
    let mut seen = Vec::new();
    let mut files = Vec::new();
    for _ in 0..2 {
        let built = image::Built::fresh(context, engine, service, stage)?;
        seen.push(built.look(context)?);
        files = built.files(context)?;
    }
    let mut outcome = Outcome { passed: 0, failed: 0, skipped: 0, output: String::new() };
    let mut check = |good: bool, what: String| {
        outcome.add(&Outcome::one(good, if good { String::new() } else { what + "\n" }));
    };
    let (one, two) = (&seen[0], &seen[1]);
    check(
        one["RootFS"]["Layers"] == two["RootFS"]["Layers"],
        format!("the same inputs made other layers: {} and {}", one["RootFS"], two["RootFS"]),
    );
    check(one["Config"]["User"] == "65532:65532", format!("it runs as {}", one["Config"]["User"]));
    let size = one["Size"].as_u64().unwrap_or(u64::MAX);
    check(size <= LARGEST, format!("the image has {size} bytes"));
    let labels = &one["Config"]["Labels"];
    let wanted: [(&str, String); 3] = [
        ("org.opencontainers.image.title", service.service.service.name.clone()),
        ("org.opencontainers.image.version", service.service.service.version.clone()),
        ("dev.proofline.spec-digest", service.digest.to_string()),
    ];
    for (label, value) in wanted {
        check(labels[label] == value.as_str(), format!("{label} is {}", labels[label]));
    }
    // What the engine itself puts into every container does not count.
    let engines = |file: &str| THE_ENGINES.iter().any(|known| file.starts_with(known));
    let mut held: Vec<&str> = files.iter().map(String::as_str).filter(|f| !engines(f)).collect();
    held.sort_unstable();
    check(held == HELD, format!("the image holds {}", held.join(", ")));
    Ok(outcome)
}

/// What the image holds: no shell, no package manager, no library.
const HELD: &[&str] = &[
    "data/",
    "etc/",
    "etc/ssl/",
    "etc/ssl/certs/",
    "etc/ssl/certs/ca-certificates.crt",
    "service",
    "tmp/",
];
/// The beginnings of what the engine adds.
const THE_ENGINES: &[&str] =
    &[".dockerenv", "dev/", "etc/host", "etc/mtab", "etc/resolv.conf", "proc/", "sys/"];
