//! Whether every use of a query gives it exactly the parameters that its statement has.

use std::collections::BTreeMap;

use proofline_spec::document::{Auth, Expression, Map, Operation, Service, TaskOperation, Upload};

use proofline_spec::diagnostic::codes;

use super::{Finding, Prepared};

/// One place of the spec that runs a query.
struct Use<'a> {
    query: &'a str,
    with: &'a Map<Expression>,
    /// Where its parameters are given.
    pointer: Vec<String>,
    /// The columns that this use reads.
    reads: &'a [&'a str],
}

pub(super) fn check(
    service: &Service,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    for used in uses(service) {
        let Some(query) = prepared.get(used.query) else { continue };
        check_use(&used, query, findings);
    }
    overrides(service, prepared, findings);
    lti(service, prepared, findings);
    super::search::check(service, prepared, findings);
    if let Some(metering) = &service.metering
        && let Some(query) = prepared.get(&metering.query)
    {
        let expected = ["calls", "day", "principal"];
        let mut found: Vec<_> = query.parameters.iter().map(String::as_str).collect();
        found.sort_unstable();
        if found != expected {
            findings.push(
                Finding::new(
                    codes::QUERY_PARAMETERS,
                    &["metering", "query"],
                    None,
                    format!("query `{}` has the parameters {}", metering.query, list(&found)),
                )
                .caused_by("metering gives exactly `principal`, `day` and `calls`")
                .fixed_by("use `:principal`, `:day` and `:calls` in the statement"),
            );
        }
    }
}

/// The queries that keep what was switched have the columns and parameters that every service's have.
fn overrides(
    service: &Service,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    let Some(overrides) = &service.overrides else { return };
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    for (key, name, wanted, what) in [
        ("read", &overrides.read, &["name", "value"][..], "selects"),
        ("write", &overrides.write, &["by", "name", "now", "value"][..], "has the parameters"),
    ] {
        let Some(query) = prepared.get(name) else { continue };
        let found = sorted(match key {
            "read" => query.columns.iter().map(|column| column.name.clone()).collect(),
            _ => query.parameters.clone(),
        });
        if found == wanted {
            continue;
        }
        findings.push(
            Finding::new(
                codes::OVERRIDES,
                &["overrides", key],
                None,
                format!("query `{name}` {what} {}", list_of(&found)),
            )
            .caused_by(format!("`overrides.{key}` needs exactly {}", list(wanted)))
            .fixed_by("write the statement as the manual page of this code shows it"),
        );
    }
}

/// The queries that keep log-ins of learning platforms have the columns and parameters that every service's have.
fn lti(service: &Service, prepared: &BTreeMap<String, Prepared>, findings: &mut Vec<Finding>) {
    let Some(lti) = &service.lti else { return };
    let begin = ["browser", "client_id", "expires_at", "issuer", "nonce", "state"];
    let given = [("begin", &lti.begin, &begin[..]), ("take", &lti.take, &["now", "state"][..])];
    let mut differs = |key: &str,
                       name: &str,
                       what: &str,
                       mut found: Vec<String>,
                       wanted: &[&str]| {
        found.sort_unstable();
        if found != wanted {
            findings.push(
                    Finding::new(
                        codes::LTI_QUERIES,
                        &["lti", key],
                        None,
                        format!("query `{name}` {what} {}", list_of(&found)),
                    )
                    .caused_by(match wanted {
                    [] => "an account is made of `id`, `subject`, `role`, `name` and `now`, and has an `id`".to_owned(),
                    _ => format!("`lti.{key}` needs exactly {}", list(wanted)),
                })
                    .fixed_by("write the statement as the manual page of this code shows it"),
                );
        }
    };
    if let Some(query) = lti.account.as_ref().and_then(|name| prepared.get(name)) {
        let name = lti.account.as_deref().unwrap_or_default();
        let known = ["id", "name", "now", "role", "subject"];
        let others = query.parameters.iter().filter(|given| !known.contains(&given.as_str()));
        let others: Vec<String> = others.cloned().collect();
        differs("account", name, "is not given", others, &[]);
        if !query.columns.iter().any(|column| column.name == "id") {
            differs("account", name, "does not return", vec!["id".to_owned()], &[]);
        }
    }
    for (key, name, wanted) in given {
        let Some(query) = prepared.get(name) else { continue };
        differs(key, name, "has the parameters", query.parameters.clone(), wanted);
        if key == "take" {
            let columns = query.columns.iter().map(|column| column.name.clone()).collect();
            differs(key, name, "returns", columns, &["browser", "client_id", "issuer", "nonce"]);
        }
    }
}

