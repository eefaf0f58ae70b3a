//! Loading: every problem in one run, at its place, within bounds.

use std::fmt::Write as _;
use std::path::Path;

use proofline_spec::diagnostic::{Diagnostic, Styles, render_all};
use proofline_spec::document::{Binding, Environment, Service};
use proofline_spec::load::{self, Loaded};

const HEAD: &str = "proofline: v1
service: {name: shop, version: 1.0.0, summary: A shop}
targets: [native]
";

fn service(text: &str) -> Loaded<Service> {
    load::load_bytes("service.yaml", text.as_bytes().to_vec())
}

/// `PL0101 4:3 message` for each diagnostic.
fn said(loaded: &[Diagnostic]) -> Vec<String> {
    loaded
        .iter()
        .map(|d| format!("{} {}:{} {}", d.code.id, d.primary.line, d.primary.column, d.message))
        .collect()
}

fn luna() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("services/luna/service.yaml")
}

#[test]
fn luna_loads_without_a_problem() {
    let loaded = load::load_service(&luna());
    assert_eq!(render_all(&loaded.diagnostics, &Styles::plain()), "");
    let service = loaded.document.unwrap();
    assert_eq!(service.service.name, "luna-rag-backend");
    assert!(service.routes.len() > 20);
}

#[test]
fn every_type_error_is_reported_in_one_run() {
    let text = format!(
        "{HEAD}roles: user
tires: [free]
limits:
  ip: {{by: client_ip, rate: 60}}
  user: {{by: principle, rate: 60/fortnight}}
bindings:
  DB: {{migrations: migrations, kind: sql, statment_timeout: 5s}}
  CACHE: {{kind: kv, breaker: {{failures: 5, reset: 30}}}}
  MAIL: {{kind: queue, queue: mail, consumer: send}}
  X: {{kind: sqll}}
routes:
  GTE /a:
    op: {{custom: a}}
  GET /b:
    summary: 12
    op: {{custom: b, health: {{required: []}}}}
  GET /c: {{auth: session, op: {{custom: c}}}}
"
    );
    let loaded = service(&text);
    assert_eq!(
        said(&loaded.diagnostics),
        [
            "PL0103 4:8 expected a list, found the text `user`",
            "PL0101 5:1 unknown key `tires`",
            "PL0104 7:29 `60` has no unit",
            "PL0105 8:14 unknown word `principle`",
            "PL0104 8:31 `fortnight` is not a window of time",
            "PL0101 10:43 unknown key `statment_timeout`",
            "PL0104 11:51 `30` has no unit",
            "PL0102 12:3 `MAIL` lacks the key `message`",
            "PL0105 13:13 unknown word `sqll`",
            "PL0104 15:3 `GTE` is not one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`",
            "PL0103 18:14 expected a text, found the number 12",
            "PL0104 19:9 expected exactly one of `health`, `query`, `transaction`, `login`, `search`, `enqueue`, `dead_letters`, `replay`, `upload`, `resume`, `download`, `asset`, `room`, `flags`, `switches`, `lti` and `custom`",
            "PL0104 20:18 `session` is neither `none` nor a list",
        ],
        "{}",
        render_all(&loaded.diagnostics, &Styles::plain())
    );
    let service = loaded.document.unwrap();
    assert!(matches!(service.bindings["DB"], Binding::Sql { .. }));
    assert!(loaded.source.is_broken(&["routes", "GET /b", "op"]));
    assert!(loaded.source.has(&["bindings", "X"]));
}

#[test]
fn kind_may_stand_anywhere_among_its_keys() {
    let text = format!(
        "{HEAD}bindings:
  U: {{timeout: 10, base_url: x, kind: upstream}}
  V: {{tmeout: 10s, base_url: x, kind: upstream}}
  W: {{breaker: {{failures: x, reset: 5}}, kind: kv}}
  X: {{breaker: {{failures: 1, rest: 5s}}, kind: kv}}
  Y: {{migrations: m, kind: sqlite}}
"
    );
    assert_eq!(
        said(&service(&text).diagnostics),
        [
            "PL0104 5:16 `10` has no unit",
            "PL0101 6:7 unknown key `tmeout`",
            "PL0103 7:27 expected a whole number that is not negative, found the text `x`",
            "PL0104 7:37 `5` has no unit",
            "PL0101 8:30 unknown key `rest`",
            "PL0105 9:28 unknown word `sqlite`",
        ]
    );
}

#[test]
fn missing_keys_of_the_root_do_not_hide_the_rest() {
    let loaded = service("routes: {GET /a: {op: {custom: a}}}\nlimit: {}\n");
    assert_eq!(
        said(&loaded.diagnostics),
        [
            "PL0102 1:1 the key `proofline` is missing",
            "PL0102 1:1 the key `service` is missing",
            "PL0102 1:1 the key `targets` is missing",
            "PL0101 2:1 unknown key `limit`",
        ]
    );
    assert_eq!(loaded.document.unwrap().routes.len(), 1);
}

