create table users (
  id text primary key,
  email text not null unique collate nocase,
  name text not null,
  password_hash text not null,
  role text not null default 'learner' check (role in ('learner', 'instructor', 'admin')),
  created_at text not null
);

create table notes (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  text text not null,
  created_at text not null
);
create index notes_by_user on notes (user_id, created_at);

create table faqs (
  id text primary key,
  question text not null,
  answer text not null,
  created_at text not null
);
create index faqs_by_time on faqs (created_at);

create virtual table faqs_text using fts5 (id unindexed, question, answer);

create trigger faqs_text_follows_delete after delete on faqs begin
  delete from faqs_text where id = old.id;
end;

create table videos (
  id text primary key,
  title text not null,
  status text not null default 'uploaded' check (status in ('uploaded', 'processed')),
  created_at text not null
);

create table web_vitals (
  id text primary key,
  name text not null,
  value real not null,
  path text not null,
  received_at text not null
);
create index web_vitals_by_time on web_vitals (received_at);

create table webhook_events (
  id text primary key,
  received_at text not null
);
create index webhook_events_by_time on webhook_events (received_at);

create table enrolments (
  user_email text not null collate nocase,
  course text not null,
  state text not null check (state in ('active', 'completed', 'withdrawn')),
  updated_at text not null,
  primary key (user_email, course)
);

create table dead_letters (
  id text primary key,
  queue text not null,
  message_id text,
  message text not null,
  attempts integer not null,
  class text,
  reason text not null,
  died_at text not null,
  replayed_at text,
  replaying_at text
);
create index dead_letters_by_queue on dead_letters (queue, died_at);

create table delivered_messages (
  id text primary key,
  queue text not null,
  delivered_at text not null
);
create index delivered_messages_by_time on delivered_messages (delivered_at);

create table task_history (
  id text primary key,
  task text not null,
  started_at text not null,
  duration_ms integer not null,
  outcome text not null,
  message text
);
create index task_history_by_task on task_history (task, started_at);

create table overrides (
  name text primary key,
  value text not null,
  changed_at text not null,
  changed_by text not null
);
