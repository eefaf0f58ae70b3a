//! `deploy/.env.example`: every variable that the service reads, with what it is for and no secret's value.

use std::fmt::Write as _;

use crate::tree::{Owner, Tree};
use crate::{Input, emit};

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let mut text = format!("# {}\n", emit::banner(input));
    text.push_str("# Copy to `.env` beside `compose.yaml` and fill in. Never commit the copy.\n");
    text.push_str("\n# Secrets\n");
    for (name, secret) in &input.service.config.secrets {
        let mut notes = Vec::new();
        notes.extend(secret.description.clone());
        if let Some(bytes) = secret.min_bytes {
            notes.push(format!("At least {bytes} bytes."));
        }
        if secret.optional {
            notes.push("Optional.".to_owned());
        }
        comment(&mut text, &notes)?;
        writeln!(text, "{name}=")?;
    }
    for (name, note) in emit::compose::secrets(input) {
        comment(&mut text, &[note.to_owned(), "Letters and digits only.".to_owned()])?;
        writeln!(text, "{name}=")?;
    }
    text.push_str("\n# Variables\n");
    for (name, var) in &input.service.config.vars {
        let mut notes = Vec::new();
        notes.extend(var.description.clone());
        if let Some(pattern) = &var.pattern {
            notes.push(format!("Must match {pattern}"));
        }
        comment(&mut text, &notes)?;
        writeln!(text, "{name}={}", var.default.as_deref().unwrap_or_default())?;
    }
    for (name, note) in emit::switches(input) {
        comment(&mut text, &[note.to_owned()])?;
        writeln!(text, "# {name}=off")?;
    }
    text.push_str("\n# The host\n");
    for (name, value, note) in HOST {
        comment(&mut text, &[(*note).to_owned()])?;
        writeln!(text, "# {name}={value}")?;
    }
    tree.add(format!("{}/deploy/.env.example", input.crate_folder()), Owner::Generator, text);
    Ok(())
}

/// What the native host reads besides the spec's own configuration.
const HOST: &[(&str, &str, &str)] = &[
    ("HOST", "127.0.0.1", "The address to listen on."),
    ("PORT", "8080", "The port to listen on; 0 takes any free one."),
    (
        "DATABASE_URL",
        "sqlite:data/service.db",
        "Where the database is; a container's may be postgres://user:password@host:5432/name?sslmode=verify-full.",
    ),
    (
        "MIGRATE",
        "on",
        "Whether migrations are applied at the start; off where `migrate` is run before.",
    ),
    (
        "REDIS_URL",
        "redis://127.0.0.1:6379/0",
        "What replicas share: caches, limits, queues and whose turn a task is; rediss:// is TLS, and ?sslrootcert=PATH names an authority of your own, here and in DATABASE_URL.",
    ),
    (
        "STORAGE_URL",
        "file:data/files",
        "Where files are: file:PATH, or s3://BUCKET/PREFIX?endpoint=URL&region=R.",
    ),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8",
        "Peers, as CIDR ranges, that are believed about who called (X-Forwarded-For) and over what (X-Forwarded-Proto); what came over plain HTTP is refused.",
    ),
    (
        "MAX_CONNECTIONS",
        "10000",
        "How many connections may be open; as many as memory and open files permit without it.",
    ),
    ("LOG_LEVEL", "info", "debug, info, warn or error."),
    ("METRICS_TOKEN", "", "Bearer token for /metrics; without it only loopback peers may read it."),
];

fn comment(text: &mut String, notes: &[String]) -> std::fmt::Result {
    let line = notes.join(" ");
    // A line end in a description would otherwise begin a setting.
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { Ok(()) } else { writeln!(text, "# {line}") }
}
