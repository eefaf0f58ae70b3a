create table webhook_events (
  id text primary key,
  received_at text not null
);

create table dead_letters (
  id text primary key,
  queue text not null,
  message text not null,
  attempts integer not null,
  reason text not null,
  died_at text not null,
  replayed_at text
);
create index dead_letters_by_queue on dead_letters (queue, died_at);

create table task_history (
  id text primary key,
  task text not null,
  started_at text not null,
  duration_ms integer not null,
  outcome text not null,
  message text
);
create index task_history_by_task on task_history (task, started_at);
