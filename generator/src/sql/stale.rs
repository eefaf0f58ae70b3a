//! Whether a route that changes what a cached route reads says so with `invalidates`.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Answer, Operation, Route, Service, Upload};

use super::touched::Touched;
use super::{Finding, Prepared};

pub(super) fn check(
    service: &Service,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    for (reader_key, reader) in &service.routes {
        let Some(cache) = &reader.cache else { continue };
        let read = touched(reader, prepared);
        let is_list = reader.returns.values().any(|answer| matches!(answer, Answer::List(_)));
        for (key, route) in &service.routes {
            let Some(what) = touched(route, prepared).changes(&read, is_list) else { continue };
            if route.makes_stale(cache) {
                continue;
            }
            let fix = cache.tags.first().map_or_else(
                || "give the cached route `tags`, and this one `invalidates`".to_owned(),
                |tag| format!("add `invalidates: [\"{tag}\"]` with the value that it has here"),
            );
            let key = key.to_string();
            findings.push(
                Finding::new(
                    codes::STALE_CACHE,
                    &["routes", &key, "op"],
                    None,
                    format!(
                        "`{key}` changes {what}, and `{reader_key}` goes on with cached answers"
                    ),
                )
                .caused_by(format!("they hold for {}, whatever is changed meanwhile", cache.ttl))
                .fixed_by(fix),
            );
        }
    }
}

/// Everything that a route's declared operation touches; what a custom one does nobody can see.
fn touched(route: &Route, prepared: &BTreeMap<String, Prepared>) -> Touched {
    let queries: Vec<&str> = match &route.op {
        Operation::Query(run) => vec![run.run.as_str()],
        Operation::Search(search) => vec![search.run.as_str()],
        Operation::Login(login) => vec![login.query.as_str()],
        Operation::Download(download) => vec![download.run.as_str()],
        Operation::Room(enter) => vec![enter.run.as_str()],
        Operation::Transaction(transaction)
        | Operation::Upload(Upload { record: transaction, .. }) => {
            let steps = transaction.steps.iter().map(|step| step.query.as_str());
            steps.chain(transaction.once.iter().map(|once| once.query.as_str())).collect()
        }
        // What is written when the last part has come is written for the route that began: it is looked at there.
        Operation::Health(_)
        | Operation::Enqueue(_)
        | Operation::Flags(_)
        | Operation::Switches(_)
        | Operation::Lti(_)
        | Operation::Asset(_)
        | Operation::DeadLetters(_)
        | Operation::Replay(_)
        | Operation::Resume(_)
        | Operation::Custom(_) => Vec::new(),
    };
    let touched = queries.iter().filter_map(|name| Some(&prepared.get(*name)?.touched));
    touched.fold(Touched::default(), Touched::and)
}
