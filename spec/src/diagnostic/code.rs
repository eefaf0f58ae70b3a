//! The table of codes. Each has a manual page of its own, `page/<code>.md`, which `explain` prints.

use super::Severity;

/// A kind of problem.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The number in messages, such as `PL0101`; never used for anything else later.
    pub id: &'static str,
    /// The same in words, such as `unknown-key`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The manual page: what it means, why it matters, an example, the fix, references.
    pub page: &'static str,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.id, self.name)
    }
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: &[Self] = table::ALL;

    /// What it is, in a few words: the first line of its page.
    pub fn title(&self) -> &'static str {
        self.page
            .lines()
            .next()
            .and_then(|line| line.split_once(": "))
            .map_or(self.name, |(_, t)| t)
    }
}

/// The code with this number or name, in any case.
pub fn code_named(text: &str) -> Option<Code> {
    Code::ALL
        .iter()
        .copied()
        .find(|code| code.id.eq_ignore_ascii_case(text) || code.name.eq_ignore_ascii_case(text))
}

/// Makes the constants and the list of all of them from one table.
macro_rules! codes {
    ($($constant:ident = $id:literal, $name:literal, $severity:ident, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub const $constant: Code = Code {
                id: $id,
                name: $name,
                severity: Severity::$severity,
                page: include_str!(concat!("page/", $id, ".md")),
            };
        )*
        pub(super) const ALL: &[Code] = &[$($constant),*];
    };
}

pub(super) mod table {
    //! Every code as a constant.

    use super::{Code, Severity};