#[test]
fn part_that_was_left_out_has_no_consequences() {
    let loaded = service(
        "proofline: v1\nservice: {name: 5, version: 1.0.0, summary: A shop}\ntargets: [native]\n",
    );
    assert_eq!(said(&loaded.diagnostics), ["PL0103 2:17 expected a text, found the number 5"]);
}

#[test]
fn duplicate_keys_are_reported_with_the_other_problems() {
    let loaded = service(&format!("{HEAD}tiers: [free]\ntiers: [pro]\nrolls: [user]\n"));
    assert_eq!(
        said(&loaded.diagnostics),
        ["PL0007 5:1 the key `tiers` is given twice", "PL0101 6:1 unknown key `rolls`"]
    );
    assert_eq!(loaded.document.unwrap().tiers, ["free"]);
}

#[test]
fn unreadable_texts_are_named_for_what_they_are() {
    let first = |bytes: &[u8]| {
        let loaded: Loaded<Service> = load::load_bytes("service.yaml", bytes.to_vec());
        assert!(loaded.document.is_none() || loaded.has_errors());
        let said = said(&loaded.diagnostics);
        said.iter().find(|text| text.starts_with("PL00")).cloned().unwrap_or_default()
    };
    assert_eq!(first(b""), "PL0005 1:1 the file is empty");
    assert_eq!(first(b"# nothing\n"), "PL0005 1:1 the file is empty");
    assert_eq!(first(b"a: caf\xe9"), "PL0002 1:7 the byte 0xe9 is not UTF-8");
    assert_eq!(first(b"- a"), "PL0012 1:1 the document is a list, not a mapping");
    assert_eq!(first(b"roles: [user"), "PL0006 1:8 the bracket `[` is not closed");
    assert_eq!(first(b"a:\n\tb: 1"), "PL0006 2:1 a tab stands where YAML wants spaces");
    assert_eq!(first(b"a: b: c"), "PL0006 1:5 a second `: ` stands in one value");
    assert_eq!(first(b"a: 'b\n"), "PL0006 1:4 a quote is not closed");
    assert_eq!(first(b"a: @b\n"), "PL0006 1:4 a value cannot begin with `@`");
    assert_eq!(first(b"a: *b\n"), "PL0006 1:4 an alias names nothing");
    let code = |rest: &str| said(&service(&format!("{HEAD}{rest}")).diagnostics).join("\n");
    assert_eq!(code("roles: !env [a]\n"), "PL0011 4:8 a tag means nothing in a spec");
    assert_eq!(code("? {a: b}\n: c\n"), "PL0010 4:3 a key must be text");
    assert_eq!(code("---\na: 1\n"), "PL0008 4:1 the file holds more than one document");
}

