//! The files that are written once: a service can be built for the targets that it has.

use crate::support::from_text;

const SPEC: &str = "\
proofline: v1
service: {name: small-shop, version: 1.0.0, summary: Sells OpenAPI documents}
targets: [TARGETS]
workers: {compatibility_date: 2026-01-01}
schemas:
  Hello: {type: object, description: Said to a user_id, properties: {text: {type: string}}}
routes:
  GET /hello:
    summary: Greets like OpenAPI says
    auth: none
    limits: {none: nobody minds}
    op: {custom: hello}
    returns: {200: Hello}
";

fn file(targets: &str, name: &str) -> String {
    let tree = from_text(&SPEC.replace("TARGETS", targets), "").tree();
    let path = format!("runtime/services/fixture/{name}");
    tree.get(&path).unwrap().content.clone()
}

#[test]
fn service_for_workers_can_be_built_as_a_process_and_as_a_worker() {
    let manifest = file("native, workers", "Cargo.toml");
    for line in [
        "default = [\"native\"]",
        "native = [\"proofline-runtime/native\"]",
        "workers = [\"proofline-runtime/workers\"]",
        "required-features = [\"native\"]",
        "proofline-runtime.workspace = true",
    ] {
        assert!(manifest.lines().any(|known| known == line), "{line}\n{manifest}");
    }
    assert!(
        file("native, workers", "src/lib.rs").contains(
            "#[cfg(feature = \"workers\")]\nproofline_runtime::workers!(Generated(App));"
        )
    );
}

#[test]
fn service_without_workers_says_nothing_of_them() {
    for name in ["Cargo.toml", "src/lib.rs"] {
        let text = file("native", name);
        assert!(!text.to_lowercase().contains("workers"), "{text}");
    }
}

#[test]
fn names_of_code_in_descriptions_are_marked() {
    assert!(file("native", "src/lib.rs").starts_with("//! Sells `OpenAPI` documents.\n"));
    assert!(file("native", "src/generated/types.rs").contains("/// Said to a `user_id`"));
    assert!(file("native", "src/generated/handlers.rs").contains("Greets like `OpenAPI` says"));
}
