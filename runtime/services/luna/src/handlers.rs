//! What this service does that its spec cannot say. Written by hand; the generator never touches this file again.
use proofline_runtime::{Call, Context, Failure};
use crate::generated::handlers::{CreateApiKeyAnswer, PlanAnswer, Handlers};
use crate::generated::types::{ApiKeyCreated, EmailMessage, NewApiKey, Plan, PlanRequest};
/// The hand-written part of the service.
#[derive(Debug, Default)]
pub struct App;
impl Handlers for App {
    async fn create_api_key(
        &self,
        _call: &Call,
        _body: NewApiKey,
    ) -> Result<CreateApiKeyAnswer, Failure> {
        Err(Failure::not_implemented("create_api_key"))
    }
    async fn plan(
        &self,
        _call: &Call,
        _body: PlanRequest,
    ) -> Result<PlanAnswer, Failure> {
        Err(Failure::not_implemented("plan"))
    }
    async fn deliver_email(
        &self,
        _context: &Context,
        _message: EmailMessage,
    ) -> Result<(), Failure> {
        Err(Failure::not_implemented("deliver_email"))
    }
    async fn sweep_cache(&self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::not_implemented("sweep_cache"))
    }
    async fn clean_up(&self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::not_implemented("clean_up"))
    }
}
