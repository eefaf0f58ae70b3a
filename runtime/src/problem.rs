//! Kinds of problems and one occurrence of a problem (RFC 9457).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::queue::ErrorClass;
use crate::schema::Violation;

/// When to come again if nobody knows better: most of what was away is back by then.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemType {
    /// Its name, the last part of its `type`.
    pub name: &'static str,
    /// The status code.
    pub status: u16,
    /// What is wrong, in a few words; the same for every occurrence.
    pub title: &'static str,
    /// What a client can do about it.
    pub detail: Option<&'static str>,
}

impl ProblemType {
    const fn implied(name: &'static str, status: u16, title: &'static str) -> Self {
        Self { name, status, title, detail: None }
    }
}

macro_rules! implied {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        $($(#[$doc])* pub static $constant: ProblemType = ProblemType::implied($name, $status, $title);)*
    };
}

implied! {
    /// The request is not well-formed.
    MALFORMED_REQUEST = "malformed-request", 400, "The request is not well-formed";
    /// The body is not JSON.
    MALFORMED_JSON = "malformed-json", 400, "The body is not well-formed JSON";
    /// No valid credential.
    UNAUTHENTICATED = "unauthenticated", 401, "A valid credential is needed";
    /// The caller may not do this.
    FORBIDDEN = "forbidden", 403, "This is not allowed";
    /// The request came over plain HTTP.
    HTTPS_REQUIRED = "https-required", 403, "HTTPS is needed";
    /// No such path.
    NOT_FOUND = "not-found", 404, "There is nothing at this path";
    /// No learning platform waits for a choice.
    CHOICE_NOT_FOUND = "choice-not-found", 404, "No platform waits for this choice, or it was told before";
    /// The path has no such method.
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The path does not have this method";
    /// Two requests about one upload.
    UPLOAD_BUSY = "upload-busy", 409, "The upload is being worked on";
    /// As many are in the room as may be.
    ROOM_FULL = "room-full", 409, "The room is full";
    /// The part does not follow the one before.
    OFFSET_MISMATCH = "offset-mismatch", 409, "The upload goes on at another offset";
    /// The protocol's version is not spoken.
    PRECONDITION_FAILED = "precondition-failed", 412, "The protocol's version is not known";
    /// The file is another one than the client knows.
    FILE_CHANGED = "file-changed", 412, "The file is not the one that was asked for";
    /// The file has no such range.
    RANGE_NOT_SATISFIABLE = "range-not-satisfiable", 416, "The file does not have this range";
    /// The request's body came too slowly.
    REQUEST_TIMEOUT = "request-timeout", 408, "The request took too long to arrive";
    /// The body is too large.
    CONTENT_TOO_LARGE = "content-too-large", 413, "The body is too large";
    /// The body is not of the type that is understood.
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "The body must be application/json";
    /// Another version of the protocol is spoken.
    UPGRADE_REQUIRED = "upgrade-required", 426, "Version 13 of the WebSocket protocol is needed";
    /// The file is of no kind that is taken.
    UNACCEPTED_CONTENT = "unaccepted-content", 415, "The content is of no kind that is taken here";
    /// The file's name would leave its folder.
    UNSAFE_NAME = "unsafe-name", 422, "The file's name is not safe";
    /// The image has too many pixels.
    IMAGE_TOO_LARGE = "image-too-large", 422, "The image has too many pixels";
    /// What the file is can be seen, but not how large.
    DAMAGED_CONTENT = "damaged-content", 422, "The file's header is damaged";
    /// The request does not follow its schema.
    VALIDATION_FAILED = "validation-failed", 422, "The request does not follow its schema";
    /// The caller has too many connections.
    TOO_MANY_CONNECTIONS = "too-many-connections", 429, "Too many connections are open";
    /// A rate limit is used up.
    QUOTA_EXCEEDED = "quota-exceeded", 429, "Too many requests";
    /// Something went wrong inside.
    INTERNAL = "internal", 500, "Something went wrong";
    /// The operation is declared, but nobody has written it.
    NOT_IMPLEMENTED = "not-implemented", 501, "This is not implemented yet";
    /// Something that the service needs does not work.
    UNAVAILABLE = "unavailable", 503, "The service cannot answer now";
    /// Nothing is changed for now.
    READ_ONLY = "read-only", 503, "Nothing can be changed now";
    /// Nothing is answered for now.
    MAINTENANCE = "maintenance", 503, "The service is being maintained";
    /// The operation took too long.
    TIMEOUT = "timeout", 504, "The answer took too long";
}

/// One occurrence of a problem. What is said to the client and what is said to the log are apart.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    problem: &'static ProblemType,
    detail: Option<Cow<'static, str>>,
    violations: Vec<Violation>,
    challenge: bool,
    retry_after: Option<Duration>,
    class: Option<ErrorClass>,
    allow: Option<String>,
    size: Option<u64>,
    cause: Option<String>,
}

