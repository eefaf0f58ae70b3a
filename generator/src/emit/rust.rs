//! `src/generated/`: the service's Rust code, one module for each view, formatted.

use serde::Serialize;
use tera::{Context, Tera};

use super::scaffold;
use crate::tree::{Owner, Tree};
use crate::view::names;
use crate::view::service::literals::text;
use crate::view::service::{definition, handlers, operations, routes, schemas, statements, types};
use crate::{Input, emit, sql};

/// Every template, by the name of its file.
const TEMPLATES: &[(&str, &str)] = &[
    ("assets.rs", include_str!("../../templates/service/assets.rs.tera")),
    ("definition.rs", include_str!("../../templates/service/definition.rs.tera")),
    ("handlers.rs", include_str!("../../templates/service/handlers.rs.tera")),
    ("operations.rs", include_str!("../../templates/service/operations.rs.tera")),
    ("routes.rs", include_str!("../../templates/service/routes.rs.tera")),
    ("scaffold_handlers.rs", include_str!("../../templates/service/scaffold_handlers.rs.tera")),
    ("schemas.rs", include_str!("../../templates/service/schemas.rs.tera")),
    ("statements.rs", include_str!("../../templates/service/statements.rs.tera")),
    ("types.rs", include_str!("../../templates/service/types.rs.tera")),
];

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let service = input.service;
    let writer = Writer::new(input)?;
    let handlers = handlers::handlers(service);
    let operations = operations::operations(service);
    let statements = statements::statements(input);
    let mut modules = vec![
        (
            "definition",
            "Configuration, bindings, authentication, limits, headers, problems and schedules.",
            writer.render("definition.rs", &definition::definition(input))?,
        ),
        (
            "handlers",
            "What people write: custom operations, queue consumers and tasks; and how calls reach it all.",
            writer.render("handlers.rs", &handlers)?,
        ),
        ("routes", "The routes.", writer.render("routes.rs", &routes::routes(service))?),
    ];
    if !operations.operations.is_empty() {
        let text = writer.render("operations.rs", &operations)?;
        modules.push((
            "operations",
            "What each declared route does. Custom operations are in `handlers`.",
            text,
        ));
    }
    if !service.schemas.is_empty() {
        let text = writer.render("schemas.rs", &schemas::schemas(service))?;
        modules.push(("schemas", "Schemas of requests, answers and messages.", text));
        let view = types::types(service);
        let text = writer.render("types.rs", &view)?;
        let text = format!("{}\n{text}", types_imports(&text));
        modules.push(("types", "Types of requests, answers and messages.", text));
    }
    if !statements.statements.is_empty() {
        let text = writer.render("statements.rs", &statements)?;
        modules.push((
            "statements",
            "SQL statements, checked against the migrations when they were generated.",
            text,
        ));
    }
    let folder = format!("{}/src/generated", input.crate_folder());
    if let Some(text) = assets(input, &writer, &folder, tree)? {
        modules.push(("assets", "Static files.", text));
    }
    modules.sort_unstable();
    let mut index = String::new();
    for (name, job, text) in &modules {
        index.push_str(&format!("pub mod {name};\n"));
        tree.add(format!("{folder}/{name}.rs"), Owner::Generator, writer.file(job, text)?);
    }
    index.push_str("pub use handlers::{Generated, Handlers};\n");
    tree.add(
        format!("{folder}/mod.rs"),
        Owner::Generator,
        writer.file("The generated part of the service.", &index)?,
    );
    migrations(input, &folder, tree);
    let hand_written = format(&writer.render("scaffold_handlers.rs", &handlers)?)?;
    scaffold::add(input, hand_written, tree);
    Ok(())
}

/// The migrations as Postgres wants them, beside the code that holds them.
fn migrations(input: &Input<'_>, folder: &str, tree: &mut Tree) {
    if !sql::postgres::is_wanted(input.service) {
        return;
    }
    for (binding, files) in input.migrations {
        for sql::Migration { file, sql } in sql::postgres::migrations(binding, files) {
            let text = format!("-- {}\n\n{sql}", emit::banner(input));
            let path = format!("{folder}/migrations/{}/{file}", names::snake(binding));
            tree.add(path, Owner::Generator, text);
        }
    }
}

