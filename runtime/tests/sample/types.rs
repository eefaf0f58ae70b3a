//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! Types of requests, answers and messages.

use proofline_runtime::serde::{Deserialize, Serialize};
use proofline_runtime::text_enum;

text_enum! {
    pub enum Tier { Free = "free", Pro = "pro", Enterprise = "enterprise" }
}

text_enum! {
    pub enum Theme { Light = "light", Dark = "dark", System = "system" }
}

text_enum! {
    pub enum SubscriptionStatus { Active = "active", Inactive = "inactive", PastDue = "past_due" }
}

/// What the user likes the product to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct Preferences {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// `NewUser`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct NewUser {
    pub email: String,
    pub name: String,
    pub password: String,
}

/// `ProfileUpdate`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct ProfileUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Preferences>,
}

/// `Credentials`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct Credentials {
    pub email: String,
    pub password: String,
}

/// `NewApiKey`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct NewApiKey {
    pub name: String,
}

/// `ApiKeyCreated`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct ApiKeyCreated {
    pub id: String,
    pub name: String,
    pub key: String,
    pub created_at: String,
}

/// `NewDocument`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct NewDocument {
    pub title: String,
    pub content: String,
}

/// `DocumentPage`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct DocumentPage {
    pub limit: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// `DocumentSearch`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct DocumentSearch {
    pub q: String,
    pub limit: i64,
}

/// `UserPage`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct UserPage {
    pub limit: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
}

/// `NewEmail`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct NewEmail {
    pub to: String,
    pub text: String,
}

/// `EmailMessage`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct EmailMessage {
    pub id: String,
    pub to: String,
    pub text: String,
}

/// `RequestsMessage`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct RequestsMessage {
    pub id: String,
    pub requests: Vec<proofline_runtime::Json>,
}

/// `EmailAccepted`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct EmailAccepted {
    pub id: String,
}

/// The part of a billing event that is used; the provider sends more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct SubscriptionEvent {
    pub meta: SubscriptionEventMeta,
    pub data: SubscriptionEventData,
}

/// `SubscriptionEvent.meta`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct SubscriptionEventMeta {
    pub event_id: String,
}

/// `SubscriptionEvent.data`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "proofline_runtime::serde")]
pub struct SubscriptionEventData {
    pub user_email: String,
    pub tier: Tier,
    pub status: SubscriptionStatus,
}
