//! What Lumiku does that its spec cannot say: generations are charged and queued, done by providers, and mended.

use std::time::Duration;

use proofline_runtime::binding::sql::{Batch, Bound, Done, ToParameter, Transacted};
use proofline_runtime::definition::ProblemType;
use proofline_runtime::{Call, Context, Delivery, Failure};

use crate::generated::definition::{
    INSUFFICIENT_CREDITS, INVALID_TRANSITION, MODEL_NOT_FOUND, TEXT_TO_POSE_FLAG, VIDEO_MIXER_FLAG,
};
use crate::generated::handlers::{Handlers, RequestGenerationAnswer};
use crate::generated::statements;
use crate::generated::types::{Generation, GenerationMessage, Kind, Model, NewGeneration};
use crate::provider::{self, Undone};

/// How long a generation may wait in the queue before it is queued once more.
const LATE: Duration = Duration::from_mins(10);
/// How long a generation may be processed before it is given up.
const STUCK: Duration = Duration::from_hours(1);
/// How long the ids of payments are kept, so that a replay is known.
const PAYMENTS_KEPT: Duration = Duration::from_hours(400 * 24);
/// How long messages are kept that could not be delivered.
const DEAD_LETTERS_KEPT: Duration = Duration::from_hours(7 * 24);

/// The hand-written part of Lumiku.
#[derive(Debug, Default)]
pub struct App;

impl Handlers for App {
    /// Charges and stores the generation together; what is not queued then is queued by the task.
    async fn request_generation(
        &self,
        call: &Call,
        body: NewGeneration,
    ) -> Result<RequestGenerationAnswer, Failure> {
        let model = match call.run(statements::MODEL_BY_ID.with(&[("id", &body.model)])).await {
            Ok(found) => found.one::<Model>()?,
            Err(failure) if is(&failure, &MODEL_NOT_FOUND) => None,
            Err(failure) => return Err(failure),
        };
        let Some(model) = model else { return Ok(RequestGenerationAnswer::ModelNotFound) };
        let is_on = match model.kind {
            Kind::Video => call.flag(&VIDEO_MIXER_FLAG).await,
            Kind::Pose => call.flag(&TEXT_TO_POSE_FLAG).await,
            Kind::Text | Kind::Image => true,
        };
        if !is_on {
            return Ok(RequestGenerationAnswer::FeatureOff);
        }
        let id = call.new_id()?;
        let steps = charge(call, &id, &model, &body)?;
        let done = match call.transact(Batch { once: None, steps }).await {
            Ok(Transacted::Done(done)) => done,
            Ok(Transacted::Before) => Vec::new(),
            Err(failure) if is(&failure, &INSUFFICIENT_CREDITS) => {
                return Ok(RequestGenerationAnswer::InsufficientCredits);
            }
            Err(failure) => return Err(failure),
        };
        let stored = done.last().map(Done::one::<Generation>).transpose()?.flatten();
        let generation = stored.ok_or_else(|| Failure::internal("nothing was stored"))?;
        // It is stored and charged: a queue that is full only makes it late.
        let _ = enqueue(call, &id).await;
        Ok(RequestGenerationAnswer::Accepted(generation))
    }

    async fn generate(
        &self,
        delivery: &Delivery<'_>,
        message: GenerationMessage,
    ) -> Result<(), Failure> {
        let (id, now) = (message.id, delivery.now());
        delivery.run(statements::START_GENERATION.with(&[("id", &id), ("now", &now)])).await?;
        let work = delivery.run(statements::GENERATION_WORK.with(&[("id", &id)])).await?;
        // The user may have gone, or cancelled it; and a message may come twice.
        let Some(row) = work.first().filter(|row| row.text("status") == Some("processing")) else {
            return Ok(());
        };
        let (kind, prompt) = (row.text("kind"), row.text("prompt"));
        match provider::generate(delivery, kind.unwrap_or(""), prompt.unwrap_or("")).await {
            Ok(result) => {
                let now = delivery.now();
                let with: &[(&str, &dyn ToParameter)] =
                    &[("id", &id), ("result", &result), ("now", &now)];
                let completed = delivery.run(statements::COMPLETE_GENERATION.with(with)).await;
                completed.map(drop).or_else(unless_moved)
            }
            Err(Undone::Later(failure)) => Err(failure),
            Err(Undone::Never) => give_up(delivery, &id).await,
        }
    }

