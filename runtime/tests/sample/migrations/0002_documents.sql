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
  message text not null,
  attempts integer not null,
  reason text not null,
  died_at text not null,
  replayed_at text
);