impl Failure {
    /// A problem of this kind.
    pub fn of(problem: &'static ProblemType) -> Self {
        Self(Box::new(Inner {
            problem,
            detail: None,
            violations: Vec::new(),
            challenge: false,
            retry_after: None,
            class: None,
            allow: None,
            size: None,
            cause: None,
        }))
    }

    /// Something went wrong inside; the cause goes to the log only.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::of(&INTERNAL).because(cause)
    }

    /// The handler of this name is not written yet.
    pub fn not_implemented(handler: &str) -> Self {
        Self::of(&NOT_IMPLEMENTED).because(format!("the handler {handler} is not written yet"))
    }

    /// Something that the service needs does not work; the cause goes to the log only.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::of(&UNAVAILABLE).because(cause)
    }

    /// No valid credential.
    pub fn unauthenticated(cause: impl fmt::Display) -> Self {
        let mut failure = Self::of(&UNAUTHENTICATED).because(cause);
        failure.0.challenge = true;
        failure
    }

    /// The request does not follow its schema.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let mut failure = Self::of(&VALIDATION_FAILED);
        failure.0.violations = violations;
        failure
    }

    /// Tells the client more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Tells the log why; never the client.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Tells the client when to come again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says whether another attempt can succeed, for what is tried again.
    #[must_use]
    pub fn class(mut self, class: ErrorClass) -> Self {
        self.0.class = Some(class);
        self
    }

    /// Tells the client which methods there are.
    #[must_use]
    pub fn allow(mut self, methods: impl Into<String>) -> Self {
        self.0.allow = Some(methods.into());
        self
    }

    /// Tells the client how many bytes the file has that lacks the range.
    #[must_use]
    pub fn of_size(mut self, bytes: u64) -> Self {
        self.0.size = Some(bytes);
        self
    }

    /// What kind of problem it is.
    pub fn problem(&self) -> &'static ProblemType {
        self.0.problem
    }

    /// What the client is told besides the kind.
    pub fn client_detail(&self) -> Option<&str> {
        self.0.detail.as_deref().or(self.0.problem.detail)
    }

    /// What the log is told.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// What does not follow its schema.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Whether the answer says how to authenticate.
    pub fn challenges(&self) -> bool {
        self.0.challenge
    }

    /// When to come again; every 503 says it.
    pub fn wait(&self) -> Option<Duration> {
        let unavailable = self.0.problem.status == 503;
        self.0.retry_after.or_else(|| unavailable.then_some(COME_AGAIN))
    }

    /// When to come again, if somebody said so.
    pub fn said_wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether another attempt can succeed: what was said of it, else what its kind tells.
    pub fn error_class(&self) -> ErrorClass {
        self.0.class.unwrap_or(match self.0.problem.status {
            // Somebody's mistake, and nobody knows whose: it may have been the moment's.
            500 => ErrorClass::Unknown,
            status => ErrorClass::of_status(status),
        })
    }

    /// How many bytes the file has that lacks the range.
    pub fn size(&self) -> Option<u64> {
        self.0.size
    }

    /// Which methods there are.
    pub fn allowed(&self) -> Option<&str> {
        self.0.allow.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem().name)?;
        self.cause().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Failure {}
