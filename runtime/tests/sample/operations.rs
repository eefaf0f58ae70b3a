//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! What each declared route does. Custom operations are in `handlers`.

use proofline_runtime::operation::{self, Asset, Check, Login, Transaction};
use proofline_runtime::{Answer, AsJson, Call, Outcome, search_terms};

use super::definition::{INVALID_CREDENTIALS, SESSION};
use super::statements;
use super::types::{
    Credentials, DocumentPage, DocumentSearch, EmailAccepted, EmailMessage, NewDocument, NewEmail,
    NewUser, ProfileUpdate, SubscriptionEvent, UserPage,
};

/// `GET /health`: Whether the service and what it depends on work.
pub async fn get_health(call: &mut Call) -> Outcome {
    operation::health(call, &[Check::required("DB", "database"), Check::required("CACHE", "cache")])
        .await
}

/// `GET /health/liveness`
pub async fn get_health_liveness(call: &mut Call) -> Outcome {
    operation::liveness(call).await
}

/// `GET /health/readiness`
pub async fn get_health_readiness(call: &mut Call) -> Outcome {
    let checks = [Check::required("DB", "database"), Check::required("CACHE", "cache")];
    operation::readiness(call, &checks).await
}

static SAMPLE_JS: Asset = Asset {
    parameter: "digest",
    digest: "0123456789abcdef",
    media_type: "text/javascript; charset=utf-8",
    content: "console.log(1);\n",
};

/// `GET /assets/{digest}/sample.js`
pub async fn get_assets_sample_js(call: &Call) -> Outcome {
    operation::asset(call, &SAMPLE_JS).await
}

/// `POST /api/v1/users`: Sign up.
pub async fn post_users(call: &mut Call) -> Outcome {
    let body: NewUser = call.body()?;
    let id = call.new_id()?;
    let now = call.now();
    let password_hash = call.hash_password(&body.password).await?;
    operation::transaction(
        call,
        Transaction {
            once: None,
            steps: [
                statements::INSERT_USER.with(&[
                    ("id", &id),
                    ("email", &body.email),
                    ("name", &body.name),
                    ("password_hash", &password_hash),
                    ("now", &now),
                ]),
                statements::INSERT_METRICS.with(&[("id", &id), ("now", &now)]),
                statements::USER_BY_ID.with(&[("id", &id)]),
            ],
        },
        201,
    )
    .await
}

/// `POST /api/v1/sessions`: Log in.
pub async fn post_sessions(call: &mut Call) -> Outcome {
    let body: Credentials = call.body()?;
    operation::login(
        call,
        Login {
            scheme: &SESSION,
            account: statements::CREDENTIALS_BY_EMAIL.with(&[("email", &body.email)]),
            password: &body.password,
            otherwise: &INVALID_CREDENTIALS,
        },
    )
    .await
}

/// `GET /api/v1/me`: Read one's own profile.
pub async fn get_me(call: &mut Call) -> Outcome {
    let principal = call.principal()?;
    operation::query(call, statements::USER_BY_ID.with(&[("id", &principal.id)]), 200).await
}

/// `PATCH /api/v1/me`: Change one's own profile.
pub async fn patch_me(call: &mut Call) -> Outcome {
    let body: ProfileUpdate = call.body()?;
    let principal = call.principal()?;
    let now = call.now();
    operation::transaction(
        call,
        Transaction {
            once: None,
            steps: [
                statements::UPDATE_PROFILE.with(&[
                    ("id", &principal.id),
                    ("name", &body.name),
                    ("preferences", &AsJson(&body.preferences)),
                    ("now", &now),
                ]),
                statements::USER_BY_ID.with(&[("id", &principal.id)]),
            ],
        },
        200,
    )
    .await
}

/// `GET /api/v1/me/usage`: Calls per day of the last 31 days.
pub async fn get_me_usage(call: &mut Call) -> Outcome {
    let principal = call.principal()?;
    operation::query(call, statements::LIST_USAGE.with(&[("user_id", &principal.id)]), 200).await
}

