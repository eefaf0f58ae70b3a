//! Properties of the validator, the limiter and the CORS matcher, against independent oracles.

use std::time::Duration;

use proofline_runtime::definition::{Forwarding, Http, Rate};
use proofline_runtime::policy::address;
use proofline_runtime::policy::body::json::parse;
use proofline_runtime::policy::cors;
use proofline_runtime::policy::limit::window::Window;
use proofline_runtime::policy::target::decode_path;
use proofline_runtime::policy::validate::check;
use proofline_runtime::schema::{Constant, Pattern, Place, Property, Range, Schema};
use proofline_runtime::search_terms;
use proptest::prelude::*;
use serde_json::{Value, json};

/// No files of past failures: a failure prints what is needed to repeat it.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

static LANGUAGE: Pattern = Pattern::new("^[a-z]{2}(-[A-Z]{2})?$");
static TAG: Schema = Schema::text().length(1, 3);
static NOTE: Schema = Schema::object(&[
    Property::required("a", Schema::text().length(2, 4)),
    Property::optional("b/c~d", Schema::integer().min(-2).max(5)),
    Property::optional("tags", Schema::array(&TAG).items(1, 3).unique()),
    Property::optional("kind", Schema::one_of(&["x", "yy"]).nullable()),
    Property::optional("lang", Schema::text().pattern(&LANGUAGE)),
    Property::optional("on", Schema::boolean()),
    Property::optional(
        "ratio",
        Schema::number().numbers(Range {
            multiple_of: Some(0.5),
            exclusive_minimum: Some(0.0),
            ..Range::ANY
        }),
    ),
    Property::optional("one", Schema::constant(Constant::Integer(1))),
    Property::optional(
        "inner",
        Schema::object(&[Property::required("a", Schema::any())]).open().properties(1, 2),
    ),
]);

fn same_schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["a"],
        "properties": {
            "a": {"type": "string", "minLength": 2, "maxLength": 4},
            "b/c~d": {"type": "integer", "minimum": -2, "maximum": 5},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 3},
                     "minItems": 1, "maxItems": 3, "uniqueItems": true},
            "kind": {"enum": ["x", "yy", null]},
            "lang": {"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$"},
            "on": {"type": "boolean"},
            "ratio": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
            "one": {"const": 1},
            "inner": {"type": "object", "required": ["a"], "minProperties": 1, "maxProperties": 2},
        },
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-4_i64..8).prop_map(Value::from),
        (-8_i32..16).prop_map(|half| Value::from(f64::from(half) / 4.0)),
        "[a-zé]{0,5}".prop_map(Value::from),
        prop_oneof!["x", "yy", "en", "en-GB", "EN"].prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        5 => prop::sample::select(vec!["a", "b/c~d", "tags", "kind", "lang", "on", "ratio", "one", "inner"])
            .prop_map(str::to_owned),
        1 => "[a-z/~]{1,3}",
    ];
    scalar().prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn validator_agrees_with_an_independent_one(
        mut document in prop_oneof![3 => document(), 1 => value()]
    ) {
        let oracle = jsonschema::validator_for(&same_schema()).unwrap();
        let expected = oracle.is_valid(&document);
        let original = document.clone();
        let violations = check(&NOTE, &mut document, Place::Body);
        prop_assert_eq!(violations.is_empty(), expected, "{}: {:?}", original, violations);
    }

    #[test]
    fn pointer_of_a_violation_leads_there(mut document in prop_oneof![document(), value()]) {
        let original = document.clone();
        for violation in check(&NOTE, &mut document, Place::Body) {
            let found = original.pointer(&violation.pointer);
            let parent = violation.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            if violation.code == "required" {
                prop_assert!(found.is_none() && original.pointer(parent).is_some(), "{:?}", violation);
            } else {
                prop_assert!(found.is_some(), "{}: {:?}", original, violation);
            }
        }
    }

    #[test]
    fn unknown_member_is_always_named(name in "[m-z]{3,6}", mut document in value()) {
        if let Value::Object(members) = &mut document {
            members.insert(name.clone(), json!(1));
            let violations = check(&NOTE, &mut document, Place::Body);
            let pointer = format!("/{name}");
            prop_assert!(violations.iter().any(|violation| violation.pointer == pointer));
        }
    }
}

