//! What Atomic Guide does that its spec cannot say: measurements of pages, videos, and cleaning up.

use std::time::Duration;

use proofline_runtime::{Call, Context, Delivery, Failure};
use serde_json::json;

use crate::generated::handlers::{Handlers, TakeWebVitalAnswer};
use crate::generated::statements;
use crate::generated::types::{Accepted, VideoJob, WebVital, WebVitals};

/// How long the measurements of pages are kept.
const VITALS_KEPT: Duration = Duration::from_hours(90 * 24);
/// How long the ids of webhook events are kept, so that a replay is known.
const EVENTS_KEPT: Duration = Duration::from_hours(90 * 24);

/// The hand-written part of Atomic Guide.
#[derive(Debug, Default)]
pub struct App;

impl Handlers for App {
    /// One measurement goes the way of many.
    async fn take_web_vital(
        &self,
        call: &Call,
        body: WebVital,
    ) -> Result<TakeWebVitalAnswer, Failure> {
        let id = call.new_id()?;
        call.enqueue("ANALYTICS", json!({"id": id, "items": [body]})).await?;
        Ok(TakeWebVitalAnswer::Accepted(Accepted { id }))
    }

    async fn process_video(
        &self,
        delivery: &Delivery<'_>,
        message: VideoJob,
    ) -> Result<(), Failure> {
        delivery.run(statements::VIDEO_PROCESSED.with(&[("id", &message.video)])).await?;
        Ok(())
    }

    async fn keep_web_vitals(
        &self,
        delivery: &Delivery<'_>,
        message: WebVitals,
    ) -> Result<(), Failure> {
        let now = delivery.now();
        for (number, vital) in message.items.iter().enumerate() {
            // A message that is delivered twice has the same ids, and is kept once.
            let statement = statements::INSERT_WEB_VITAL.with(&[
                ("id", &format!("{}-{number}", message.id)),
                ("name", &vital.name.to_string()),
                ("value", &vital.value),
                ("path", &vital.path),
                ("now", &now),
            ]);
            delivery.run(statement).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, context: &Context) -> Result<(), Failure> {
        let before = context.ago(VITALS_KEPT);
        context.run(statements::DELETE_OLD_WEB_VITALS.with(&[("before", &before)])).await?;
        let before = context.ago(EVENTS_KEPT);
        context.run(statements::DELETE_OLD_WEBHOOK_EVENTS.with(&[("before", &before)])).await?;
        let before = context.now();
        context.run(statements::DELETE_OLD_LTI_LOGINS.with(&[("before", &before)])).await?;
        Ok(())
    }
}
