//! `README.md` beside the manifests: what an operator does, in which order.

use std::fmt::Write as _;

use super::overlay;
use crate::emit::{self, BoxError};
use crate::view::cluster::{Cluster, SecretKey};

pub(super) fn text(cluster: &Cluster<'_>) -> Result<String, BoxError> {
    let mut text = format!("<!-- {} -->\n", emit::banner(cluster.input));
    let environments: Vec<_> = cluster.environments().collect();
    let name = cluster.name();
    writeln!(text, "# {name} on Kubernetes\n")?;
    writeln!(text, "`base/` is what runs all the time. Kubernetes 1.30 or newer.")?;
    if cluster.migrates() {
        writeln!(text, "`migrate/` is a Job that goes before it.")?;
    }
    for environment in &environments {
        writeln!(
            text,
            "`overlays/{}/` is that environment, in the namespace `{}`.",
            environment.environment,
            overlay::namespace(cluster, environment),
        )?;
    }
    let (app, migrate) = match environments.first() {
        Some(environment) => {
            let folder = format!("overlays/{}", environment.environment);
            (folder.clone(), format!("{folder}/migrate"))
        }
        None => ("base".to_owned(), "migrate".to_owned()),
    };
    let namespace = match environments.first() {
        Some(environment) => overlay::namespace(cluster, environment),
        None => name.to_owned(),
    };
    writeln!(text, "\n## In this order\n")?;
    let migrations = if cluster.migrates() {
        format!(", and another one on `{migrate}`")
    } else {
        String::new()
    };
    writeln!(
        text,
        "1. The image: build it and push it. The manifests say `{}`, which no registry has. This folder is generated,\n   so make a kustomization of your own on `{app}`{migrations}, and apply that one:",
        cluster.image(),
    )?;
    writeln!(text, "   ```yaml\n   resources: [path/to/kubernetes/{app}]")?;
    writeln!(
        text,
        "   images: [{{name: {name}, newName: registry.example/{name}, digest: \"sha256:...\"}}]\n   ```"
    )?;
    let create = match environments.first() {
        Some(_) => format!("kubectl apply -f {app}/namespace.yaml"),
        None => format!("kubectl create namespace {namespace}"),
    };
    writeln!(text, "2. The namespace: `{create}`")?;
    writeln!(
        text,
        "3. The Secrets below, each from a file with one `NAME=value` a line that only you can read and delete afterwards:",
    )?;
    for secret in
        [cluster.secrets(), cluster.store_secrets()].iter().filter_map(|keys| keys.first())
    {
        writeln!(
            text,
            "   `kubectl -n {namespace} create secret generic {} --from-env-file=FILE`",
            secret.secret,
        )?;
    }
    let mut step = 4;
    if cluster.migrates() {
        writeln!(
            text,
            "4. The migrations, to their end: `kubectl -n {namespace} apply -k {migrate}` and\n   `kubectl -n {namespace} wait --for=condition=complete --timeout=15m job/{}`",
            cluster.migration(),
        )?;
        step = 5;
    }
    writeln!(
        text,
        "{step}. The service: `kubectl -n {namespace} apply -k {app}` and\n   `kubectl -n {namespace} rollout status deployment/{name}`",
    )?;
    writeln!(
        text,
        "\nA new version goes the same way, without the namespace. Back: `kubectl -n {namespace} rollout undo deployment/{name}`;"
    )?;
    writeln!(
        text,
        "migrations stay, so a migration must not take away what the version before needs."
    )?;
    writeln!(text, "\n## Secrets\n")?;
    writeln!(
        text,
        "Only their names are in the manifests. Instances see a new value when they are replaced: `kubectl rollout restart`.\n"
    )?;
    table(&mut text, cluster.secrets())?;
    table(&mut text, cluster.store_secrets())?;
    Ok(text)
}

fn table(text: &mut String, secrets: Vec<SecretKey>) -> std::fmt::Result {
    let Some(first) = secrets.first() else { return Ok(()) };
    writeln!(text, "| key of `{}` | what it is |\n| --- | --- |", first.secret)?;
    for secret in secrets {
        let optional = if secret.optional { " Optional." } else { "" };
        // A line end or a bar in a description would end the cell.
        let note = secret.note.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        writeln!(text, "| `{}` | {note}{optional} |", secret.variable)?;
    }
    writeln!(text)
}
