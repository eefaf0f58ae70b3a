//! How long loading and checking takes for services of 10, 1,000 and 10,000 routes: `cargo run --example scale`.

#![expect(clippy::print_stdout, reason = "an example is read on the terminal")]

use std::fmt::Write as _;
use std::time::Instant;

use proofline_spec::check::check_service;
use proofline_spec::document::Service;
use proofline_spec::load::{Loaded, load_bytes};

fn main() {
    println!("routes    load     check    per route");
    for routes in [10_u32, 1_000, 10_000] {
        let text = service(routes);
        let start = Instant::now();
        let loaded: Loaded<Service> = load_bytes("service.yaml", text.into_bytes());
        let load = start.elapsed();
        let found = loaded.diagnostics.len() + check_service(&loaded, None).len();
        let all = start.elapsed();
        println!(
            "{routes:>6} {:>5} ms {:>6} ms {:>9.1?}  {found} problems",
            load.as_millis(),
            all.saturating_sub(load).as_millis(),
            all / routes,
        );
    }
}

/// A service with so many routes; ten share a schema and a query.
fn service(routes: u32) -> String {
    let mut text = "proofline: v1\nservice: {name: large, version: 1.0.0, summary: Many routes}\n\
        targets: [native]\nbindings:\n  DB: {kind: sql, migrations: migrations}\n\
        limits:\n  ip: {by: client_ip, rate: 60/min}\ndefaults: {limits: [ip]}\nproblems:\n\
        \x20 gone: {status: 404, title: It is gone}\nschemas:\n"
        .to_owned();
    let shared = routes.div_ceil(10);
    for n in 0..shared {
        let _ = writeln!(
            text,
            "  Item{n}: {{type: object, required: [id], properties: {{id: {{type: string}}}}}}"
        );
    }
    text.push_str("queries:\n");
    for n in 0..shared {
        let _ = writeln!(
            text,
            "  item_{n}:\n    sql: select id from items where id = :id\n    returns: Item{n}\n    \
             expect: one\n    otherwise: gone"
        );
    }
    text.push_str("routes:\n");
    for n in 0..routes {
        let of = n / 10;
        let _ = writeln!(
            text,
            "  POST /items-{n}:\n    auth: none\n    body: Item{of}\n    \
             op: {{query: {{run: item_{of}, with: {{id: body.id}}}}}}\n    \
             returns: {{200: Item{of}, 404: {{problem: gone}}}}"
        );
    }
    text
}
