//! Checks never panic, whatever a document says, and find the same each time.

use std::fmt::Write as _;
use std::path::Path;

use proofline_spec::check::check_service;
use proofline_spec::document::Service;
use proofline_spec::load::{Loaded, load_bytes};
use proptest::prelude::*;

fn luna() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("services/luna/service.yaml");
    std::fs::read_to_string(path).unwrap_or_default()
}

fn load(text: &str) -> Loaded<Service> {
    load_bytes("service.yaml", text.as_bytes().to_vec())
}

/// Every word of a text with its byte range.
fn words(text: &str) -> Vec<(usize, usize)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (start, is_word(c)) {
            (None, true) => start = Some(at),
            (Some(begin), false) => {
                words.push((begin, at));
                start = None;
            }
            _ => {}
        }
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn words_that_are_swapped_or_replaced_never_stop_a_check(
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        new in prop::option::of("[a-z0-9{}:. é\"*-]{0,8}"),
    ) {
        let mut text = luna();
        for (one, two) in swaps {
            let words = words(&text);
            let (from, to) = words[one.index(words.len())];
            let (start, end) = words[two.index(words.len())];
            let put = new.clone().unwrap_or_else(|| text[start..end].to_owned());
            text.replace_range(from..to, &put);
        }
        let loaded = load(&text);
        let found = check_service(&loaded, None);
        prop_assert_eq!(found, check_service(&loaded, None));
    }

    #[test]
    fn lines_that_are_lost_never_stop_a_check(lost in prop::collection::vec(any::<prop::sample::Index>(), 1..8)) {
        let text = luna();
        let mut lines: Vec<&str> = text.lines().collect();
        for index in lost {
            lines.remove(index.index(lines.len()));
        }
        let loaded = load(&lines.join("\n"));
        check_service(&loaded, Some(&[]));
    }
}

/// A service with so many routes, each with a query, a schema and a problem of its own.
fn large(routes: usize) -> String {
    let mut text = "proofline: v1\nservice: {name: large, version: 1.0.0, summary: Many routes}\n\
        targets: [native]\nbindings:\n  DB: {kind: sql, migrations: migrations}\n\
        limits:\n  ip: {by: client_ip, rate: 60/min}\ndefaults: {limits: [ip]}\nproblems:\n"
        .to_owned();
    let mut section = |title: &str, line: &dyn Fn(usize) -> String| {
        let _ = writeln!(text, "{title}");
        (0..routes).for_each(|n| text.push_str(&line(n)));
    };
    section("", &|n| format!("  gone-{n}: {{status: 404, title: It is gone}}\n"));
    section("schemas:", &|n| {
        format!(
            "  Item{n}: {{type: object, required: [id], properties: {{id: {{type: string}}}}}}\n"
        )
    });
    section("queries:", &|n| {
        format!(
            "  item_{n}: {{sql: \"select id from items where id = :id\", returns: Item{n}, expect: one, otherwise: gone-{n}}}\n"
        )
    });
    section("routes:", &|n| {
        format!(
            "  POST /items-{n}:\n    auth: none\n    body: Item{n}\n    op: {{query: {{run: item_{n}, with: {{id: body.id}}}}}}\n    \
             returns: {{200: Item{n}, 404: {{problem: gone-{n}}}}}\n"
        )
    });
    text
}

#[test]
fn a_thousand_routes_are_right_and_one_wrong_name_among_them_is_found() {
    let text = large(1000);
    let loaded = load(&text);
    assert!(loaded.diagnostics.is_empty());
    assert_eq!(check_service(&loaded, None), []);
    let wrong = load(&text.replace("run: item_500,", "run: item_5oo,"));
    let found = check_service(&wrong, None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].message, "there is no query `item_5oo`");
}
