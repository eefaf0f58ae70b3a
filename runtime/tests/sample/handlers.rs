//! Generated from spec/services/luna/service.yaml by `cargo xtask generate`; do not edit.
//!
//! What people write: custom operations, queue consumers and tasks; and how calls reach it all.

use proofline_runtime::definition::Definition;
use proofline_runtime::service::{message, unknown};
use proofline_runtime::{Answer, Call, Context, Delivery, Failure, IntoOutcome, Outcome, Service};

use super::types::{ApiKeyCreated, EmailMessage, NewApiKey, RequestsMessage};
use super::{definition, operations, statements};

/// What `handlers.rs` implements.
pub trait Handlers: Send + Sync + 'static {
    /// `POST /api/v1/api-keys`: Make an API key; it is shown once.
    fn create_api_key(
        &self,
        call: &Call,
        body: NewApiKey,
    ) -> impl Future<Output = Result<CreateApiKeyAnswer, Failure>> + Send;

    /// Delivers one message of `EMAIL_QUEUE`; a failure makes it come again later.
    fn deliver_email(
        &self,
        delivery: &Delivery<'_>,
        message: EmailMessage,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Delivers one message of `REQUESTS`; a failure makes it come again later.
    fn keep_requests(
        &self,
        delivery: &Delivery<'_>,
        message: RequestsMessage,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Task `cache-management`: Drop what the cache no longer needs.
    fn sweep_cache(&self, context: &Context) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Task `clean-up`: Delete old usage and webhook events.
    fn clean_up(&self, context: &Context) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What `POST /api/v1/api-keys` answers.
#[derive(Debug)]
pub enum CreateApiKeyAnswer {
    /// 201
    Created(ApiKeyCreated),
}

impl IntoOutcome for CreateApiKeyAnswer {
    fn into_outcome(self) -> Outcome {
        match self {
            Self::Created(body) => Answer::json(201, &body),
        }
    }
}

/// The service: what is generated, with what people write.
#[derive(Debug)]
pub struct Generated<H>(pub H);

impl<H: Handlers> Service for Generated<H> {
    fn definition(&self) -> &'static Definition {
        &definition::DEFINITION
    }

    async fn answer(&self, call: &mut Call) -> Outcome {
        match call.operation() {
            "get_health" => operations::get_health(call).await,
            "get_health_liveness" => operations::get_health_liveness(call).await,
            "get_health_readiness" => operations::get_health_readiness(call).await,
            "get_assets_sample_js" => operations::get_assets_sample_js(call).await,
            "post_users" => operations::post_users(call).await,
            "post_sessions" => operations::post_sessions(call).await,
            "get_me" => operations::get_me(call).await,
            "patch_me" => operations::patch_me(call).await,
            "get_me_usage" => operations::get_me_usage(call).await,
            "post_api_keys" => {
                let body = call.body()?;
                self.0.create_api_key(call, body).await.into_outcome()
            }
            "post_documents" => operations::post_documents(call).await,
            "get_documents" => operations::get_documents(call).await,
            "get_documents_search" => operations::get_documents_search(call).await,
            "get_documents_id" => operations::get_documents_id(call).await,
            "delete_documents_id" => operations::delete_documents_id(call).await,
            "post_emails" => operations::post_emails(call).await,
            "post_webhooks_lemonsqueezy" => operations::post_webhooks_lemonsqueezy(call).await,
            "get_admin_users" => operations::get_admin_users(call).await,
            other => Err(unknown("operation", other)),
        }
    }

    async fn deliver(
        &self,
        delivery: &Delivery<'_>,
        queue: &str,
        json: proofline_runtime::Json,
    ) -> Result<(), Failure> {
        match queue {
            "EMAIL_QUEUE" => self.0.deliver_email(delivery, message(json)?).await,
            "REQUESTS" => self.0.keep_requests(delivery, message(json)?).await,
            other => Err(unknown("queue", other)),
        }
    }

    async fn run_task(&self, context: &Context, task: &str) -> Result<(), Failure> {
        match task {
            "cache-management" => self.0.sweep_cache(context).await,
            "clean-up" => self.0.clean_up(context).await,
            "optimisation" => context.run(statements::OPTIMISE_SEARCH.with(&[])).await.map(drop),
            other => Err(unknown("task", other)),
        }
    }
}
