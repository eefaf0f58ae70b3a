//! What people write: `src/handlers.rs` of a service.

use std::time::Duration;

use proofline_runtime::binding::upstream::UpstreamRequest;
use proofline_runtime::{Call, Context, Delivery, Failure, hash_token};

use super::handlers::{CreateApiKeyAnswer, Handlers};
use super::statements;
use super::types::{ApiKeyCreated, EmailMessage, NewApiKey, RequestsMessage};

/// The hand-written part of the sample.
#[derive(Debug, Default)]
pub struct Sample;

impl Handlers for Sample {
    async fn create_api_key(
        &self,
        call: &Call,
        body: NewApiKey,
    ) -> Result<CreateApiKeyAnswer, Failure> {
        assert_ne!(body.name, "panic", "tests ask for this");
        if body.name == "slow" {
            call.clock().sleep(Duration::from_mins(1)).await;
        }
        let (id, key, now) = (call.new_id()?, call.new_secret()?, call.now());
        let bound = statements::INSERT_API_KEY.with(&[
            ("id", &id),
            ("user_id", &call.principal()?.id),
            ("name", &body.name),
            ("key_hash", &hash_token(&key)),
            ("now", &now),
        ]);
        call.run(bound).await?;
        call.invalidate(&[&format!("user:{}", call.principal()?.id)]).await;
        Ok(CreateApiKeyAnswer::Created(ApiKeyCreated { id, name: body.name, key, created_at: now }))
    }

    async fn deliver_email(
        &self,
        delivery: &Delivery<'_>,
        message: EmailMessage,
    ) -> Result<(), Failure> {
        let request = UpstreamRequest::json(http::Method::POST, "/v3/mail/send", &message)?;
        let request = request.once(delivery.id())?;
        delivery.upstream("SENDGRID")?.call(request).await?.successful()?;
        Ok(())
    }

    async fn keep_requests(
        &self,
        delivery: &Delivery<'_>,
        message: RequestsMessage,
    ) -> Result<(), Failure> {
        let requests = serde_json::to_string(&message.requests).map_err(Failure::internal)?;
        let values =
            statements::INSERT_REQUESTS.with(&[("message", &message.id), ("requests", &requests)]);
        delivery.run(values).await?;
        Ok(())
    }

    async fn sweep_cache(&self, context: &Context) -> Result<(), Failure> {
        context.store("CACHE")?.sweep().await?;
        Ok(())
    }

    async fn clean_up(&self, context: &Context) -> Result<(), Failure> {
        let before = context.ago(Duration::from_hours(30 * 24));
        context.run(statements::DELETE_OLD_WEBHOOK_EVENTS.with(&[("before", &before)])).await?;
        Ok(())
    }
}