    async fn sweep_cache(&self, context: &Context) -> Result<(), Failure> {
        context.store("CACHE")?.sweep().await?;
        Ok(())
    }

    async fn mend_generations(&self, context: &Context) -> Result<(), Failure> {
        let before = context.ago(LATE);
        let late = statements::WAITING_GENERATIONS.with(&[("before", &before)]);
        for row in context.run(late).await?.rows {
            enqueue(context, row.text("id").unwrap_or_default()).await?;
        }
        let before = context.ago(STUCK);
        let stuck = statements::STUCK_GENERATIONS.with(&[("before", &before)]);
        for row in context.run(stuck).await?.rows {
            give_up(context, row.text("id").unwrap_or_default()).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, context: &Context) -> Result<(), Failure> {
        let before = context.ago(PAYMENTS_KEPT);
        context.run(statements::DELETE_OLD_PAYMENTS.with(&[("before", &before)])).await?;
        let before = context.ago(DEAD_LETTERS_KEPT);
        context.run(statements::DELETE_OLD_DEAD_LETTERS.with(&[("before", &before)])).await?;
        Ok(())
    }
}

fn is(failure: &Failure, problem: &'static ProblemType) -> bool {
    std::ptr::eq(failure.problem(), problem)
}

/// A generation that is no longer being processed has been moved by somebody else, and stays as it is.
fn unless_moved(failure: Failure) -> Result<(), Failure> {
    if is(&failure, &INVALID_TRANSITION) { Ok(()) } else { Err(failure) }
}

/// The deduction, its movement and the generation.
fn charge(
    call: &Call,
    id: &str,
    model: &Model,
    body: &NewGeneration,
) -> Result<Vec<Bound>, Failure> {
    let user = &call.principal()?.id;
    let (movement, now) = (call.new_id()?, call.now());
    Ok(vec![
        statements::DEDUCT_CREDITS.with(&[
            ("user_id", user),
            ("amount", &model.cost),
            ("now", &now),
        ]),
        statements::RECORD_DEDUCTION.with(&[
            ("id", &movement),
            ("user_id", user),
            ("amount", &model.cost),
            ("reference", &id),
            ("now", &now),
        ]),
        statements::INSERT_GENERATION.with(&[
            ("id", &id),
            ("user_id", user),
            ("model", &body.model),
            ("prompt", &body.prompt),
            ("movement_id", &movement),
            ("now", &now),
        ]),
        statements::GENERATION_BY_ID.with(&[("id", &id)]),
    ])
}

async fn enqueue(context: &Context, id: &str) -> Result<(), Failure> {
    context.enqueue("GENERATION", serde_json::json!({ "id": id })).await.map(drop)
}

/// The generation has failed, and its credits come back.
async fn give_up(context: &Context, id: &str) -> Result<(), Failure> {
    let work = context.run(statements::GENERATION_WORK.with(&[("id", &id)])).await?;
    let Some(movement) = work.first().and_then(|row| row.text("movement_id")) else {
        return Ok(());
    };
    let (returned, now) = (context.new_id()?, context.now());
    let steps = vec![
        statements::FAIL_GENERATION.with(&[("id", &id), ("now", &now)]),
        statements::RECORD_REFUND.with(&[("movement_id", &movement), ("now", &now)]),
        statements::RETURN_CREDITS.with(&[("movement_id", &movement), ("now", &now)]),
        statements::RECORD_RETURN.with(&[
            ("id", &returned),
            ("movement_id", &movement),
            ("now", &now),
        ]),
    ];
    context.transact(Batch { once: None, steps }).await.map(drop).or_else(unless_moved)
}