/// `POST /api/v1/documents`: Store a text document.
pub async fn post_documents(call: &mut Call) -> Outcome {
    let body: NewDocument = call.body()?;
    let principal = call.principal()?;
    let id = call.new_id()?;
    let now = call.now();
    operation::transaction(
        call,
        Transaction {
            once: None,
            steps: [
                statements::INSERT_DOCUMENT.with(&[
                    ("id", &id),
                    ("user_id", &principal.id),
                    ("title", &body.title),
                    ("content", &body.content),
                    ("now", &now),
                ]),
                statements::INDEX_DOCUMENT.with(&[
                    ("id", &id),
                    ("title", &body.title),
                    ("content", &body.content),
                ]),
                statements::DOCUMENT_BY_ID.with(&[("id", &id)]),
            ],
        },
        201,
    )
    .await
}

/// `GET /api/v1/documents`: List one's own documents, newest first.
pub async fn get_documents(call: &mut Call) -> Outcome {
    let query: DocumentPage = call.query()?;
    let principal = call.principal()?;
    operation::query(
        call,
        statements::LIST_DOCUMENTS.with(&[
            ("user_id", &principal.id),
            ("before", &query.before),
            ("limit", &query.limit),
        ]),
        200,
    )
    .await
}

/// `GET /api/v1/documents/search`: Search one's own documents.
pub async fn get_documents_search(call: &mut Call) -> Outcome {
    let query: DocumentSearch = call.query()?;
    let principal = call.principal()?;
    operation::query(
        call,
        statements::SEARCH_DOCUMENTS.with(&[
            ("user_id", &principal.id),
            ("q", &search_terms(&query.q)),
            ("limit", &query.limit),
        ]),
        200,
    )
    .await
}

/// `GET /api/v1/documents/{id}`: Read one of one's own documents.
pub async fn get_documents_id(call: &mut Call) -> Outcome {
    operation::query(call, statements::DOCUMENT_BY_ID.with(&[("id", call.path("id"))]), 200).await
}

/// `DELETE /api/v1/documents/{id}`: Delete one of one's own documents.
pub async fn delete_documents_id(call: &mut Call) -> Outcome {
    operation::transaction(
        call,
        Transaction {
            once: None,
            steps: [statements::DELETE_DOCUMENT.with(&[("id", call.path("id"))])],
        },
        204,
    )
    .await
}

/// `POST /api/v1/emails`: Send an e-mail.
pub async fn post_emails(call: &mut Call) -> Outcome {
    let body: NewEmail = call.body()?;
    let message = EmailMessage { id: call.new_id()?, to: body.to, text: body.text };
    operation::enqueue(call, "EMAIL_QUEUE", &message).await?;
    Answer::json(202, &EmailAccepted { id: message.id })
}

/// `POST /webhooks/lemonsqueezy`: The billing provider reports a change of a subscription.
pub async fn post_webhooks_lemonsqueezy(call: &mut Call) -> Outcome {
    let body: SubscriptionEvent = call.body()?;
    let now = call.now();
    operation::transaction(
        call,
        Transaction {
            once: Some(
                statements::RECORD_WEBHOOK_EVENT
                    .with(&[("id", &body.meta.event_id), ("now", &now)]),
            ),
            steps: [statements::APPLY_SUBSCRIPTION.with(&[
                ("email", &body.data.user_email),
                ("tier", &body.data.tier),
                ("status", &body.data.status),
                ("now", &now),
            ])],
        },
        204,
    )
    .await
}

/// `GET /api/v1/admin/users`: List users.
pub async fn get_admin_users(call: &mut Call) -> Outcome {
    let query: UserPage = call.query()?;
    operation::query(
        call,
        statements::LIST_USERS.with(&[("tier", &query.tier), ("limit", &query.limit)]),
        200,
    )
    .await
}
