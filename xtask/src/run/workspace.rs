//! Every document of the workspace, loaded and checked.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use proofline_generator::report::ClaimPlaces;
use proofline_generator::sql::{self, Migration, Prepared};
use proofline_generator::tree::{Owner, Tree};
use proofline_generator::{Input, names_that_clash};
use proofline_spec::check;
use proofline_spec::diagnostic::{self, Diagnostic, codes};
use proofline_spec::document::{Environment, Lock, Service};
use proofline_spec::evidence::Digest;
use proofline_spec::load;
use proofline_spec::load::nearest;

use crate::context::Context;

/// A service with everything that belongs to it.
#[derive(Debug)]
pub(crate) struct LoadedService {
    /// Name of its folder below `spec/services`.
    pub(crate) folder: String,
    /// The spec.
    pub(crate) service: Service,
    /// Migrations by binding.
    pub(crate) migrations: BTreeMap<String, Vec<Migration>>,
    /// Queries as the database sees them.
    pub(crate) prepared: BTreeMap<String, Prepared>,
    /// Digest of the spec, what it includes, and its migrations.
    pub(crate) digest: Digest,
    /// Where each claim stands.
    pub(crate) places: ClaimPlaces,
}

/// Every document of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Services that could be read, by folder.
    pub(crate) services: Vec<LoadedService>,
    /// Environments that could be read, by name.
    pub(crate) environments: Vec<Environment>,
    /// Ids of resources that exist, by environment.
    pub(crate) locks: Vec<Lock>,
    /// Everything that is wrong with them.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The only service that is looked at, if one was asked for; the others are loaded because environments name them.
    only: Option<String>,
}

impl Workspace {
    /// Loads and checks every document, or those of one service.
    pub(crate) fn load(context: &Context, only: Option<&str>) -> Result<Self> {
        let root = &context.root;
        let found = load::find_services(root).context("cannot read spec/services")?;
        if found.is_empty() {
            bail!(
                "there is no service: `{}` holds no folder with a `service.yaml`",
                root.join("spec/services").display()
            );
        }
        let features = feature_names(root);
        let mut workspace = Self {
            services: Vec::new(),
            environments: Vec::new(),
            locks: Vec::new(),
            diagnostics: Vec::new(),
            only: only.map(str::to_owned),
        };
        let folders: Vec<String> = found.iter().map(|path| folder_name(path)).collect();
        if let Some(only) = only
            && !folders.iter().any(|folder| folder == only)
        {
            bail!("{}", unknown("service", only, &folders));
        }
        for (path, folder) in found.iter().zip(&folders) {
            workspace.add_service(root, path, folder, &features)?;
        }
        workspace.add_environments(root)?;
        Ok(workspace)
    }

    fn add_environments(&mut self, root: &Path) -> Result<()> {
        let services: Vec<(&str, &Service)> =
            self.services.iter().map(|s| (s.folder.as_str(), &s.service)).collect();
        let mut found = Vec::new();
        let mut environments = Vec::new();
        for path in load::find_environments(root).context("cannot read environments")? {
            let loaded = load::load_environment(relative(root, &path));
            found.extend(check::check_environment(&loaded, &services));
            environments.push(loaded);
        }
        found.extend(check::compare_environments(
            &environments.iter().collect::<Vec<_>>(),
            &services,
        ));
        let known: Vec<&Environment> =
            environments.iter().filter_map(|loaded| loaded.document.as_ref()).collect();
        let mut locks = Vec::new();
        for path in load::find_locks(root).context("cannot read environments")? {
            let loaded = load::load_lock(relative(root, &path));
            found.extend(check::check_lock(&loaded, &known, &services));
            locks.push(loaded);
        }
        found.extend(check::compare_locks(&locks.iter().collect::<Vec<_>>()));
        for loaded in environments {
            self.diagnostics.extend(loaded.diagnostics);
            self.environments.extend(loaded.document);
        }
        for loaded in locks {
            self.diagnostics.extend(loaded.diagnostics);
            self.locks.extend(loaded.document);
        }
        self.diagnostics.extend(found);
        Ok(())
    }

