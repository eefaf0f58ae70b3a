//! Static files: kept for a year under an address that changes with them, and found from every other.

use super::support::Service;

const YEAR: &str = "public, max-age=31536000, immutable";

#[test]
fn a_static_file_is_kept_for_a_year_under_its_own_address() {
    let service = Service::start();
    let own = "/assets/0123456789abcdef/sample.js";
    let reply = service.ask("GET", own).send();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, b"console.log(1);\n");
    for (name, expected) in [
        ("cache-control", YEAR),
        ("content-type", "text/javascript; charset=utf-8"),
        ("etag", "\"0123456789abcdef\""),
        ("x-content-type-options", "nosniff"),
        ("content-length", "16"),
    ] {
        assert_eq!(reply.header(name), Some(expected), "{name}");
    }
    let head = service.ask("HEAD", own).send();
    assert_eq!((head.status, head.header("content-length")), (200, Some("16")));
    assert!(head.body.is_empty());
    let same = service.ask("GET", own).header("If-None-Match", "\"0123456789abcdef\"").send();
    assert_eq!((same.status, same.header("cache-control")), (304, Some(YEAR)));
    let part = service.ask("GET", own).header("Range", "bytes=0-3").send();
    assert_eq!((part.status, part.body.len()), (200, 16));
    let changed = service.ask("GET", own).header("If-Match", "\"another\"").send();
    assert_eq!(changed.status, 412);
}

#[test]
fn every_other_address_of_a_static_file_leads_to_it_for_a_few_minutes() {
    let service = Service::start();
    for other in ["latest", "0123456789abcdee"] {
        let reply = service.ask("GET", &format!("/assets/{other}/sample.js")).send();
        assert_eq!(reply.status, 302, "{other}");
        assert_eq!(reply.header("location"), Some("/assets/0123456789abcdef/sample.js"));
        assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
        assert!(reply.body.is_empty());
    }
    // What has the form of no version is no address of it at all.
    let reply = service.ask("GET", "/assets/x/sample.js").send();
    assert!((400..500).contains(&reply.status), "{}", reply.status);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}
