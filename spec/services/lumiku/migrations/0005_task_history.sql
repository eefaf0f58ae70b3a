create table task_history (
  id text primary key,
  task text not null,
  started_at text not null,
  duration_ms integer not null,
  outcome text not null,
  message text
);
create index task_history_by_task on task_history (task, started_at);
