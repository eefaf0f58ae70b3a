alter table videos add column queued_at text;
create index videos_to_queue on videos (created_at) where queued_at is null and status = 'uploaded';