fn check_use(used: &Use<'_>, query: &Prepared, findings: &mut Vec<Finding>) {
    let pointer: Vec<&str> = used.pointer.iter().map(String::as_str).collect();
    let missing: Vec<&str> = query
        .parameters
        .iter()
        .map(String::as_str)
        .filter(|parameter| !used.with.contains_key(*parameter))
        .collect();
    if !missing.is_empty() {
        findings.push(
            Finding::new(
                codes::QUERY_PARAMETERS,
                &pointer,
                None,
                format!("query `{}` is not given {}", used.query, list(&missing)),
            )
            .caused_by("every parameter of a statement must be given")
            .fixed_by(format!("add {} to `with`", list(&missing))),
        );
    }
    for name in used.with.keys().filter(|name| !query.parameters.contains(name)) {
        let mut place = pointer.clone();
        place.extend(["with", name.as_str()]);
        let best = proofline_spec::load::nearest(name, missing.iter().copied());
        findings.push(
            Finding::new(
                codes::QUERY_PARAMETERS,
                &place,
                None,
                format!("query `{}` has no parameter `:{name}`", used.query),
            )
            .caused_by(format!("its statement uses {}", list_of(&query.parameters)))
            .fixed_by(best.map_or_else(
                || "remove it, or use it in the statement".to_owned(),
                |best| format!("did you mean `{best}`?"),
            )),
        );
    }
    let absent: Vec<&str> = used
        .reads
        .iter()
        .copied()
        .filter(|column| !query.columns.iter().any(|known| known.name == *column))
        .collect();
    if !absent.is_empty() {
        findings.push(
            Finding::new(
                codes::QUERY_PARAMETERS,
                &pointer,
                None,
                format!("query `{}` does not select {}", used.query, list(&absent)),
            )
            .caused_by("this use reads it")
            .fixed_by(format!("select {} in the statement", list(&absent))),
        );
    }
}

fn uses(service: &Service) -> Vec<Use<'_>> {
    let mut uses = Vec::new();
    let path = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    for (name, auth) in &service.auth {
        if let Some(lookup) = auth.principal() {
            let reads: &[&str] = match auth {
                Auth::ApiKey { .. } => &["id", "key_id"],
                _ => &["id"],
            };
            let pointer = path(&["auth", name, "principal"]);
            uses.push(Use { query: &lookup.query, with: &lookup.with, pointer, reads });
        }
    }
    for (key, route) in &service.routes {
        let key = key.to_string();
        if let Some(owner) = &route.owner {
            let pointer = path(&["routes", &key, "owner"]);
            uses.push(Use { query: &owner.query, with: &owner.with, pointer, reads: &["owner"] });
        }
        let op = |rest: &[&str]| path(&[&["routes", key.as_str(), "op"], rest].concat());
        match &route.op {
            Operation::Query(run) => uses.push(Use {
                query: &run.run,
                with: &run.with,
                pointer: op(&["query"]),
                reads: &[],
            }),
            Operation::Login(login) => uses.push(Use {
                query: &login.query,
                with: &login.with,
                pointer: op(&["login"]),
                reads: &["id", "password_hash"],
            }),
            Operation::Room(enter) => uses.push(Use {
                query: &enter.run,
                with: &enter.with,
                pointer: op(&["room"]),
                reads: &[],
            }),
            Operation::Download(download) => uses.push(Use {
                query: &download.run,
                with: &download.with,
                pointer: op(&["download"]),
                reads: &["key", "name", "type"],
            }),
            Operation::Transaction(transaction)
            | Operation::Upload(Upload { record: transaction, .. }) => {
                let of: &[&str] = match &route.op {
                    Operation::Upload(_) => &["upload", "record"],
                    _ => &["transaction"],
                };
                let op = |rest: &[&str]| op(&[of, rest].concat());
                if let Some(once) = &transaction.once {
                    let pointer = op(&["once"]);
                    uses.push(Use { query: &once.query, with: &once.with, pointer, reads: &[] });
                }
                for (index, step) in transaction.steps.iter().enumerate() {
                    let pointer = op(&["steps", &index.to_string()]);
                    uses.push(Use { query: &step.query, with: &step.with, pointer, reads: &[] });
                }
            }
            Operation::Health(_)
            | Operation::Search(_)
            | Operation::Enqueue(_)
            | Operation::DeadLetters(_)
            | Operation::Flags(_)
            | Operation::Switches(_)
            | Operation::Lti(_)
            | Operation::Asset(_)
            | Operation::Replay(_)
            | Operation::Resume(_)
            | Operation::Custom(_) => {}
        }
    }
    for (name, task) in &service.tasks {
        if let TaskOperation::Query(run) = &task.op {
            let pointer = path(&["tasks", name, "op", "query"]);
            uses.push(Use { query: &run.run, with: &run.with, pointer, reads: &[] });
        }
    }
    uses
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn list_of(names: &[String]) -> String {
    if names.is_empty() {
        return "no parameters".to_owned();
    }
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}
