//! What a check is about by its nature, where its evidence names nothing.

/// How much of a kind a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everything of that kind.
    Every,
    /// What it names in its evidence; the only one of its kind, where there is one only.
    Named,
}

/// Checks, and the section and the kind of parts that they are about; no kind means every part of the section.
pub(super) const SUBJECTS: &[(&str, &str, &str, Reach)] = &[
    ("probe/query-plans", "bindings", "sql", Reach::Every),
    ("probe/migrations", "bindings", "sql", Reach::Every),
    ("probe/backup", "bindings", "sql", Reach::Every),
    ("feature/reliability/atomicity", "bindings", "sql", Reach::Named),
    ("feature/reliability/replicas", "bindings", "sql", Reach::Named),
    ("feature/security/overdraw", "bindings", "sql", Reach::Named),
    ("feature/security/sql-injection", "bindings", "sql", Reach::Named),
    ("feature/reliability/cache", "bindings", "kv", Reach::Named),
    ("feature/reliability/queue", "bindings", "queue", Reach::Named),
    ("feature/observability/request-records", "bindings", "queue", Reach::Named),
    ("feature/reliability/upstream", "bindings", "upstream", Reach::Named),
    ("feature/security/upload", "bindings", "blob", Reach::Named),
    ("feature/security/upload-size", "bindings", "blob", Reach::Named),
    ("feature/performance/upload", "bindings", "blob", Reach::Named),
    ("feature/reliability/download", "bindings", "blob", Reach::Named),
    ("feature/reliability/live-sessions", "bindings", "room", Reach::Named),
    ("feature/reliability/search", "bindings", "ai", Reach::Named),
    ("feature/reliability/search", "bindings", "vector", Reach::Named),
    ("feature/security/jwt", "auth", "jwt", Reach::Every),
    ("feature/security/webhook", "auth", "webhook", Reach::Named),
    ("feature/security/function-authorisation", "auth", "api_key", Reach::Named),
    ("feature/security/rate-limit-key", "auth", "api_key", Reach::Named),
    ("feature/reliability/tasks", "tasks", "", Reach::Named),
    ("feature/reliability/flags", "flags", "", Reach::Named),
    ("feature/security/state", "machines", "", Reach::Named),
    ("feature/reliability/progress", "machines", "", Reach::Named),
    ("feature/reliability/switches", "switches", "", Reach::Every),
    ("probe/alert-rules", "alerts", "", Reach::Every),
    ("feature/security/cors", "others", "cors", Reach::Every),
    ("feature/security/lti", "others", "lti", Reach::Every),
    ("feature/observability/request-records", "others", "request_records", Reach::Every),
];

/// Whether a check is about a part: `alone` says whether it is the only one of its kind.
pub(super) fn is_about(check: &str, section: &str, kind: &str, alone: bool) -> bool {
    SUBJECTS.iter().any(|(of, within, what, reach)| {
        *of == check
            && *within == section
            && (what.is_empty() || *what == kind)
            && (alone || *reach == Reach::Every)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_feature_that_is_named_exists() {
        let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../features/catalogue");
        for (check, ..) in SUBJECTS {
            if let Some(feature) = check.strip_prefix("feature/") {
                assert!(catalogue.join(format!("{feature}.feature")).is_file(), "{check}");
            }
        }
    }
}
