//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! SQL statements, checked against the migrations when they were generated.

use proofline_runtime::binding::sql::{Column, Expect, Statement};

use super::definition::{DOCUMENT_NOT_FOUND, EMAIL_TAKEN, SUBSCRIPTION_NOT_FOUND, USER_NOT_FOUND};

const USER_COLUMNS: &[Column] = &[
    Column::plain("id"),
    Column::plain("email"),
    Column::plain("name"),
    Column::plain("role"),
    Column::plain("tier"),
    Column::json("preferences"),
    Column::plain("created_at"),
];

pub static SESSION_PRINCIPAL: Statement = Statement {
    name: "session_principal",
    sql: "select id, role, tier from users where id = :id",
    parameters: &["id"],
    columns: &[Column::plain("id"), Column::plain("role"), Column::plain("tier")],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

pub static API_KEY_PRINCIPAL: Statement = Statement {
    name: "api_key_principal",
    sql: "select users.id, users.role, users.tier, api_keys.id as key_id \
          from api_keys join users on users.id = api_keys.user_id \
          where api_keys.key_hash = :key_hash",
    parameters: &["key_hash"],
    columns: &[
        Column::plain("id"),
        Column::plain("role"),
        Column::plain("tier"),
        Column::plain("key_id"),
    ],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

pub static INSERT_USER: Statement = Statement {
    name: "insert_user",
    sql: "insert into users (id, email, name, password_hash, created_at, updated_at) \
          values (:id, :email, :name, :password_hash, :now, :now)",
    parameters: &["id", "email", "name", "password_hash", "now"],
    expect: Expect::Changed,
    on_conflict: Some(&EMAIL_TAKEN),
    ..Statement::DEFAULT
};

pub static INSERT_METRICS: Statement = Statement {
    name: "insert_metrics",
    sql: "insert into user_metrics (user_id, updated_at) values (:id, :now)",
    parameters: &["id", "now"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

pub static USER_BY_ID: Statement = Statement {
    name: "user_by_id",
    sql: "select id, email, name, role, tier, preferences, created_at from users where id = :id",
    parameters: &["id"],
    columns: USER_COLUMNS,
    reads: true,
    expect: Expect::One,
    otherwise: Some(&USER_NOT_FOUND),
    ..Statement::DEFAULT
};

pub static LIST_USERS: Statement = Statement {
    name: "list_users",
    sql: "select id, email, name, role, tier, preferences, created_at \
          from users where (:tier is null or tier = :tier) order by created_at desc limit :limit",
    parameters: &["tier", "limit"],
    columns: USER_COLUMNS,
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

pub static UPDATE_PROFILE: Statement = Statement {
    name: "update_profile",
    sql: "update users set name = coalesce(:name, name), \
          preferences = coalesce(:preferences, preferences), updated_at = :now where id = :id",
    parameters: &["name", "preferences", "now", "id"],
    expect: Expect::Changed,
    otherwise: Some(&USER_NOT_FOUND),
    on_conflict: Some(&EMAIL_TAKEN),
    ..Statement::DEFAULT
};

pub static CREDENTIALS_BY_EMAIL: Statement = Statement {
    name: "credentials_by_email",
    sql: "select id, password_hash, role, tier from users where email = :email",
    parameters: &["email"],
    columns: &[
        Column::plain("id"),
        Column::plain("password_hash"),
        Column::plain("role"),
        Column::plain("tier"),
    ],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

pub static INSERT_API_KEY: Statement = Statement {
    name: "insert_api_key",
    sql: "insert into api_keys (id, user_id, name, key_hash, created_at) \
          values (:id, :user_id, :name, :key_hash, :now)",
    parameters: &["id", "user_id", "name", "key_hash", "now"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

pub static ADD_USAGE: Statement = Statement {
    name: "add_usage",
    sql: "insert into usage (user_id, day, calls) values (:principal, :day, :calls) \
          on conflict (user_id, day) do update set calls = calls + excluded.calls",
    parameters: &["principal", "day", "calls"],
    ..Statement::DEFAULT
};

pub static INSERT_REQUESTS: Statement = Statement {
    name: "insert_requests",
    sql: "insert into requests (id, record) select :message || '-' || key, value from json_each(:requests)",
    parameters: &["message", "requests"],
    ..Statement::DEFAULT
};

pub static LIST_USAGE: Statement = Statement {
    name: "list_usage",
    sql: "select day, calls from usage where user_id = :user_id order by day desc limit 31",
    parameters: &["user_id"],
    columns: &[Column::plain("day"), Column::plain("calls")],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

pub static INSERT_DOCUMENT: Statement = Statement {
    name: "insert_document",
    sql: "insert into documents (id, user_id, title, content, created_at) \
          values (:id, :user_id, :title, :content, :now)",
    parameters: &["id", "user_id", "title", "content", "now"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

pub static INDEX_DOCUMENT: Statement = Statement {
    name: "index_document",
    sql: "insert into documents_text (id, title, content) values (:id, :title, :content)",
    parameters: &["id", "title", "content"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

pub static DOCUMENT_BY_ID: Statement = Statement {
    name: "document_by_id",
    sql: "select id, title, content, created_at from documents where id = :id",
    parameters: &["id"],
    columns: &[
        Column::plain("id"),
        Column::plain("title"),
        Column::plain("content"),
        Column::plain("created_at"),
    ],
    reads: true,
    expect: Expect::One,
    otherwise: Some(&DOCUMENT_NOT_FOUND),
    ..Statement::DEFAULT
};

pub static DOCUMENT_OWNER: Statement = Statement {
    name: "document_owner",
    sql: "select user_id as owner from documents where id = :id",
    parameters: &["id"],
    columns: &[Column::plain("owner")],
    reads: true,
    expect: Expect::Optional,
    ..Statement::DEFAULT
};

pub static LIST_DOCUMENTS: Statement = Statement {
    name: "list_documents",
    sql: "select id, title, created_at from documents \
          where user_id = :user_id and (:before is null or created_at < :before) \
          order by created_at desc limit :limit",
    parameters: &["user_id", "before", "limit"],
    columns: &[Column::plain("id"), Column::plain("title"), Column::plain("created_at")],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

pub static SEARCH_DOCUMENTS: Statement = Statement {
    name: "search_documents",
    sql: "select documents.id, documents.title, documents.created_at \
          from documents_text join documents on documents.id = documents_text.id \
          where documents_text match :q and documents.user_id = :user_id \
          order by rank limit :limit",
    parameters: &["q", "user_id", "limit"],
    columns: &[Column::plain("id"), Column::plain("title"), Column::plain("created_at")],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

pub static DELETE_DOCUMENT: Statement = Statement {
    name: "delete_document",
    sql: "delete from documents where id = :id",
    parameters: &["id"],
    expect: Expect::Changed,
    otherwise: Some(&DOCUMENT_NOT_FOUND),
    ..Statement::DEFAULT
};

pub static RECORD_WEBHOOK_EVENT: Statement = Statement {
    name: "record_webhook_event",
    sql: "insert into webhook_events (id, received_at) values (:id, :now)",
    parameters: &["id", "now"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

pub static APPLY_SUBSCRIPTION: Statement = Statement {
    name: "apply_subscription",
    sql: "update users set tier = :tier, subscription_status = :status, updated_at = :now \
          where email = :email",
    parameters: &["tier", "status", "now", "email"],
    expect: Expect::Changed,
    otherwise: Some(&SUBSCRIPTION_NOT_FOUND),
    ..Statement::DEFAULT
};

pub static DELETE_OLD_WEBHOOK_EVENTS: Statement = Statement {
    name: "delete_old_webhook_events",
    sql: "delete from webhook_events where received_at < :before",
    parameters: &["before"],
    ..Statement::DEFAULT
};

pub static OPTIMISE_SEARCH: Statement = Statement {
    name: "optimise_search",
    sql: "insert into documents_text (documents_text) values ('optimize')",
    ..Statement::DEFAULT
};
