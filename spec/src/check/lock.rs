//! Lock files: they belong to an environment, and name what its services have.

use std::path::Path;

use super::environment::unknown;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Binding, Environment, Lock, Service, Target};
use crate::load::SourceMap;

pub(super) fn check(
    lock: &Lock,
    source: &SourceMap,
    environments: &[&Environment],
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    let file = Path::new(source.path()).file_name().map(|name| name.to_string_lossy());
    let expected = format!("{}.lock.yaml", lock.environment);
    let of_workers = environments
        .iter()
        .any(|known| known.environment == lock.environment && known.target == Target::Workers);
    if file.is_some_and(|file| file != expected.as_str()) || !of_workers {
        found.push(
            wrong(
                source,
                &["environment"],
                format!("this is not the lock of an environment `{}`", lock.environment),
            )
            .because("a lock stands beside its environment on Workers, and is called the same")
            .fix("delete the file; `cargo xtask deploy` writes it anew"),
        );
    }
    for (folder, ids) in &lock.services {
        let Some((_, service)) = services.iter().find(|(known, _)| known == folder) else {
            let known: Vec<&str> = services.iter().map(|(known, _)| *known).collect();
            found.push(unknown("service", folder, &known, &source.key_of(&["services", folder])));
            continue;
        };
        for (name, id) in ids {
            binding(source, folder, service, (name, id), found);
        }
    }
}

fn binding(
    source: &SourceMap,
    folder: &str,
    service: &Service,
    (name, id): (&str, &str),
    found: &mut Vec<Diagnostic>,
) {
    let path = ["services", folder, name];
    let (noun, fits) = match service.bindings.get(name) {
        Some(Binding::Sql { .. }) => ("a D1 database", is_uuid(id)),
        Some(Binding::Kv { .. }) => ("a KV namespace", is_hexadecimal(id)),
        Some(other) => {
            let message = format!("a binding of kind `{}` has no id", other.kind());
            found.push(
                wrong(source, &path, message)
                    .because("the platform knows it by its name")
                    .fix("remove the line"),
            );
            return;
        }
        None => {
            let known: Vec<&str> = service.bindings.keys().map(String::as_str).collect();
            found.push(unknown("binding", name, &known, &source.key_of(&path)));
            return;
        }
    };
    if !fits {
        found.push(
            wrong(source, &path, format!("`{id}` is not the id of {noun}"))
                .because("a deployment with it would be refused, or reach something else")
                .fix("remove the line; `cargo xtask deploy` asks the platform and writes it anew"),
        );
    }
}

fn wrong(source: &SourceMap, path: &[&str], message: String) -> Diagnostic {
    Diagnostic::new(codes::LOCK, source.span_of(path), message)
}

fn is_hexadecimal(id: &str) -> bool {
    id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_uuid(id: &str) -> bool {
    let parts: Vec<&str> = id.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()))
}
