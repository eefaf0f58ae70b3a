//! Whether a route that changes what a cached route reads says so with `invalidates`.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Answer, LtiStep, Operation, Route, Service, Upload};

use super::touched::Touched;
use super::{Finding, Prepared};

pub(super) fn check(
    service: &Service,
    prepared: &BTreeMap<String, Prepared>,
    findings: &mut Vec<Finding>,
) {
    for (reader_key, reader) in &service.routes {
        let Some(cache) = &reader.cache else { continue };
        let read = touched(service, reader, prepared);
        let is_list = reader.returns.values().any(|answer| matches!(answer, Answer::List(_)));
        for (key, route) in &service.routes {
            let Some(what) = touched(service, route, prepared).changes(&read, is_list) else {
                continue;
            };
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
fn touched(service: &Service, route: &Route, prepared: &BTreeMap<String, Prepared>) -> Touched {
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
        Operation::Lti(LtiStep::Launch) => {
            let account = service.lti.as_ref().and_then(|lti| lti.account.as_deref());
            account.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proofline_spec::load;

    use crate::sql;

    #[test]
    fn launch_that_changes_what_a_cached_route_tells_must_say_so() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/services/atomic-guide");
        let mut service = load::load_service(&folder.join("service.yaml")).document.unwrap();
        let migrations = sql::read_migrations(&service, &folder).unwrap();
        let found = |service: &_| {
            let (_, findings) = sql::prepare(service, &migrations);
            findings.iter().filter(|finding| finding.message.contains("cached answers")).count()
        };
        assert_eq!(found(&service), 0);
        for (key, route) in &mut service.routes {
            if key.path == "/lti/launch" {
                route.invalidates.clear();
            }
        }
        assert_eq!(found(&service), 1);
    }
}