    codes! {
        UNREADABLE = "PL0001", "unreadable", Error, "The file cannot be read.";
        NOT_UTF8 = "PL0002", "not-utf8", Error, "The file is not UTF-8.";
        TOO_LARGE = "PL0003", "too-large", Error, "The file is too large.";
        TOO_DEEP = "PL0004", "too-deep", Error, "The document is nested too deeply.";
        EMPTY = "PL0005", "empty", Error, "The file is empty.";
        SYNTAX = "PL0006", "syntax", Error, "The file is not YAML.";
        DUPLICATE_KEY = "PL0007", "duplicate-key", Error, "A key is given twice.";
        SEVERAL_DOCUMENTS = "PL0008", "several-documents", Error, "The file holds more than one document.";
        TOO_MANY_NODES = "PL0009", "too-many-nodes", Error, "The document grows too large through aliases.";
        KEY_NOT_TEXT = "PL0010", "key-not-text", Error, "A key is not text.";
        TAG = "PL0011", "tag", Error, "A tag is not understood.";
        NOT_A_MAPPING = "PL0012", "not-a-mapping", Error, "The document is not a mapping.";
        INCLUDE_MISSING = "PL0021", "include-missing", Error, "An included file cannot be read.";
        INCLUDE_CYCLE = "PL0022", "include-cycle", Error, "Files include each other in a circle.";
        DEFINED_TWICE = "PL0023", "defined-twice", Error, "Two files define the same name.";
        UNKNOWN_KEY = "PL0101", "unknown-key", Error, "A key is unknown here.";
        MISSING_KEY = "PL0102", "missing-key", Error, "A key is missing.";
        WRONG_TYPE = "PL0103", "wrong-type", Error, "A value has the wrong type.";
        WRONG_VALUE = "PL0104", "wrong-value", Error, "A value is not in the form that is needed.";
        UNKNOWN_WORD = "PL0105", "unknown-word", Error, "A word is not one of those that can stand here.";
        UNKNOWN_NAME = "PL0201", "unknown-name", Error, "A name is used that nothing defines.";
        UNKNOWN_ROUTE = "PL0202", "unknown-route", Error, "A route is named that does not exist.";
        NAME_FORM = "PL0203", "name-form", Error, "A name does not have the form of its kind.";
        HANDLER = "PL0204", "handler", Error, "A handler cannot have this name.";
        VERSION = "PL0205", "version", Error, "A version is not a semantic version.";
        EMPTY_TEXT = "PL0206", "empty-text", Error, "A text that people read is empty.";
        DATE = "PL0207", "date", Error, "A date is not a date.";
        ZERO = "PL0208", "zero", Error, "Zero of something that cannot be zero.";
        UNUSED = "PL0209", "unused", Warning, "A limit or a scheme is defined and used nowhere.";
        PATH_FORM = "PL0301", "path-form", Error, "The path of a route cannot be matched.";
        PATH_TWICE = "PL0302", "path-twice", Error, "Two routes match the same requests.";
        PATH_PARAMETER = "PL0303", "path-parameter", Error, "Path and declared parameters differ.";
        REQUEST_BODY = "PL0304", "request-body", Error, "A body that this request cannot have.";
        REQUEST_QUERY = "PL0305", "request-query", Error, "Query parameters that cannot be parameters.";
        CACHE = "PL0306", "cache", Error, "An answer that cannot be cached.";
        NO_AUTH = "PL0307", "no-auth", Error, "A route does not say who may call it.";
        NO_PRINCIPAL = "PL0308", "no-principal", Error, "A rule about the caller on a route without one.";
        NO_LIMIT = "PL0309", "no-limit", Error, "A route has no limit and does not say why.";
        HEALTH = "PL0310", "health", Error, "A health route cannot answer its question.";
        STATUS = "PL0401", "status", Error, "A status is not one that can stand here.";
        ANSWER_CONTENT = "PL0402", "answer-content", Error, "An answer has content that does not fit it.";
        PROBLEM_STATUS = "PL0403", "problem-status", Error, "A problem is answered with another status than its own.";
        SUCCESS = "PL0404", "success", Error, "A route needs exactly one successful answer.";
        ANSWER_MISSING = "PL0405", "answer-missing", Error, "An answer that can happen is not declared.";
        ANSWER_NEVER = "PL0406", "answer-never", Error, "A declared answer can never happen.";
        SCHEMA_KEYWORD = "PL0501", "schema-keyword", Error, "A schema keyword cannot be compiled.";
        SCHEMA_REFERENCE = "PL0502", "schema-reference", Error, "A reference does not stand alone or points elsewhere.";
        SCHEMA_UNTYPED = "PL0503", "schema-untyped", Error, "A schema accepts values of any type.";
        SCHEMA_MEANINGLESS = "PL0504", "schema-meaningless", Error, "A keyword means nothing for the type of its schema.";
        SCHEMA_RANGE = "PL0505", "schema-range", Error, "A range allows no value.";
        PATTERN = "PL0506", "pattern", Error, "A pattern is not a regular expression.";
        SCHEMA_FORMAT = "PL0507", "schema-format", Error, "A format is not known.";
        SCHEMA_REQUIRED = "PL0508", "schema-required", Error, "A required member does not exist.";
        SCHEMA_VALUE = "PL0509", "schema-value", Error, "A value in a schema does not fit the schema.";
        SCHEMA_CIRCLE = "PL0510", "schema-circle", Error, "A schema can never end.";
        NO_MEMBER = "PL0601", "no-member", Error, "A value is read that does not exist.";
        NOT_HERE = "PL0602", "not-here", Error, "A value is read where it does not exist.";
        SECRET_READ = "PL0603", "secret-read", Error, "A secret is used as a plain value.";
        TEMPLATE = "PL0604", "template", Error, "A text with braces cannot be filled in.";
        PARAMETER_MISSING = "PL0605", "parameter-missing", Error, "A query runs without a value for a parameter.";
        PARAMETER_UNUSED = "PL0606", "parameter-unused", Error, "A value is given that no parameter takes.";
        QUERY_SHAPE = "PL0607", "query-shape", Error, "A query promises what it cannot give.";
        WRONG_BINDING = "PL0608", "wrong-binding", Error, "Something of another kind is needed here.";
        MESSAGE = "PL0609", "message", Error, "A message does not fit its schema.";
        BINDING_VALUE = "PL0610", "binding-value", Error, "A binding cannot work like this.";
        CONFIG_VALUE = "PL0611", "config-value", Error, "A variable contradicts itself or the host.";
        WRONG_TYPE_OF_VALUE = "PL0612", "wrong-type-of-value", Error, "A value has another type than its place wants.";
        WEAK_SECRET = "PL0613", "weak-secret", Error, "A secret that signs may be too short.";
        LIMIT_RATE = "PL0701", "limit-rate", Error, "A limit does not say how much of what it counts.";
        LIMIT_TIER = "PL0702", "limit-tier", Error, "A tier has no rate in a limit by tier.";
        LIMIT_NEVER = "PL0703", "limit-never", Warning, "A limit never counts a request.";
        LIMIT_COUNTER = "PL0704", "limit-counter", Error, "A limit asks for more than its counter can count.";
        CORS_ORIGIN = "PL0801", "cors-origin", Error, "An origin does not say exactly who is meant.";
        CORS_CREDENTIALS = "PL0802", "cors-credentials", Error, "Every site may act for its visitors.";
        HEADER_NAME = "PL0803", "header-name", Error, "A header cannot have this name.";
        HEADER_VALUE = "PL0804", "header-value", Error, "Browsers do not understand the value of a header.";
        HEADER_CONFLICT = "PL0805", "header-conflict", Error, "Headers contradict each other.";
        UNSAFE_SOURCE = "PL0806", "unsafe-source", Error, "A content security policy lets in what anybody wrote.";
        PLATFORM_RANGE = "PL0901", "platform-range", Error, "A value is outside what a platform allows.";
        MEMORY_ON_WORKERS = "PL0902", "memory-on-workers", Error, "Memory cannot be set on Workers.";
        PLATFORM_NAME = "PL0903", "platform-name", Error, "A platform does not accept this name.";
        PLATFORM_MISSING = "PL0904", "platform-missing", Error, "A target lacks its settings.";
        WORKER_NAMES = "PL0905", "worker-names", Error, "Two things that a worker is given have the same name.";
        CONTAINER_SCALE = "PL0906", "container-scale", Error, "The numbers of instances contradict each other.";
        CONTAINER_GRACE = "PL0907", "container-grace", Error, "An instance would be stopped before its requests are answered.";
        CONTAINER_STORES = "PL0908", "container-stores", Error, "Several instances would each have stores of their own.";
        CONTAINER_RESOURCES = "PL0909", "container-resources", Error, "A container cannot run with these resources.";
        PROBE_LIMIT = "PL0910", "probe-limit", Error, "A limit would refuse the probes of a healthy service.";
        TASK_INTENT = "PL1001", "task-intent", Error, "A task does not say exactly once when it runs.";
        CRON_FORM = "PL1002", "cron-form", Error, "A cron expression cannot be read.";
        CRON_DIFFERS = "PL1003", "cron-differs", Error, "A cron expression means something else than the intent.";
        CLAIM_PROOF = "PL1101", "claim-proof", Error, "A claim needs a proof or a reason.";
        CLAIM_FEATURE = "PL1102", "claim-feature", Error, "A claim names a feature that does not exist.";
        CLAIM_LOAD = "PL1103", "claim-load", Error, "A load test could not fail.";
        PARITY = "PL1104", "parity", Error, "An accepted difference is not said exactly.";
        MAP_UNKNOWN = "PL1105", "map-unknown", Error, "A claim answers to what no catalogue has.";
        MAP_TWICE = "PL1106", "map-twice", Error, "A claim answers to the same entry twice.";
        ACCOUNT = "PL1201", "account", Error, "Checks could not get an account.";
        DIALECT = "PL1202", "dialect", Error, "A generated service would answer otherwise than its spec says.";
        ENVIRONMENT_NAME = "PL1301", "environment-name", Error, "An environment is called otherwise than its file.";
        ENVIRONMENT_TARGET = "PL1302", "environment-target", Error, "A service does not run on the target of its environment.";
        ENVIRONMENT_URL = "PL1303", "environment-url", Error, "An environment cannot be reached safely.";
        ENVIRONMENT_PERMIT = "PL1304", "environment-permit", Error, "A permit that this environment cannot give.";
        ENVIRONMENT_ROUTE = "PL1305", "environment-route", Error, "An address cannot be routed to the worker.";
        ENVIRONMENT_LACKS = "PL1306", "environment-lacks", Error, "An environment lacks what it needs, or what another one has.";
        ENVIRONMENT_EXCUSE = "PL1307", "environment-excuse", Warning, "A difference is explained that does not exist.";
        LOCK = "PL1308", "lock", Error, "A lock file does not fit its environment.";
        ENVIRONMENT_SHARED = "PL1309", "environment-shared", Error, "Two environments would share something.";
        ALERT = "PL1401", "alert", Error, "An alert or an aim makes no sense.";
        SQL = "PL1501", "sql-refused", Error, "The database refuses a query.";
        MIGRATION = "PL1502", "migration-refused", Error, "A migration cannot be applied.";
        QUERY_PARAMETERS = "PL1503", "query-parameters", Error, "A query is not given the parameters that it uses.";
        QUERY_COLUMNS = "PL1504", "query-columns", Error, "A query does not select what it promises to return.";
        QUERY_EXPECTATION = "PL1505", "query-expectation", Error, "A query cannot do what is expected of it.";
        DEAD_LETTERS = "PL1506", "dead-letters", Warning, "Messages that cannot be delivered are kept nowhere.";
        SQL_ON_POSTGRES = "PL1507", "sql-on-postgres", Error, "SQL cannot be said on Postgres, where the service may run.";
        WHOLE_TABLE = "PL1508", "whole-table", Warning, "A query reads a whole table and does not say why.";
        STALE_CACHE = "PL1509", "stale-cache", Warning, "A change leaves cached answers as they were.";
        TASK_HISTORY = "PL1510", "task-history", Warning, "Runs of tasks are recorded nowhere.";
        NAME_CLASH = "PL1601", "name-clash", Error, "Two routes would be the same operation.";
        LETTERS_OF_NO_QUEUE = "PL1801", "letters-of-no-queue", Error, "A route is about dead letters that nobody keeps.";
        OPEN_LETTERS = "PL1802", "open-letters", Error, "Anybody could read or replay dead letters.";
        LETTERS_ANSWER = "PL1803", "letters-answer", Error, "A route about dead letters answers something else.";
        UPLOAD_KIND = "PL1811", "upload-kind", Error, "A kind of file cannot be told by its content.";
        UPLOAD_ROUTE = "PL1812", "upload-route", Error, "A route cannot take or give a file so.";
        UPLOAD_RESUME = "PL1813", "upload-resume", Error, "An upload in several requests is not declared whole.";
        UPLOAD_RECORD = "PL1814", "upload-record", Error, "What is written with a file cannot be made.";
        UPLOAD_ANSWER = "PL1815", "upload-answer", Error, "A route answers a file that it does not have.";
        UPLOAD_PLATFORM = "PL1816", "upload-platform", Error, "Files are too large for a target.";
        FLAG_RULE = "PL1821", "flag-rule", Error, "A flag contradicts itself.";
        OVERRIDES = "PL1822", "overrides", Error, "What is switched at run time cannot be kept.";
        CONTROL_ROUTE = "PL1823", "control-route", Error, "A route about flags or switches has another form than it needs.";
        NO_CONTROL = "PL1824", "no-control", Error, "Nobody could switch it without a deployment.";
        SWITCH_EXCEPTION = "PL1825", "switch-exception", Error, "An exception of a switch excepts nothing.";
        CONDITION = "PL1826", "condition", Error, "A route cannot depend on this flag.";
        MACHINE = "PL1827", "machine", Error, "A state machine cannot be walked.";
        TRANSITION = "PL1828", "transition", Error, "SQL makes a transition that the machine does not have.";
        WATCH_ROUTE = "PL1901", "watch-route", Error, "A route cannot be followed.";
        WATCH_MACHINE = "PL1902", "watch-machine", Error, "What is followed has no end.";
        WATCH_PLATFORM = "PL1903", "watch-platform", Error, "A route cannot be followed on a target.";
        ROOM_PLATFORM = "PL1904", "room-platform", Error, "There are no rooms on a target.";
        ROOM_ROUTE = "PL1905", "room-route", Error, "Nobody can be let into a room.";
        ROOM_VALUE = "PL1906", "room-value", Error, "A room could not be kept.";
        UNFINISHED_UPLOADS = "PL1921", "unfinished-uploads", Warning, "Two replicas can mix the parts of one upload.";
        LTI_PARTS = "PL1931", "lti-parts", Error, "Learning platforms could not be known or let in.";
        LTI_QUERIES = "PL1932", "lti-queries", Error, "A log-in of a learning platform cannot be kept and taken once.";
        LTI_ROUTES = "PL1933", "lti-routes", Error, "A route that learning platforms need is missing, or there twice.";
        LTI_ROUTE = "PL1934", "lti-route", Error, "A route for learning platforms has another form than it needs.";
        VECTOR_SIZE = "PL1941", "vector-size", Error, "A vector has more or fewer numbers than an index takes.";
        SEARCH_PLATFORM = "PL1942", "search-platform", Error, "Search by meaning is asked for where it is not there.";
        SUBSTITUTE_MISSING = "PL1943", "substitute-missing", Error, "Nothing is declared to stand in for a service that is not there.";
        SUBSTITUTE = "PL1944", "substitute", Error, "A substitute does not fit what it stands in for.";
        SEARCH_QUERIES = "PL1945", "search-queries", Error, "A query of a vector index has another form than it needs.";
        REQUEST_RECORDS = "PL1951", "request-records", Error, "A queue cannot take a record of each request.";
        REPLICAS = "PL1952", "replicas", Error, "Clients could not read what they wrote from copies of a database.";
        ASSET = "PL1953", "asset", Error, "A static file cannot be made or found.";
        PROMOTION = "PL1961", "promotion", Error, "Nothing could be promoted to an environment.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn folder_of_pages_and_table_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnostic/page");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let table: BTreeSet<String> = Code::ALL.iter().map(|c| format!("{}.md", c.id)).collect();
        assert_eq!(files, table);
        assert_eq!(table.len(), Code::ALL.len(), "a number is used twice");
        assert!(Code::ALL.is_sorted_by_key(|code| code.id));
    }

    #[test]
    fn every_page_has_the_same_headings() {
        for code in Code::ALL {
            let headings: Vec<&str> =
                code.page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(
                headings,
                ["What it means", "Why it matters", "Example", "Fix", "References"],
                "{code:?}"
            );
            assert!(code.page.starts_with(&format!("# {}: ", code.id)), "{code:?}");
            for (part, text) in code.page.split("```").enumerate() {
                let widest = if part.is_multiple_of(2) { 80 } else { 120 };
                assert!(text.lines().all(|line| line.chars().count() <= widest), "{code:?}");
            }
        }
    }

    #[test]
    fn code_is_found_by_number_and_name() {
        assert_eq!(code_named("pl0101").unwrap().name, "unknown-key");
        assert_eq!(code_named("unknown-key").unwrap().id, "PL0101");
        assert!(code_named("PL9999").is_none());
    }
}
