//! The digest of everything that people wrote about a service: the spec, what it includes, its migrations.

use std::io;
use std::path::Path;

use super::{Loaded, discover};
use crate::document::{Binding, Service};
use crate::evidence::Digest;

/// The digest of a service's spec, of the files that it includes and of its migrations. It is the same
/// wherever the repository lies.
pub fn service_digest(loaded: &Loaded<Service>) -> io::Result<Digest> {
    let home = Path::new(loaded.source.path()).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for file in loaded.source.files() {
        parts.push((name(home, Path::new(&*file.path)), file.text.clone().into_bytes()));
    }
    let bindings = loaded.document.iter().flat_map(|service| service.bindings.values());
    for binding in bindings {
        let Binding::Sql { migrations, .. } = binding else { continue };
        for path in discover::entries(&home.join(migrations))? {
            if path.extension().is_some_and(|end| end == "sql") {
                let bytes = std::fs::read(&path)?;
                parts.push((name(home, &path), bytes));
            }
        }
    }
    Ok(Digest::of_parts(parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))))
}

/// What a file is called seen from the folder of all services.
fn name(home: &Path, path: &Path) -> String {
    let services = home.parent().unwrap_or(home);
    let below = path.strip_prefix(services).ok().or_else(|| path.file_name().map(Path::new));
    below.unwrap_or(path).to_string_lossy().replace('\\', "/")
}
