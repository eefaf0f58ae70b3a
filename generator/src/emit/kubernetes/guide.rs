//! `README.md` beside the manifests: what an operator does, in which order.

use std::fmt::{Result, Write as _};

use super::overlay;
use crate::emit::{self, BoxError};
use crate::view::cluster::{Cluster, SecretKey};

/// What the steps are shown on: the first environment, or the base where there is none.
struct Place {
    /// The folder that is applied.
    app: String,
    /// The folder with its migrations.
    migrate: String,
    /// The namespace.
    namespace: String,
    /// How the namespace is made.
    create: String,
}

pub(super) fn text(cluster: &Cluster<'_>) -> std::result::Result<String, BoxError> {
    let mut text = format!("<!-- {} -->\n", emit::banner(cluster.input));
    folders(&mut text, cluster)?;
    let place = place(cluster);
    writeln!(text, "\n## In this order\n")?;
    image(&mut text, cluster, &place)?;
    let Place { app, migrate, namespace, create } = place;
    writeln!(text, "2. The namespace: `{create}`")?;
    writeln!(
        text,
        "3. The Secrets below, each from a file with one `NAME=value` a line that only you can read, and delete afterwards:"
    )?;
    let secrets = [cluster.secrets(), cluster.store_secrets()];
    for key in secrets.iter().filter_map(|keys| keys.first()) {
        let create = format!("create secret generic {} --from-env-file=FILE", key.secret);
        writeln!(text, "   `kubectl -n {namespace} {create}`")?;
    }
    let mut step = 4;
    if cluster.migrates() {
        let job = format!("job/{}", cluster.migration());
        writeln!(
            text,
            "4. The migrations, to their end: `kubectl -n {namespace} apply -k {migrate}`, then"
        )?;
        writeln!(
            text,
            "   `kubectl -n {namespace} wait --for=condition=complete --timeout=15m {job}`"
        )?;
        writeln!(
            text,
            "   (why it failed: `kubectl -n {namespace} logs {job}`; the version before goes on meanwhile)"
        )?;
        step = 5;
    }
    let name = cluster.name();
    writeln!(text, "{step}. The service: `kubectl -n {namespace} apply -k {app}`, then")?;
    writeln!(text, "   `kubectl -n {namespace} rollout status deployment/{name}`\n")?;
    writeln!(text, "A new version goes the same way, without the namespace and the Secrets.")?;
    writeln!(
        text,
        "Back: `kubectl -n {namespace} rollout undo deployment/{name}`. Migrations stay, so one must not take away"
    )?;
    writeln!(text, "what the version before needs.\n\n## Secrets\n")?;
    writeln!(
        text,
        "Only their names are in the manifests. Instances see a new value when they are replaced:"
    )?;
    writeln!(text, "`kubectl -n {namespace} rollout restart deployment/{name}`.\n")?;
    for keys in secrets {
        table(&mut text, keys)?;
    }
    Ok(text)
}

fn folders(text: &mut String, cluster: &Cluster<'_>) -> Result {
    writeln!(text, "# {} on Kubernetes\n", cluster.name())?;
    writeln!(text, "`base/` is what runs all the time. Kubernetes 1.30 or newer.")?;
    if cluster.migrates() {
        writeln!(text, "`migrate/` is a Job that goes before it.")?;
    }
    for environment in cluster.environments() {
        let namespace = overlay::namespace(cluster, environment);
        let name = &environment.environment;
        writeln!(text, "`overlays/{name}/` is that environment, in the namespace `{namespace}`.")?;
    }
    Ok(())
}

fn place(cluster: &Cluster<'_>) -> Place {
    let Some(environment) = cluster.environments().next() else {
        let namespace = cluster.name().to_owned();
        let create = format!("kubectl create namespace {namespace}");
        return Place { app: "base".to_owned(), migrate: "migrate".to_owned(), namespace, create };
    };
    let app = format!("overlays/{}", environment.environment);
    Place {
        migrate: format!("{app}/migrate"),
        namespace: overlay::namespace(cluster, environment),
        create: format!("kubectl apply -f {app}/namespace.yaml"),
        app,
    }
}

/// What differs in every cluster, and so stands in nothing that is generated.
fn image(text: &mut String, cluster: &Cluster<'_>, place: &Place) -> Result {
    let (name, app) = (cluster.name(), &place.app);
    let image = cluster.image();
    writeln!(
        text,
        "1. The image: build it and push it. The manifests say `{image}`, which no registry has."
    )?;
    writeln!(
        text,
        "   This folder is generated, so make a kustomization of your own on `{app}`,\n   and apply that one instead below:"
    )?;
    writeln!(text, "   ```yaml\n   resources: [path/to/kubernetes/{app}]")?;
    let digest = "digest: \"sha256:...\"";
    writeln!(text, "   images: [{{name: {name}, newName: registry.example/{name}, {digest}}}]")?;
    writeln!(text, "   patches:\n   - patch: |-\n       apiVersion: v1\n       kind: ConfigMap")?;
    writeln!(text, "       metadata: {{name: {}}}", cluster.named("config"))?;
    writeln!(
        text,
        "       data: {{TRUSTED_PROXIES: \"10.0.0.0/8\"}}   # the networks of your ingress controllers"
    )?;
    writeln!(text, "   ```")?;
    if cluster.migrates() {
        writeln!(text, "   and another one on `{}` with the same `images`.", place.migrate)?;
    }
    Ok(())
}

fn table(text: &mut String, keys: Vec<SecretKey>) -> Result {
    let Some(first) = keys.first() else { return Ok(()) };
    writeln!(text, "| key of `{}` | what it is |\n| --- | --- |", first.secret)?;
    for key in keys {
        let optional = if key.optional { " Optional." } else { "" };
        // A line end or a bar in a description would end the cell.
        let note = key.note.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        writeln!(text, "| `{}` | {note}{optional} |", key.variable)?;
    }
    writeln!(text)
}
