//! What Atomic Guide does that its spec cannot say: measurements of pages, records of requests, videos, and cleaning up.

use std::time::Duration;

use proofline_runtime::{Call, Context, Delivery, Failure};
use serde_json::json;

use crate::generated::handlers::{Handlers, TakeWebVitalAnswer};
use crate::generated::statements;
use crate::generated::types::{Accepted, Analytics, VideoJob, WebVital};

/// How long the measurements of pages are kept.
const VITALS_KEPT: Duration = Duration::from_hours(90 * 24);
/// How long records of requests are kept.
const REQUESTS_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long the ids of webhook events are kept, so that a replay is known.
const EVENTS_KEPT: Duration = Duration::from_hours(90 * 24);

/// As many videos go into the queue in one run of the task; the rest in the next one.
const VIDEOS_AT_ONCE: i64 = 100;

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

    /// Videos that arrived since go into the queue. Whoever is interrupted in between does it again: a video that is
    /// processed twice is as one that is processed once.
    async fn queue_videos(&self, context: &Context) -> Result<(), Failure> {
        let found = context.run(statements::VIDEOS_TO_QUEUE.with(&[("limit", &VIDEOS_AT_ONCE)]));
        for row in found.await?.rows {
            let id = row.text("id").unwrap_or_default();
            context.enqueue("VIDEO_PROCESSING", json!({"id": id, "video": id})).await?;
            let now = context.now();
            context.run(statements::VIDEO_QUEUED.with(&[("id", &id), ("now", &now)])).await?;
        }
        Ok(())
    }

    async fn keep_analytics(
        &self,
        delivery: &Delivery<'_>,
        message: Analytics,
    ) -> Result<(), Failure> {
        // A message that is delivered twice has the same ids, and is kept once.
        if let Some(requests) = &message.requests {
            let requests = serde_json::to_string(requests).map_err(Failure::internal)?;
            let statement = statements::INSERT_REQUEST_RECORDS
                .with(&[("message", &message.id), ("requests", &requests)]);
            delivery.run(statement).await?;
        }
        let now = delivery.now();
        for (number, vital) in message.items.iter().flatten().enumerate() {
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
        let before = context.ago(REQUESTS_KEPT);
        context.run(statements::DELETE_OLD_REQUEST_RECORDS.with(&[("before", &before)])).await?;
        let before = context.ago(EVENTS_KEPT);
        context.run(statements::DELETE_OLD_WEBHOOK_EVENTS.with(&[("before", &before)])).await?;
        let before = context.now();
        context.run(statements::DELETE_OLD_LTI_LOGINS.with(&[("before", &before)])).await?;
        Ok(())
    }
}