    fn add_service(
        &mut self,
        root: &Path,
        path: &Path,
        folder: &str,
        features: &[String],
    ) -> Result<()> {
        let loaded = load::load_service(relative(root, path));
        let checked = check::check_service(&loaded, Some(features));
        let wanted = self.only.as_deref().is_none_or(|only| only == folder);
        let broken = loaded.has_errors() || diagnostic::has_errors(&checked);
        if wanted {
            self.diagnostics.extend(loaded.diagnostics.iter().cloned());
            self.diagnostics.extend(checked);
        }
        let digest = load::service_digest(&loaded)
            .with_context(|| format!("cannot read what belongs to `{folder}`"))?;
        let source = loaded.source;
        let Some(service) = loaded.document else { return Ok(()) };
        let place = |id: &String| {
            let place = source.key_of(&["claims", id]);
            // Of an included file the path is known only as it was reached, `a/../b`.
            (id.clone(), (load::normal(Path::new(&*place.file)).display().to_string(), place.line))
        };
        let places = service.claims.keys().map(place).collect();
        let base = path.parent().unwrap_or(root);
        let migrations = sql::read_migrations(&service, base)
            .with_context(|| format!("cannot read the migrations of `{folder}`"))?;
        let (prepared, mut findings) = sql::prepare(&service, &migrations);
        findings.extend(sql::plan::findings(&service, &prepared));
        let names = names_that_clash(&service);
        let found = findings.iter().chain(&names).filter(|finding| {
            // The checks have said already which parameters are missing.
            wanted && !(broken && finding.code == codes::QUERY_PARAMETERS)
        });
        self.diagnostics.extend(found.map(|finding| finding.to_diagnostic(&source)));
        self.services.push(LoadedService {
            folder: folder.to_owned(),
            service,
            migrations,
            prepared,
            digest,
            places,
        });
        Ok(())
    }

    /// Every generated file.
    pub(crate) fn tree(&self) -> Result<Tree> {
        let mut tree = Tree::new();
        tree.own_folder("spec/schema");
        for (name, schema) in proofline_spec::schema::all() {
            let text = serde_json::to_string_pretty(&schema)? + "\n";
            tree.add(format!("spec/schema/{name}"), Owner::Generator, text);
        }
        let wanted = |s: &&LoadedService| self.only.as_ref().is_none_or(|only| *only == s.folder);
        for service in self.services.iter().filter(wanted) {
            tree.merge(proofline_generator::generate(&service.input(&self.environments))?);
        }
        Ok(tree)
    }

    /// The service that was asked for, or the only one, or the first with targets.
    pub(crate) fn service(&self, name: Option<&str>) -> Result<&LoadedService> {
        if let Some(name) = name {
            let folders: Vec<String> = self.services.iter().map(|s| s.folder.clone()).collect();
            let found = self.services.iter().find(|s| s.folder == name);
            return found.with_context(|| unknown("service", name, &folders));
        }
        let generated: Vec<_> =
            self.services.iter().filter(|s| !s.service.targets.is_empty()).collect();
        match (self.services.as_slice(), generated.as_slice()) {
            ([only], _) => Ok(only),
            (_, [only]) => Ok(*only),
            _ => match self.services.iter().find(|s| s.folder == "luna") {
                Some(luna) => Ok(luna),
                None => bail!("there are several services; say which with `--service`"),
            },
        }
    }

    /// The environment that was asked for.
    pub(crate) fn environment(&self, name: &str, service: &LoadedService) -> Result<&Environment> {
        let Some(environment) = self.environments.iter().find(|e| e.environment == name) else {
            let names: Vec<String> =
                self.environments.iter().map(|e| e.environment.clone()).collect();
            bail!("{}", unknown("environment", name, &names));
        };
        if !environment.services.is_empty() && !environment.services.contains(&service.folder) {
            bail!(
                "the service `{}` does not run in the environment `{name}`, which is for {}",
                service.folder,
                environment.services.join(", ")
            );
        }
        Ok(environment)
    }
}

impl LoadedService {
    /// What the generator gets.
    pub(crate) fn input<'a>(&'a self, environments: &'a [Environment]) -> Input<'a> {
        Input {
            folder: &self.folder,
            service: &self.service,
            migrations: &self.migrations,
            prepared: &self.prepared,
            environments,
            digest: self.digest,
        }
    }
}

fn folder_name(path: &Path) -> String {
    path.parent()
        .and_then(Path::file_name)
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn unknown(what: &str, name: &str, known: &[String]) -> String {
    let hint = nearest(name, known.iter().map(String::as_str))
        .map_or_else(String::new, |best| format!("; did you mean `{best}`?"));
    format!("there is no {what} `{name}`{hint}\nhint: there are {}", known.join(", "))
}

/// Names of the features in the catalogue, such as `security/jwt`.
pub(crate) fn feature_names(root: &Path) -> Vec<String> {
    let base = root.join("features/catalogue");
    let mut names = Vec::new();
    for category in std::fs::read_dir(&base).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(category.path()).into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "feature")
                && let Some(stem) = path.file_stem()
            {
                names.push(format!(
                    "{}/{}",
                    category.file_name().to_string_lossy(),
                    stem.to_string_lossy()
                ));
            }
        }
    }
    names.sort();
    names
}

/// Diagnostics name files as people do: from the workspace down. Of a workspace that we are not in, that would be a file
/// of another one.
fn relative<'a>(root: &Path, path: &'a Path) -> &'a Path {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let is_here = here.is_ok_and(|here| root.canonicalize().is_ok_and(|root| root == here));
    if is_here { path.strip_prefix(root).unwrap_or(path) } else { path }
}
