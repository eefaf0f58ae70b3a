create table documents (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  title text not null,
  content text not null,
  created_at text not null
);
create virtual table documents_text using fts5 (id unindexed, title, content);
create table webhook_events (id text primary key, received_at text not null);
create table dead_letters (
  id text primary key,
  queue text not null,
  message_id text,
  message text not null,
  attempts integer not null,
  class text,
  reason text not null,
  died_at text not null,
  replaying_at text,
  replayed_at text
);
create table task_history (
  id text primary key,
  task text not null,
  started_at text not null,
  duration_ms integer not null,
  outcome text not null,
  message text
);
create index task_history_by_task on task_history (task, started_at);
create table delivered_messages (id text primary key, queue text not null, delivered_at text not null);
