//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! Schemas of requests and messages.

use proofline_runtime::schema::{Constant, Format, Pattern, Property, Schema};

static PREFERENCES_LANGUAGE: Pattern = Pattern::new("^[a-z]{2}(-[A-Z]{2})?$");

pub static ID: Schema = Schema::text().format(Format::Uuid);

static ASSET_DIGEST_PATTERN: Pattern = Pattern::new("^([0-9a-f]{16}|latest)$");

pub static ASSET_DIGEST: Schema = Schema::text().pattern(&ASSET_DIGEST_PATTERN);

pub static TIER: Schema = Schema::one_of(&["free", "pro", "enterprise"]);

pub static SUBSCRIPTION_STATUS: Schema = Schema::one_of(&["active", "inactive", "past_due"]);

pub static PREFERENCES: Schema = Schema::object(&[
    Property::optional("theme", Schema::one_of(&["light", "dark", "system"])),
    Property::optional("language", Schema::text().pattern(&PREFERENCES_LANGUAGE)),
]);

pub static NEW_USER: Schema = Schema::object(&[
    Property::required("email", Schema::text().length(0, 254).format(Format::Email)),
    Property::required("name", Schema::text().length(1, 100)),
    Property::required("password", Schema::text().length(12, 128)),
]);

pub static PROFILE_UPDATE: Schema = Schema::object(&[
    Property::optional("name", Schema::text().length(1, 100)),
    Property::optional("preferences", Schema::reference(&PREFERENCES)),
])
.properties(1, usize::MAX);

pub static CREDENTIALS: Schema = Schema::object(&[
    Property::required("email", Schema::text().length(0, 254).format(Format::Email)),
    Property::required("password", Schema::text().length(1, 128)),
]);

pub static NEW_API_KEY: Schema =
    Schema::object(&[Property::required("name", Schema::text().length(1, 100))]);

pub static NEW_DOCUMENT: Schema = Schema::object(&[
    Property::required("title", Schema::text().length(1, 200)),
    Property::required("content", Schema::text().length(1, 20_000)),
]);

pub static DOCUMENT_PAGE: Schema = Schema::object(&[
    Property::defaulted("limit", Schema::integer().min(1).max(100), Constant::Integer(20)),
    Property::optional("before", Schema::text().format(Format::DateTime)),
]);

pub static DOCUMENT_SEARCH: Schema = Schema::object(&[
    Property::required("q", Schema::text().length(1, 200)),
    Property::defaulted("limit", Schema::integer().min(1).max(50), Constant::Integer(10)),
]);

pub static USER_PAGE: Schema = Schema::object(&[
    Property::defaulted("limit", Schema::integer().min(1).max(100), Constant::Integer(20)),
    Property::optional("tier", Schema::reference(&TIER)),
]);

pub static NEW_EMAIL: Schema = Schema::object(&[
    Property::required("to", Schema::text().length(0, 254).format(Format::Email)),
    Property::required("text", Schema::text().length(1, 10_000)),
]);

pub static EMAIL_MESSAGE: Schema = Schema::object(&[
    Property::required("id", Schema::reference(&ID)),
    Property::required("to", Schema::text().format(Format::Email)),
    Property::required("text", Schema::text()),
]);

pub static REQUESTS_MESSAGE: Schema = Schema::object(&[
    Property::required("id", Schema::reference(&ID)),
    Property::required("requests", Schema::array(&Schema::any())),
]);

pub static SUBSCRIPTION_EVENT: Schema = Schema::object(&[
    Property::required(
        "meta",
        Schema::object(&[Property::required("event_id", Schema::text().length(1, 128))]).open(),
    ),
    Property::required(
        "data",
        Schema::object(&[
            Property::required("user_email", Schema::text().length(0, 254).format(Format::Email)),
            Property::required("tier", Schema::reference(&TIER)),
            Property::required("status", Schema::reference(&SUBSCRIPTION_STATUS)),
        ])
        .open(),
    ),
])
.open();
