//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! The routes.

use std::time::Duration;

use proofline_runtime::definition::{Cache, Method, Operand, Owner, PathParameter, Route, Watch};

use super::definition::{BILLING, DOCUMENT_NOT_FOUND, IP, KEY, LOGIN, SESSION, USER};
use super::{schemas, statements};

pub static ROUTES: &[Route] = &[
    Route { method: Method::Get, path: "/health", operation: "get_health", ..Route::DEFAULT },
    Route {
        method: Method::Get,
        path: "/health/liveness",
        operation: "get_health_liveness",
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/health/readiness",
        operation: "get_health_readiness",
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/assets/{digest}/sample.js",
        operation: "get_assets_sample_js",
        limits: &[&IP],
        path_parameters: &[PathParameter { name: "digest", schema: &schemas::ASSET_DIGEST }],
        ..Route::DEFAULT
    },
    Route {
        method: Method::Post,
        path: "/api/v1/users",
        operation: "post_users",
        limits: &[&IP, &LOGIN],
        body: Some(&schemas::NEW_USER),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Post,
        path: "/api/v1/sessions",
        operation: "post_sessions",
        limits: &[&IP, &LOGIN],
        body: Some(&schemas::CREDENTIALS),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/api/v1/me",
        operation: "get_me",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        cache: Some(Cache {
            store: "CACHE",
            ttl: Duration::from_mins(5),
            stale_if_error: Duration::ZERO,
            vary: &[Operand::PrincipalId, Operand::PrincipalRole, Operand::PrincipalTier],
            tags: &["user:{principal.id}"],
        }),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Patch,
        path: "/api/v1/me",
        operation: "patch_me",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        invalidates: &["user:{principal.id}"],
        body: Some(&schemas::PROFILE_UPDATE),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/api/v1/me/usage",
        operation: "get_me_usage",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        ..Route::DEFAULT
    },
    Route {
        method: Method::Post,
        path: "/api/v1/api-keys",
        operation: "post_api_keys",
        auth: &[&SESSION],
        limits: &[&IP, &USER],
        body: Some(&schemas::NEW_API_KEY),
        timeout: Duration::from_secs(2),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Post,
        path: "/api/v1/documents",
        operation: "post_documents",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        invalidates: &["documents:{principal.id}", "documents"],
        body: Some(&schemas::NEW_DOCUMENT),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/api/v1/documents",
        operation: "get_documents",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        query: Some(&schemas::DOCUMENT_PAGE),
        cache: Some(Cache {
            store: "CACHE",
            ttl: Duration::from_millis(1),
            stale_if_error: Duration::from_hours(1),
            vary: &[Operand::PrincipalId],
            tags: &["documents:{principal.id}"],
        }),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/api/v1/documents/search",
        operation: "get_documents_search",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        query: Some(&schemas::DOCUMENT_SEARCH),
        cache: Some(Cache {
            store: "CACHE",
            ttl: Duration::from_mins(5),
            stale_if_error: Duration::ZERO,
            vary: &[Operand::PrincipalId],
            tags: &["documents"],
        }),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/api/v1/documents/{id}",
        operation: "get_documents_id",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        // Nobody waits for this in a test: what is told was hinted at.
        watch: Some(&Watch {
            state: "/title",
            ends: &["The end"],
            poll: Duration::from_hours(1),
            connections: 3,
            flag: None,
        }),
        path_parameters: &[PathParameter { name: "id", schema: &schemas::ID }],
        owner: Some(Owner {
            statement: &statements::DOCUMENT_OWNER,
            with: &[("id", Operand::Path("id"))],
            otherwise: &DOCUMENT_NOT_FOUND,
        }),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Delete,
        path: "/api/v1/documents/{id}",
        operation: "delete_documents_id",
        auth: &[&SESSION, &KEY],
        limits: &[&IP, &USER],
        invalidates: &["documents:{principal.id}", "documents"],
        path_parameters: &[PathParameter { name: "id", schema: &schemas::ID }],
        owner: Some(Owner {
            statement: &statements::DOCUMENT_OWNER,
            with: &[("id", Operand::Path("id"))],
            otherwise: &DOCUMENT_NOT_FOUND,
        }),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Post,
        path: "/api/v1/emails",
        operation: "post_emails",
        auth: &[&SESSION, &KEY],
        roles: &["admin"],
        limits: &[&IP, &USER],
        body: Some(&schemas::NEW_EMAIL),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Post,
        path: "/webhooks/lemonsqueezy",
        operation: "post_webhooks_lemonsqueezy",
        auth: &[&BILLING],
        limits: &[&IP],
        body: Some(&schemas::SUBSCRIPTION_EVENT),
        ..Route::DEFAULT
    },
    Route {
        method: Method::Get,
        path: "/api/v1/admin/users",
        operation: "get_admin_users",
        auth: &[&SESSION, &KEY],
        roles: &["admin"],
        limits: &[&IP, &USER],
        query: Some(&schemas::USER_PAGE),
        ..Route::DEFAULT
    },
];
