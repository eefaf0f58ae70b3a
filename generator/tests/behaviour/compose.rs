//! `deploy/compose.yaml`: which stores a service is started with, and what it is told of them.

use serde_json::Value;

use crate::support::{Loaded, from_text, shipped};

const SHOP: &str = r"
proofline: v1
service: {name: shop, version: 1.2.0, summary: Sells things}
targets: [container]
bindings:
  DB: {kind: sql, migrations: migrations, pool: {size: 7}}
  PICTURES: {kind: blob, bucket: shop-pictures}
  INVOICES: {kind: blob, bucket: shop-invoices}
";

fn file(loaded: &Loaded, name: &str) -> String {
    let tree = loaded.tree();
    let path = format!("runtime/services/{}/deploy/{name}", loaded.folder);
    let (_, file) = tree.files().find(|(found, _)| **found == path).expect(name);
    file.content.clone()
}

fn compose(loaded: &Loaded) -> Value {
    serde_saphyr::from_str(&file(loaded, "compose.yaml")).expect("YAML")
}

#[test]
fn files_are_in_a_bucket_of_a_store_that_is_healthy_before_the_service_starts() {
    let loaded = from_text(SHOP, "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT;");
    let compose = compose(&loaded);
    let (app, objects) = (&compose["services"]["app"], &compose["services"]["objects"]);
    let url = app["environment"]["STORAGE_URL"].as_str().expect("a URL");
    assert!(url.starts_with("s3://shop-pictures?endpoint=http://objects:7070&"), "{url}");
    assert!(url.contains("create=true"), "nobody else makes the bucket: {url}");
    assert_eq!(app["depends_on"]["objects"]["condition"], "service_healthy");
    let key = &app["environment"]["AWS_SECRET_ACCESS_KEY"];
    assert_eq!(key, &objects["environment"]["ROOT_SECRET_KEY"]);
    assert_eq!(key, "${OBJECTS_PASSWORD:?set OBJECTS_PASSWORD in .env}");
    assert_eq!(app["environment"]["AWS_ACCESS_KEY_ID"], objects["environment"]["ROOT_ACCESS_KEY"]);
    assert_eq!(
        app["environment"]["DB_POOL"], "${DB_POOL:-7}",
        "as the spec says, or whoever starts it"
    );
    assert_eq!(objects["volumes"], serde_json::json!(["objects:/data"]));
    assert!(compose["volumes"].get("objects").is_some());
    assert!(objects.get("ports").is_none(), "only the service reaches it");
    assert!(file(&loaded, ".env.example").contains("\nOBJECTS_PASSWORD=\n"));
}

#[test]
fn without_files_there_is_no_store_for_them() {
    let luna = compose(&shipped("luna"));
    assert!(luna["services"].get("objects").is_none());
    assert!(luna["services"]["app"]["environment"].get("STORAGE_URL").is_none());
}