#[test]
fn broken_part_does_not_hide_problems_of_other_parts() {
    let text = format!(
        "{HEAD}roles: [user
tires: [free]
limits:
  ip: {{by: client_ip, rate: '60/min}}
  all: {{by: globl, rate: 10/s}}
routes:
  GET /a: {{op: {{custom: a}}
  GET /b:
    summary: List: all
    op: {{custom: b}}
  GET /c: {{opp: {{custom: c}}}}
"
    );
    let loaded = service(&text);
    assert_eq!(
        said(&loaded.diagnostics),
        [
            "PL0006 4:8 the bracket `[` is not closed",
            "PL0101 5:1 unknown key `tires`",
            "PL0006 7:29 a quote is not closed",
            "PL0105 8:13 unknown word `globl`",
            "PL0006 10:11 the bracket `{` is not closed",
            "PL0006 12:18 a second `: ` stands in one value",
            "PL0101 14:12 unknown key `opp`",
        ],
        "{}",
        render_all(&loaded.diagnostics, &Styles::plain())
    );
    assert!(loaded.source.has(&["limits", "ip"]), "it is there, though it cannot be read");
    assert!(loaded.source.is_broken(&["routes", "GET /b", "op"]));
}

#[test]
fn byte_order_mark_is_no_problem() {
    let loaded = service(&format!("\u{feff}{HEAD}"));
    assert_eq!(said(&loaded.diagnostics), Vec::<String>::new());
}

#[test]
fn bombs_are_refused_in_bounded_space() {
    let code = |text: String| {
        let loaded: Loaded<Service> = load::load_bytes("service.yaml", text.into_bytes());
        loaded.diagnostics[0].code.id
    };
    for open in ["[", "{", "- ", "? ", "a: [", "{a: "] {
        assert_eq!(code(open.repeat(10_000_000 / open.len())), "PL0003", "{open}");
        assert_eq!(code(open.repeat(4_000_000 / open.len())), "PL0004", "{open}");
    }
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..20 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        writeln!(laughs, "a{level}: &a{level} [{alias}]").unwrap();
    }
    assert_eq!(code(laughs), "PL0009");
    let mut deep = String::from("a0: &a0 [x]\n");
    for level in 1..50_000 {
        writeln!(deep, "a{level}: &a{level} [[[[*a{}]]]]", level - 1).unwrap();
    }
    assert_eq!(code(deep), "PL0004");
    let nested_anchors = "&n [".repeat(60);
    let wide = "x, ".repeat(400_000);
    assert_eq!(code(format!("a: {nested_anchors}{wide}{}", "]".repeat(60))), "PL0009");
}

#[test]
fn words_of_other_languages_get_an_answer_of_their_own() {
    let text = format!(
        "{HEAD}workers: {{compatibility_date: 2026-01-01, limits: {{memory_mb: 256}}}}
schemas: {{Pet: {{oneOf: []}}}}
"
    );
    assert_eq!(
        said(&service(&text).diagnostics),
        [
            "PL0902 4:52 `memory_mb` cannot be set on Workers",
            "PL0501 5:17 the keyword `oneOf` cannot be compiled",
        ]
    );
}

#[test]
fn included_files_are_joined_and_named_in_diagnostics() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(
            &mut std::fs::OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .open(&path)
                .unwrap(),
            text.as_bytes(),
        )
        .unwrap();
        path
    };
    write(
        "common/limits.yaml",
        "limits:\n  ip: {by: client_ip, rate: 60}\n  all: {by: global, rate: 10/s}\n",
    );
    write("common/loop.yaml", "include: [../shop/service.yaml]\n");
    let main = write(
        "shop/service.yaml",
        &format!(
            "{HEAD}include: [../common/limits.yaml, ../common/loop.yaml, nowhere.yaml]\nlimits:\n  all: {{by: global, rate: 20/s}}\n"
        ),
    );
    let loaded = load::load_service(&main);
    let said: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|d| {
            let file =
                Path::new(&*d.primary.file).file_name().unwrap().to_string_lossy().into_owned();
            format!("{} {file}:{}:{}", d.code.id, d.primary.line, d.primary.column)
        })
        .collect();
    assert_eq!(
        said,
        [
            "PL0104 limits.yaml:2:29",
            "PL0023 limits.yaml:3:3",
            "PL0022 loop.yaml:1:11",
            "PL0021 service.yaml:4:55",
        ]
    );
    assert_eq!(loaded.document.unwrap().limits["all"].rate.unwrap().count, 20);
}

#[test]
fn environment_loads() {
    let loaded: Loaded<Environment> = load::load_bytes(
        "local.yaml",
        b"proofline: v1\nenvironment: local\ntarget: native\nstart: {native: {}}\npermits: {writes: true}\n".to_vec(),
    );
    assert_eq!(said(&loaded.diagnostics), Vec::<String>::new());
    assert!(loaded.document.unwrap().permits.writes);
}

#[test]
fn places_inside_texts_of_several_lines_are_found() {
    let loaded = load::load_service(&luna());
    let path = ["queries", "user_by_id", "sql"];
    let sql = loaded.source.node(&path).unwrap().text().unwrap();
    let at = sql.find("from").unwrap();
    let place = loaded.source.locate_in_string(&path, at, "from".len());
    assert_eq!(&place.text[place.column - 1..place.column + 3], "from");
    assert_eq!(place.width, 4);
    let key = loaded.source.key_of(&["queries", "user_by_id"]);
    assert_eq!(place.line, key.line + 3);
}

#[test]
fn fixes_that_a_machine_may_make_are_edits_that_repair_the_text() {
    let text = "proofline: v1
service: {name: shop, version: 1.0, sumary: A shop}
targets: native
bindings: {DB: {kind: SQL, migrations: m}, Q: {kind: quue, queue: q, message: M, consumer: c}}
routes:
  GET /a: {op: {custom: a}, retruns: {204: none}}
  GET /b: {op: {custom: b}, returns: {204: none}, returnz: {}}
";
    let loaded = service(text);
    let mut edits: Vec<_> =
        loaded.diagnostics.iter().filter_map(|d| d.fix.as_ref()).flat_map(|f| &f.edits).collect();
    edits.sort_by_key(|edit| edit.span.start);
    let mut fixed = text.to_owned();
    for edit in edits.iter().rev() {
        fixed.replace_range(edit.span.clone(), &edit.text);
    }
    assert_eq!(
        said(&service(&fixed).diagnostics),
        ["PL0101 7:51 unknown key `returnz`"],
        "{fixed}"
    );
    let fix = &service(&fixed).diagnostics[0].fix.clone().unwrap();
    assert_eq!(fix.text, "remove it: `returns` is there already");
}
