-- What the nightly clean-up asks for.
create index usage_by_day on usage (day);
create index webhook_events_by_time on webhook_events (received_at);
