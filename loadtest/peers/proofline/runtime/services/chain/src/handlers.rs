//! What the three routes answer.

use proofline_runtime::{Call, Failure};

use crate::generated::handlers::{CreateUserAnswer, Handlers, HealthAnswer, MeAnswer};
use crate::generated::types::{Health, Me, NewUser, User};

/// The hand-written part of the service.
#[derive(Debug, Default)]
pub struct App;

impl Handlers for App {
    async fn health(&self, _: &Call) -> Result<HealthAnswer, Failure> {
        Ok(HealthAnswer::Ok(Health { status: "ok".to_owned() }))
    }

    async fn me(&self, call: &Call) -> Result<MeAnswer, Failure> {
        let principal = call.principal()?;
        Ok(MeAnswer::Ok(Me { id: principal.id.clone(), role: principal.role.clone() }))
    }

    async fn create_user(&self, call: &Call, body: NewUser) -> Result<CreateUserAnswer, Failure> {
        let id = call.new_id()?;
        Ok(CreateUserAnswer::Created(User { id, email: body.email, name: body.name }))
    }
}