/// The static files, beside the module that holds them.
fn assets(
    input: &Input<'_>,
    writer: &Writer,
    folder: &str,
    tree: &mut Tree,
) -> Result<Option<String>, emit::BoxError> {
    let made = emit::assets::made(input)?;
    if made.is_empty() {
        return Ok(None);
    }
    let view = |made: &emit::assets::Made<'_>| AssetView {
        name: made.name.clone(),
        file: made.file.clone(),
        parameter: text(made.parameter),
        digest: text(&made.digest()),
        media_type: text(made.media_type),
        source: text(&format!("assets/{}", made.file)),
    };
    let assets = AssetsView { assets: made.iter().map(view).collect() };
    for file in made {
        tree.add(format!("{folder}/assets/{}", file.file), Owner::Generator, file.content);
    }
    writer.render("assets.rs", &assets).map(Some)
}

/// Everything that the module `assets` holds.
#[derive(Serialize)]
struct AssetsView {
    assets: Vec<AssetView>,
}

/// A static file, its texts as Rust writes them.
#[derive(Serialize)]
struct AssetView {
    name: String,
    file: String,
    parameter: String,
    digest: String,
    media_type: String,
    source: String,
}

/// What the module `types` imports, as far as it needs it.
fn types_imports(text: &str) -> String {
    let mut imports = String::new();
    if text.contains("derive(Debug, Clone, PartialEq, Serialize") {
        imports.push_str("use proofline_runtime::serde::{Deserialize, Serialize};\n");
    }
    let has_json = text.contains(": Json") || text.contains("<Json>") || text.contains("= Json;");
    match (has_json, text.contains("text_enum!")) {
        (true, true) => imports.push_str("use proofline_runtime::{Json, text_enum};\n"),
        (true, false) => imports.push_str("use proofline_runtime::Json;\n"),
        (false, true) => imports.push_str("use proofline_runtime::text_enum;\n"),
        (false, false) => {}
    }
    imports
}

struct Writer {
    tera: Tera,
    banner: String,
}

impl Writer {
    fn new(input: &Input<'_>) -> Result<Self, emit::BoxError> {
        let mut tera = Tera::new();
        tera.add_raw_templates(TEMPLATES.iter().copied())?;
        Ok(Self { tera, banner: emit::banner(input) })
    }

    fn render(&self, template: &str, view: &impl Serialize) -> Result<String, emit::BoxError> {
        Ok(self.tera.render(template, &Context::from_serialize(view)?)?)
    }

    /// The text of a module with its header, formatted.
    fn file(&self, job: &str, text: &str) -> Result<String, emit::BoxError> {
        format(&format!("//! {}\n//!\n//! {job}\n\n{text}", self.banner))
    }
}

/// Formats Rust: a blank line between items, uses together. Macro calls stand between marks and stay as they are.
fn format(text: &str) -> Result<String, emit::BoxError> {
    let mut parts = Vec::new();
    for part in text.split("//@formatted\n") {
        let (plain, macros) = part.split_once("//@as-it-is\n").unwrap_or((part, ""));
        parts.extend(items(plain)?);
        if !macros.is_empty() {
            parts.push(format!("{}\n", macros.trim_end()));
        }
    }
    Ok(parts.join("\n"))
}

/// The items of a piece of Rust, each formatted; uses and module declarations of a kind in one.
fn items(text: &str) -> Result<Vec<String>, emit::BoxError> {
    let file = syn::parse_file(text)
        .map_err(|error| format!("generated code does not parse: {error}\n{text}"))?;
    let mut items: Vec<(u8, String)> = Vec::new();
    if !file.attrs.is_empty() {
        items.push((0, unparse(file.attrs, Vec::new())));
    }
    for item in file.items {
        let kind = match &item {
            syn::Item::Use(uses) if is_ours(uses) => 1,
            syn::Item::Use(_) => 2,
            syn::Item::Mod(_) => 3,
            _ => 4,
        };
        let text = unparse(Vec::new(), vec![item]);
        match items.last_mut() {
            Some((last, before)) if *last == kind && kind < 4 => before.push_str(&text),
            _ => items.push((kind, text)),
        }
    }
    Ok(items.into_iter().map(|(_, text)| text).collect())
}

/// Whether a `use` names this crate.
fn is_ours(item: &syn::ItemUse) -> bool {
    matches!(&item.tree, syn::UseTree::Path(path) if path.ident == "super" || path.ident == "crate")
}

fn unparse(attrs: Vec<syn::Attribute>, items: Vec<syn::Item>) -> String {
    prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs, items })
}
