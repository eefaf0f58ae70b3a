//! Loads a service the way the command line does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proofline_generator::sql::{self, Finding, Migration, Prepared};
use proofline_generator::tree::Tree;
use proofline_generator::{Input, generate};
use proofline_spec::document::{Environment, Service};
use proofline_spec::evidence::Digest;
use proofline_spec::load::{self, SourceMap};

/// A service that was loaded.
pub(crate) struct Loaded {
    pub(crate) folder: String,
    pub(crate) service: Service,
    pub(crate) source: SourceMap,
    pub(crate) migrations: BTreeMap<String, Vec<Migration>>,
    pub(crate) prepared: BTreeMap<String, Prepared>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) environments: Vec<Environment>,
    pub(crate) digest: Digest,
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// A service of this repository, with its environments.
pub(crate) fn shipped(folder: &str) -> Loaded {
    let path = root().join("spec/services").join(folder).join("service.yaml");
    let mut loaded = from_file(&path, folder);
    for path in load::find_environments(&root()).expect("environments can be read") {
        let environment = load::load_environment(&path);
        loaded.environments.extend(environment.document);
    }
    loaded
}

/// A service in a file.
pub(crate) fn from_file(path: &Path, folder: &str) -> Loaded {
    let loaded = load::load_service(path);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let digest = load::service_digest(&loaded).expect("a digest");
    let service = loaded.document.expect("a service");
    let base = path.parent().expect("a folder");
    let migrations = sql::read_migrations(&service, base).expect("migrations");
    let (prepared, findings) = sql::prepare(&service, &migrations);
    Loaded {
        folder: folder.to_owned(),
        service,
        source: loaded.source,
        migrations,
        prepared,
        findings,
        environments: Vec::new(),
        digest,
    }
}

/// A service in a text, with one migration.
pub(crate) fn from_text(spec: &str, migration: &str) -> Loaded {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: PathBuf, text: &str| {
        proofline_generator::tree::write_atomically(&path, text.as_bytes()).expect("written");
    };
    write(folder.path().join("migrations/0001_all.sql"), migration);
    write(folder.path().join("service.yaml"), spec);
    from_file(&folder.path().join("service.yaml"), "fixture")
}

impl Loaded {
    /// Everything that is generated.
    pub(crate) fn tree(&self) -> Tree {
        generate(&Input {
            folder: &self.folder,
            service: &self.service,
            migrations: &self.migrations,
            prepared: &self.prepared,
            environments: &self.environments,
            digest: self.digest,
        })
        .expect("the generator accepts what the checks accept")
    }
}
