//! How long generating takes for 10, 1,000 and 10,000 routes: `cargo run --release -p proofline-generator --example generate_bench`.
//!
//! Loads, checks, prepares the SQL and generates, formatting included, from a spec that is made up here. Prints the
//! median of several rounds, and the time per route, which stays about the same when the time grows linearly.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proofline_generator::sql::{self, Migration};
use proofline_generator::{Input, generate};
use proofline_spec::evidence::Digest;
use proofline_spec::load;

const MIGRATION: &str =
    "create table items (id text primary key, name text not null, size integer not null);";

fn spec(routes: usize) -> String {
    let mut text = String::from(
        "proofline: v1\nservice: {name: bench, version: 1.0.0, summary: A benchmark}\ntargets: [native]\n\
         bindings: {DB: {kind: sql, migrations: migrations}}\nlimits: {ip: {by: client_ip, rate: 60/min}}\n\
         defaults: {limits: [ip]}\nproblems: {gone: {status: 404, title: There is no such item}}\nschemas:\n  Id: {type: string, format: uuid}\n",
    );
    // Ten routes share what they speak of, as in a real service; the largest spec stays below the loader's limit.
    for n in 0..routes.div_ceil(10) {
        let _ = write!(
            text,
            "  Item{n}:\n    type: object\n    required: [id, name, size]\n    properties:\n      id: {{$ref: \"#/schemas/Id\"}}\n      name: {{type: string, minLength: 1, maxLength: 100}}\n      size: {{type: integer, minimum: 0}}\n  NewItem{n}:\n    type: object\n    required: [name, size]\n    properties:\n      name: {{type: string, minLength: 1, maxLength: 100}}\n      size: {{type: integer, minimum: 0}}\n"
        );
    }
    text.push_str("queries:\n  insert: {sql: \"insert into items (id, name, size) values (:id, :name, :size)\", params: {size: integer}, expect: changed}\n");
    for n in 0..routes.div_ceil(10) {
        let _ = writeln!(
            text,
            "  select_{n}: {{sql: \"select id, name, size from items where id = :id\", returns: Item{n}, expect: one, otherwise: gone}}"
        );
    }
    text.push_str("routes:\n");
    for route in 0..routes {
        let n = route / 10;
        let _ = if route % 2 == 0 {
            write!(
                text,
                "  GET /items{route}/{{id}}:\n    auth: none\n    path: {{id: Id}}\n    op: {{query: {{run: select_{n}, with: {{id: path.id}}}}}}\n    returns: {{200: Item{n}, 404: {{problem: gone}}}}\n"
            )
        } else {
            write!(
                text,
                "  POST /items{route}:\n    auth: none\n    body: NewItem{n}\n    op:\n      transaction:\n        let: {{id: new.id}}\n        steps:\n          - {{query: insert, with: {{id: let.id, name: body.name, size: body.size}}}}\n          - {{query: select_{n}, with: {{id: let.id}}}}\n    returns: {{201: Item{n}, 404: {{problem: gone}}}}\n"
            )
        };
    }
    text
}

fn main() {
    let mut report =
        String::from("routes   load     check    sql      generate  total    per route\n");
    for routes in [10, 1000, 10_000] {
        let text = spec(routes);
        let rounds = if routes > 1000 { 3 } else { 7 };
        let mut times: Vec<[Duration; 4]> = (0..rounds).map(|_| round(&text)).collect();
        times.sort_by_key(|parts| parts.iter().sum::<Duration>());
        let middle = times[times.len() / 2];
        let total: Duration = middle.iter().sum();
        let _ = writeln!(
            report,
            "{routes:<8} {:<8} {:<8} {:<8} {:<9} {:<8} {:.1} µs",
            millis(middle[0]),
            millis(middle[1]),
            millis(middle[2]),
            millis(middle[3]),
            millis(total),
            total.as_secs_f64() * 1e6 / f64::from(u32::try_from(routes).unwrap_or(u32::MAX))
        );
    }
    let _ = std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes());
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// Loading, checking, preparing, generating.
fn round(text: &str) -> [Duration; 4] {
    let begun = Instant::now();
    let loaded = load::load_bytes("spec/services/bench/service.yaml", text.as_bytes().to_vec());
    let load = begun.elapsed();
    let begun = Instant::now();
    let found = proofline_spec::check::check_service(&loaded, None);
    let check = begun.elapsed();
    let wrong: Vec<_> = loaded.diagnostics.iter().chain(&found).collect();
    assert!(wrong.is_empty(), "the made-up spec is wrong: {:?}", wrong.first());
    let Some(service) = loaded.document else { return [Duration::ZERO; 4] };
    let service: proofline_spec::document::Service = service;
    let begun = Instant::now();
    let migrations = [(
        "DB".to_owned(),
        vec![Migration { file: "0001_items.sql".into(), sql: MIGRATION.into() }],
    )]
    .into();
    let (prepared, findings) = sql::prepare(&service, &migrations);
    let sql = begun.elapsed();
    assert!(findings.is_empty(), "{findings:?}");
    let begun = Instant::now();
    let tree = generate(&Input {
        folder: "bench",
        service: &service,
        migrations: &migrations,
        prepared: &prepared,
        environments: &[],
        digest: Digest::of(text.as_bytes()),
    });
    let generate = begun.elapsed();
    assert!(tree.is_ok(), "{tree:?}");
    [load, check, sql, generate]
}
