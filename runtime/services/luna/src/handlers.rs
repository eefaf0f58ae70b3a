//! What Luna does that its spec cannot say: API keys, plans, e-mail, and cleaning up.

use std::time::Duration;

use http::Method;
use proofline_runtime::binding::upstream::UpstreamRequest;
use proofline_runtime::{Call, Context, Delivery, Failure, hash_token, search_terms};
use serde_json::json;

use crate::generated::handlers::{CreateApiKeyAnswer, Handlers, PlanAnswer};
use crate::generated::statements;
use crate::generated::types::{
    ApiKeyCreated, DocumentSummary, EmailMessage, NewApiKey, Plan, PlanRequest, PlanStep,
};

/// How long usage is kept, in days.
const USAGE_KEPT: u32 = 400;
/// How long the ids of webhook events are kept, so that a replay is known.
const EVENTS_KEPT: Duration = Duration::from_hours(90 * 24);

/// The hand-written part of Luna.
#[derive(Debug, Default)]
pub struct App;

impl Handlers for App {
    async fn create_api_key(
        &self,
        call: &Call,
        body: NewApiKey,
    ) -> Result<CreateApiKeyAnswer, Failure> {
        let principal = call.principal()?;
        let id = call.new_id()?;
        let key = format!("luna_{}", call.new_secret()?);
        let created_at = call.now();
        let statement = statements::INSERT_API_KEY.with(&[
            ("id", &id),
            ("user_id", &principal.id),
            ("name", &body.name),
            ("key_hash", &hash_token(&key)),
            ("now", &created_at),
        ]);
        call.run(statement).await?;
        Ok(CreateApiKeyAnswer::Created(ApiKeyCreated { id, name: body.name, key, created_at }))
    }

    /// A plan is made of the user's own documents that have to do with the goal, and a conclusion.
    async fn plan(&self, call: &Call, body: PlanRequest) -> Result<PlanAnswer, Failure> {
        let principal = call.principal()?;
        let statement = statements::SEARCH_DOCUMENTS.with(&[
            ("q", &search_terms(&body.goal)),
            ("user_id", &principal.id),
            ("limit", &(body.max_steps - 1)),
        ]);
        let documents: Vec<DocumentSummary> = call.run(statement).await?.many()?;
        let mut steps: Vec<PlanStep> = Vec::new();
        for (order, document) in (1..).zip(documents) {
            let action = format!("Read \"{}\".", document.title);
            steps.push(PlanStep { order, action, document: Some(document.id) });
        }
        let order = i64::try_from(steps.len()).map_err(Failure::internal)? + 1;
        let action = "Write down what follows for the goal.".to_owned();
        steps.push(PlanStep { order, action, document: None });
        Ok(PlanAnswer::Ok(Plan { goal: body.goal, steps }))
    }

    async fn deliver_email(
        &self,
        delivery: &Delivery<'_>,
        message: EmailMessage,
    ) -> Result<(), Failure> {
        let mail = json!({
            "personalizations": [{"to": [{"email": message.to}]}],
            "from": {"email": delivery.secret("EMAIL_FROM")?.expose()},
            "reply_to": {"email": delivery.secret("EMAIL_SUPPORT")?.expose()},
            "subject": message.subject,
            "content": [{"type": "text/plain", "value": message.text}],
        });
        let request = UpstreamRequest::json(Method::POST, "/v3/mail/send", &mail)?;
        let request = request.once(delivery.id())?;
        delivery.upstream("SENDGRID")?.call(request).await?.successful()?;
        Ok(())
    }

    async fn sweep_cache(&self, context: &Context) -> Result<(), Failure> {
        context.store("CACHE")?.sweep().await?;
        context.store("CACHE_KV")?.sweep().await?;
        Ok(())
    }

    async fn clean_up(&self, context: &Context) -> Result<(), Failure> {
        let day = context.days_ago(USAGE_KEPT);
        context.run(statements::DELETE_OLD_USAGE.with(&[("day", &day)])).await?;
        let before = context.ago(EVENTS_KEPT);
        context.run(statements::DELETE_OLD_WEBHOOK_EVENTS.with(&[("before", &before)])).await?;
        Ok(())
    }
}