/// Objects that are valid about half of the time.
fn document() -> impl Strategy<Value = Value> {
    let mostly = |good: Vec<Value>| {
        prop_oneof![20 => prop::sample::select(good), 1 => scalar()].prop_map(Some)
    };
    let maybe = move |good: Vec<Value>| prop_oneof![Just(None), mostly(good)];
    let members = (
        mostly(vec![json!("ab"), json!("éé"), json!("abcd")]),
        maybe(vec![json!(-2), json!(5), json!(5.0), json!(0)]),
        maybe(vec![json!(["a"]), json!(["a", "b"]), json!(["a", "b", "abc"])]),
        maybe(vec![json!("x"), json!("yy"), json!(null)]),
        maybe(vec![json!("en"), json!("en-GB")]),
        maybe(vec![json!(true), json!(false)]),
        maybe(vec![json!(0.5), json!(2), json!(1.5)]),
        maybe(vec![json!(1), json!(1.0)]),
        maybe(vec![json!({"a": null}), json!({"a": [1], "z": {}})]),
        prop_oneof![9 => Just(None), 1 => value().prop_map(Some)],
    );
    members.prop_map(|(a, b, tags, kind, lang, on, ratio, one, inner, more)| {
        let names = ["a", "b/c~d", "tags", "kind", "lang", "on", "ratio", "one", "inner", "more"];
        let values = [a, b, tags, kind, lang, on, ratio, one, inner, more];
        let given = names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
        given.map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

/// Requests of one key: pauses in milliseconds.
fn pauses() -> impl Strategy<Value = Vec<u64>> {
    let pause = prop_oneof![5 => 0..50_u64, 2 => 50..3000_u64, 1 => 3000..30_000_u64];
    prop::collection::vec(pause, 1..200)
}

fn rate() -> impl Strategy<Value = Rate> {
    (1..40_u32, 1..20_u64).prop_map(|(requests, seconds)| Rate::new(requests, seconds))
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn quiet_key_gets_exactly_its_quota(rate in rate(), start in 0..1_000_000_u64) {
        let start = Duration::from_millis(start);
        let mut window = Window::new(start);
        let last = start + rate.window.saturating_sub(Duration::from_millis(1));
        for request in 1..=rate.requests {
            let now = if request == rate.requests { last } else { start };
            let decision = window.take(rate, now);
            prop_assert!(decision.allowed);
            prop_assert_eq!(decision.remaining, rate.requests - request);
        }
        prop_assert!(!window.take(rate, last).allowed, "one more inside the window");
    }

    #[test]
    fn requests_counted_together_count_as_one_after_the_other(
        rate in rate(), pauses in pauses(), requests in 1..60_u32,
    ) {
        let mut now = Duration::ZERO;
        let (mut together, mut apart) = (Window::new(now), Window::new(now));
        for pause in pauses {
            now += Duration::from_millis(pause);
            let decision = together.take_all(rate, now, requests);
            let mut last = apart.take(rate, now);
            for _ in 1..requests {
                if last.allowed {
                    last = apart.take(rate, now);
                }
            }
            prop_assert_eq!(decision, last);
            prop_assert_eq!(together.parts(), apart.parts());
        }
    }

    #[test]
    fn what_is_said_to_remain_does_remain(rate in rate(), pauses in pauses()) {
        let mut now = Duration::ZERO;
        let mut window = Window::new(now);
        for pause in pauses {
            now += Duration::from_millis(pause);
            let decision = window.take(rate, now);
            let mut copy = window;
            for _ in 0..decision.remaining {
                prop_assert!(copy.take(rate, now).allowed);
            }
            prop_assert!(!copy.take(rate, now).allowed, "and no more than that");
        }
    }

    #[test]
    fn who_waits_as_told_is_let_through(rate in rate(), pauses in pauses()) {
        let mut now = Duration::ZERO;
        let mut window = Window::new(now);
        for pause in pauses {
            now += Duration::from_millis(pause);
            let decision = window.take(rate, now);
            if !decision.allowed {
                prop_assert!(decision.retry_after > Duration::ZERO);
                let mut copy = window;
                prop_assert!(copy.take(rate, now + decision.retry_after).allowed, "{:?}", decision);
            }
        }
    }

    #[test]
    fn no_stretch_of_a_window_lets_twice_the_quota_through(rate in rate(), pauses in pauses()) {
        let mut now = Duration::ZERO;
        let mut window = Window::new(now);
        let mut passed = Vec::new();
        for pause in pauses {
            now += Duration::from_millis(pause);
            if window.take(rate, now).allowed {
                passed.push(now);
            }
        }
        for end in &passed {
            let stretch = passed.iter().filter(|at| *at <= end && **at + rate.window > *end);
            prop_assert!(stretch.count() < 2 * rate.requests as usize + 1);
        }
    }
}

proptest! {
    #![proptest_config(cases(5000))]

    #[test]
    fn origin_that_matches_a_wildcard_is_a_real_subdomain(
        origin in "(https?:/{1,3})?[a-z@:/#?.%\\\\ -]{0,10}(\\.?luna\\.example)?[a-z.:/@0-9]{0,6}"
    ) {
        if cors::matches("https://*.luna.example", &origin) {
            let url = reqwest::Url::parse(&origin).expect("an origin is a URL");
            prop_assert_eq!(url.scheme(), "https");
            prop_assert!(url.host_str().is_some_and(|host| host.ends_with(".luna.example")));
            prop_assert_eq!(url.port(), None);
            prop_assert_eq!(url.username(), "");
            prop_assert_eq!(url.origin().ascii_serialization(), origin);
        }
    }

    #[test]
    fn real_subdomain_matches_a_wildcard(labels in prop::collection::vec("[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", 1..4)) {
        let origin = format!("https://{}.luna.example", labels.join("."));
        prop_assert!(cors::matches("https://*.luna.example", &origin), "{}", origin);
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn json_is_read_as_others_read_it(document in value()) {
        let text = document.to_string();
        prop_assert_eq!(parse(text.as_bytes()), Ok(document));
    }

    #[test]
    fn what_is_read_as_json_is_json(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[\\[\\]{}\":,0-9a-z\\\\ .eE+-]{0,40}".prop_map(String::into_bytes),
    ]) {
        if let Ok(read) = parse(&bytes) {
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), read);
        }
    }

    #[test]
    fn decoded_path_cannot_be_read_in_two_ways(path in "/[a-z./%0-9A-F\\\\]{0,20}") {
        if let Ok(decoded) = decode_path(&path) {
            prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
            prop_assert!(!decoded.contains(['\0', '\\', '\n', '\r']));
            prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
        }
    }

    #[test]
    fn search_terms_are_never_query_syntax(text in prop_oneof![
        any::<String>(),
        "[a-z\"'*():^+{} -]{0,30}",
        "(AND|OR|NOT|NEAR|\"|\\(| |a|é)*",
    ]) {
        thread_local! {
            static DATABASE: rusqlite::Connection = {
                let database = rusqlite::Connection::open_in_memory().unwrap();
                database.execute_batch("create virtual table t using fts5 (x)").unwrap();
                database
            };
        }
        let found = DATABASE.with(|database| {
            let query = "select count(*) from t where t match ?1";
            database.query_row(query, [search_terms(&text)], |row| row.get::<_, i64>(0))
        });
        prop_assert_eq!(found, Ok(0), "{:?}", text);
    }
}

/// An entry of a forwarding header: an address as it is, or junk.
fn entry() -> impl Strategy<Value = (String, Option<std::net::IpAddr>)> {
    let v4 = any::<[u8; 4]>().prop_map(std::net::IpAddr::from);
    let v6 = any::<[u8; 16]>().prop_map(std::net::IpAddr::from);
    let known = |address: std::net::IpAddr| (address.to_string(), Some(address.to_canonical()));
    let junk = "[ -+.-~]{0,12}"
        .prop_filter("no address", |text| text.trim().parse::<std::net::IpAddr>().is_err())
        .prop_filter("no port", |text| text.parse::<std::net::SocketAddr>().is_err())
        .prop_filter("no brackets", |text| !text.contains('['));
    prop_oneof![v4.prop_map(known), v6.prop_map(known), junk.prop_map(|text| (text, None)),]
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn client_is_the_entry_of_the_outermost_trusted_proxy(
        lines in prop::collection::vec(prop::collection::vec(entry(), 1..4), 0..5),
        hops in 0_u8..8,
        trusted in any::<bool>(),
    ) {
        let peer = std::net::IpAddr::from([10, 0, 0, 1]);
        let mut headers = http::HeaderMap::new();
        for line in &lines {
            let texts: Vec<&str> = line.iter().map(|(text, _)| text.as_str()).collect();
            headers.append("x-forwarded-for", texts.join(",").parse().unwrap());
        }
        let http = Http { trusted_hops: hops, forwarding: Forwarding::XForwardedFor };
        let found = address::client(peer, &headers, http, trusted);
        // Written from the definition: the n-th from the right, unless something before it is junk.
        let mut right_to_left: Vec<_> = lines.iter().flatten().map(|(_, address)| *address).collect();
        right_to_left.reverse();
        let believed = if trusted { usize::from(hops) } else { 0 };
        let readable = right_to_left.iter().take(believed).take_while(|entry| entry.is_some());
        let expected = readable.last().copied().flatten().unwrap_or(peer);
        prop_assert_eq!(found, expected);
    }
}
